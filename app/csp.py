"""The Content-Security-Policy of every page: a browser runs and shows only what this server sends as files."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

Answering = Callable[..., HttpResponse]
POLICY: Mapping[str, str] = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
ADMIN = {"script-src": "'self' 'unsafe-eval'"}
"""Unfold's Alpine compiles its attributes. No text of a person ever stands in one; docs/adr/0012 says more."""
REFERENCE = {"style-src": "'self' 'unsafe-inline'", "worker-src": "'self' blob:"}
"""The pages about the schema write their styles while they run. They show nobody's text."""
HEADER = "Content-Security-Policy"


class ContentSecurityPolicy:
    """Middleware that sends the policy with every answer; what is looser, a view has said itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        looser = ADMIN if request.path.startswith("/admin/") else {}
        response.headers.setdefault(HEADER, written({**POLICY, **looser}))
        return response


def looser(view: Answering, exceptions: Mapping[str, str]) -> Answering:
    """The same view under a policy with exceptions."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        response.headers[HEADER] = written({**POLICY, **exceptions})
        return response

    return answer


def written(policy: Mapping[str, str]) -> str:
    """As the header has it."""
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
