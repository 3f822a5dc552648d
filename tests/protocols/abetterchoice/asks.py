"""Signed calls of ABetterChoice's API."""

from dataclasses import dataclass
from hashlib import md5
from time import time
from typing import Any

from tests.protocols.wire import Answer, Ask, Mount, ask

EXPERIMENTS, FLAGS = "/abc/get_experiments", "/abc/get_feature_flags"


def signed(call: Ask, name: str, token: str, moment: str = "") -> Ask:
    """The call with the three headers, as of now."""
    moment = moment or str(int(time()))
    signature = md5((token + name + moment).encode()).hexdigest()
    return call.but(x_ak=name, x_et=moment, x_es=signature)


@dataclass(frozen=True)
class Caller:
    """An application with a signing key, and the project that it asks about."""

    mount: Mount
    name: str
    token: str
    project: str

    def call(self, target: str, **fields: Any) -> Ask:
        body = {"project_id": self.project, "unit_id": "user_id_1", **fields}
        return ask("POST", target, {name: value for name, value in body.items() if value is not ...})

    def sent(self, call: Ask, moment: str = "") -> Answer:
        return self.mount(signed(call, self.name, self.token, moment))

    def told(self, target: str, **fields: Any) -> Any:
        """The body of the answer, whose status is always 200."""
        answer = self.sent(self.call(target, **fields))
        assert answer.status == 200, answer
        return answer.json

    def layers(self, **fields: Any) -> Any:
        return self.told(EXPERIMENTS, **fields)["exp_data"]

    def flags(self, **fields: Any) -> Any:
        return self.told(FLAGS, **fields)["data"]
