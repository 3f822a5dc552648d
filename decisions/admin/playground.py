"""The playground: who gets what and why, here and there, and in the words of every protocol."""

import json
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse

from audits import theme
from decisions.admin.answers import Decided, decided, keys_of, rows_of
from decisions.admin.curls import curl
from decisions.admin.questions import SHOWN, Side, form_of, sides_of
from decisions.process import snapshot_of
from decisions.protocols._base import Question
from decisions.rehearsal import Rehearsed, rehearse
from tenants.roles import Kind

PAGE = 50
OFFERED = 200
KEY, SIGNER, TOKEN = "YOUR-KEY", "YOUR-KEY-NAME", "YOUR-TOKEN"
PROTOCOLS = "protocols"


def playground(request: HttpRequest) -> HttpResponse:
    """GET /admin/playground/: the form, and below it the answers once it says where and who."""
    form = form_of(request)
    context: dict[str, Any] = {"form": form, "is_comparing": any(request.GET.get(name) for name in OTHERS)}
    if form.is_bound and form.is_valid():
        here, there = sides_of(form.cleaned_data)
        show = _protocols if form.cleaned_data["view"] == PROTOCOLS else _features
        context |= {"here": here, "there": there, "link": request.build_absolute_uri(), "view": show.__name__}
        context |= show(request, form.cleaned_data, _decided(here), _decided(there) if there else None)
    return theme.shown(request, "admin/playground/page.html", "Playground", **context)


OTHERS = ("other_environment", "other_user", "other_attributes")


def _decided(side: Side) -> Decided:
    snapshot = snapshot_of(side.environment)
    if snapshot is None:
        raise Http404("environment not found")
    return decided(side, snapshot)


def _features(request: HttpRequest, asked: dict[str, Any], here: Decided, there: Decided | None) -> dict[str, Any]:
    """What every feature answers."""
    keys = keys_of(here, there, text=asked["q"], show=asked["show"])
    page = Paginator(keys, PAGE).get_page(request.GET.get("page"))
    return {
        "rows": rows_of(page.object_list, here, there),
        "page": page,
        "count": len(keys),
        "total": len(here.decisions),
        "shows": [choice for choice in SHOWN if there or choice[0] != "differs"],
        "asked": asked,
    }


def _protocols(request: HttpRequest, asked: dict[str, Any], here: Decided, there: Decided | None) -> dict[str, Any]:
    """What every protocol answers about one feature."""
    definitions = here.snapshot.definitions
    keys = sorted(definitions)
    key = asked["feature"] or (keys[0] if keys else "")
    subject, feature = here.side.subject, definitions.get(key)
    kind = Kind.SERVER if feature and feature.is_server_only else Kind.CLIENT
    project_key = here.snapshot.about.project_key
    question = Question(key, subject.key or "", subject.attributes, "", "", project_key)
    found = rehearse(here.snapshot, question, kind=kind) if key else []
    base = request.build_absolute_uri("/").rstrip("/")
    return {
        "feature_key": key,
        "offered": keys[:OFFERED],
        "kind": kind.value,
        "answers": [_shown(base, question, one) for one in found],
        "rows": rows_of([key], here, None) if feature else [],
        "is_another_time": asked["at"] is not None,
    }


def _shown(base: str, question: Question, found: Rehearsed) -> dict[str, Any]:
    """One protocol's answer, and how to ask for it oneself."""
    asked = question._replace(key=KEY, signer=SIGNER)
    assert found.protocol.example  # noqa: S101  it answered one
    example = found.protocol.example(asked)
    if example.in_shell:
        example = found.protocol.example(asked._replace(key=TOKEN))
    return {
        "title": found.protocol.title,
        "slug": found.protocol.slug,
        "status": found.status,
        "told": found.told,
        "value": json.dumps(found.told.value, ensure_ascii=False) if found.told else "",
        "body": _indented(found.body),
        "curl": curl(base, example),
    }


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
