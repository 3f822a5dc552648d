"""Calls as GO Feature Flag's providers make them."""

from dataclasses import dataclass
from typing import Any

from tests.protocols.wire import Answer, Ask, Mount, ask


@dataclass(frozen=True)
class Asker:
    """A caller with a key."""

    mount: Mount
    key: str

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        return self.mount(ask(method, target, body).but(**{"x_api_key": self.key, **headers}))

    def get(self, target: str, **headers: str) -> Answer:
        return self.call("GET", target, **headers)

    def post(self, target: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", target, body, **headers)

    def flag(self, key: str, user: str | None = "u-1", default: Any = None, **custom: Any) -> Answer:
        """One flag, asked for as today."""
        context = {"key": user, "custom": custom} if user is not None else {"custom": custom}
        return self.post(f"/v1/feature/{key}/eval", {"evaluationContext": context, "defaultValue": default})

    def flags(self, user: str | None = "u-1", **custom: Any) -> Answer:
        """All flags."""
        return self.post("/v1/allflags", {"evaluationContext": {"key": user, "custom": custom}})


def with_headers(call: Ask, **headers: str) -> Ask:
    """A call whose only headers, but for the type of its body, are these."""
    return Ask(call.method, call.target, call.body, {"content-type": "application/json"}).but(**headers)
