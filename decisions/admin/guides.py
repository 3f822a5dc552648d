"""How a key is used: code that works as it stands, for each kind of client, and what can be decided locally with it."""

import json
from typing import Any

from django.http import HttpRequest

from decisions.admin.curls import curl
from decisions.admin.local import kinds_for
from decisions.admin.snippets import SNIPPETS, UNKNOWN
from decisions.protocols import protocols
from decisions.protocols._base import Protocol, Question
from features.models import Feature
from tenants.admin_credentials import Chapter, Snippet
from tenants.models import Credential
from tenants.roles import Kind

USER = "user-1"


def guide(request: HttpRequest, credential: Credential, key: str) -> list[Chapter]:
    """A chapter for each protocol that the key opens."""
    base = request.build_absolute_uri("/").rstrip("/")
    features: Any = Feature.objects.in_project(credential.environment.project_id).live().order_by("number")
    feature_key = features.values_list("key", flat=True).first() or UNKNOWN
    project_key = credential.environment.project.key
    question = Question(feature_key, USER, {"country": "DE"}, key, credential.name, project_key)
    return [_chapter(base, credential, protocol, question) for protocol in protocols() if opens(credential, protocol)]


def opens(credential: Credential, protocol: Protocol) -> bool:
    """Whether a protocol can be asked with a key: those that check signatures only by signing keys, and vice versa."""
    return protocol.example is not None and (protocol.verify is not None) == (credential.kind == Kind.SIGNING)


def _chapter(base: str, credential: Credential, protocol: Protocol, question: Question) -> Chapter:
    assert protocol.example  # noqa: S101  it opens this one
    told = {
        "BASE": base,
        "KEY": question.key,
        "FEATURE": question.feature_key,
        "SIGNER": question.signer,
        "PROJECT": question.project_key,
    }
    words = {name: json.dumps(text, ensure_ascii=False)[1:-1] for name, text in told.items()}  # they stand in quotes
    secret = credential.encryption_key
    words["DECRYPTION"] = f'\n    decryption_key="{secret}",' if secret else ""
    words["decryptionKey"] = f'\n  decryptionKey: "{secret}",' if secret else ""
    found = [one for one in SNIPPETS.get(protocol.slug, ()) if credential.kind in one.kinds]
    if credential.is_remote_only:
        found = [one for one in found if not one.is_local]
    code = [Snippet(one.title, _filled(one.code, words)) for one in found]
    code.append(Snippet("curl", curl(base, protocol.example(question))))
    return Chapter(protocol.title, _note(credential, protocol), code)


def _filled(code: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        code = code.replace(f"‹{name}›", value)
    return code.strip("\n")


def _note(credential: Credential, protocol: Protocol) -> str:
    """Whether this key can be used to decide in the application's own process."""
    if protocol.local_right is None:
        return "The server decides."
    kinds = kinds_for(protocol)
    if credential.is_remote_only:
        return "The server decides: this key is remote only, and gets no documents."
    if credential.kind in kinds:
        return "SDKs can decide locally with this key; “Local evaluation” says which features they cannot express."
    return f"The server decides. Deciding locally takes a {' or '.join(kinds)} key."
