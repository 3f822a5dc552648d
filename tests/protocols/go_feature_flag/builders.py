"""Snapshots without a database, questions to them, and the vendor's own evaluator."""

import json
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from gofeatureflag_python_provider.wasm.evaluate_wasm import EvaluateWasm  # type: ignore[import-untyped]
from gofeatureflag_python_provider.wasm.model import WasmFlagContext, WasmInput  # type: ignore[import-untyped]

from decisions.engine.evaluate import compile_snapshot
from decisions.engine.types import Feature, Segment
from decisions.freshness import Freshness
from decisions.observer import Observer
from decisions.protocols._base import Call, Reply, Request
from decisions.protocols.go_feature_flag import PROTOCOL, evaluation
from decisions.responses import encoded
from decisions.snapshots import About, EnvironmentSnapshot, Grant, Shelf
from tenants.roles import RIGHTS, Kind

SERVER = Grant(1, "server", RIGHTS[Kind.SERVER])
CLIENT = Grant(2, "client", RIGHTS[Kind.CLIENT])
DEFAULT = "the caller's own"


def a_snapshot(
    features: Iterable[Feature], segments: dict[str, Any] | None = None, **about: Any
) -> EnvironmentSnapshot:
    """An environment that serves these features."""
    definitions = {feature.key: feature for feature in features}
    choices = compile_snapshot(definitions.values())
    return EnvironmentSnapshot(
        environment_id=1,
        project_id=1,
        revision="r1",
        changed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        about=About("e", "E", "public", 1, "p", "P", 1, "o", "O", **{**_PLAIN, **about}),
        features=choices,
        public_features={key: choices[key] for key, feature in definitions.items() if not feature.is_server_only},
        definitions=definitions,
        segments={key: Segment(1, key, key, tree) for key, tree in (segments or {}).items()},
        experiments={},
        layers=(),
        grants={},
    )


_PLAIN = {
    "hide_disabled_flags": False,
    "hide_sensitive_data": False,
    "allow_client_traits": True,
    "persist_traits": True,
}


def a_call(snapshot: EnvironmentSnapshot, body: Any = None, grant: Grant = SERVER, **request: Any) -> Call:
    """A question to this snapshot."""
    content = b"" if body is None else json.dumps(body).encode()
    asked = Request("POST", "/", "", {"content-type": "application/json"}, content, **request)
    return Call(asked, snapshot, grant, _never_recorded, Observer(), "go_feature_flag", Freshness(Shelf()))


def _never_recorded(*args: Any) -> "Future[Any]":
    raise AssertionError("nothing of this is a decision to keep")


def evaluated(snapshot: EnvironmentSnapshot, key: str | None, custom: dict[str, Any]) -> Any:
    """What /v1/allflags answers, by flag."""
    call = a_call(snapshot, {"evaluationContext": {"key": key, "custom": custom}})
    return {name: told(state) for name, state in sent(call, evaluation.all_flags(call))["flags"].items()}


def sent(call: Call, reply: Reply) -> Any:
    """An answer as its caller reads it."""
    return json.loads(encoded(PROTOCOL, call.request, reply).body)


def told(state: Any) -> tuple[Any, str, str, str]:
    return state["value"], state["variationType"], state["reason"], state["errorCode"]


class Evaluator:
    """GO Feature Flag's evaluator in Go, compiled to WebAssembly, as its providers run it."""

    def __init__(self) -> None:
        self._wasm = EvaluateWasm(pool_size=1)
        self._wasm.initialize()

    def __call__(self, key: str, flag: Any, subject: str | None, attributes: Any) -> tuple[Any, str, str, str]:
        """Value, variation, reason and error code, as /v1/allflags writes them."""
        named = {"targetingKey": subject} if subject is not None else {}
        found = self._wasm.evaluate(
            WasmInput(
                flagKey=key,
                flag=flag,
                evalContext={**attributes, **named},
                flagContext=WasmFlagContext(defaultSdkValue=DEFAULT),
            )
        )
        if found.variationType == "SdkDefault":
            return None, "", found.reason, found.errorCode
        return found.value, found.variationType, found.reason, found.errorCode
