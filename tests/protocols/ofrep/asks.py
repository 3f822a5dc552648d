"""Callers of OFREP, and an environment that has something of everything to say."""

from dataclasses import dataclass
from typing import Any

from audits.services import SYSTEM
from features.services import set_override, set_prerequisite
from tenants.models import Environment
from tests.builders import a_condition, a_feature, a_rule, a_running_experiment
from tests.protocols.wire import Answer, Ask, Mount, ask

BULK = "/ofrep/v1/evaluate/flags"
ONE = BULK + "/"


def flags(key: str | None, context: Any = None, target: str = BULK) -> Ask:
    """A call as the providers make it; `context` None leaves it out."""
    body = {} if context is None else {"context": context}
    call = ask("POST", target, body)
    return call.but(x_api_key=key) if key else call


@dataclass(frozen=True)
class Provider:
    """An application with a key."""

    mount: Mount
    key: str

    def one(self, feature_key: str, context: Any = None) -> Answer:
        return self.mount(flags(self.key, context, ONE + feature_key))

    def all(self, context: Any = None, **headers: str) -> Answer:
        return self.mount(flags(self.key, context).but(**headers))

    def states(self, context: Any = None) -> dict[str, Any]:
        """The bulk answer by feature."""
        return {flag["key"]: flag for flag in self.all(context).json["flags"]}


def furnish(environment: Environment) -> None:
    """A feature for every way in which a decision can come out."""
    a_feature(environment, key="asleep")
    a_feature(environment, key="awake", state={"status": "on"})
    a_feature(environment, key="word", value_type="string", state={"status": "on", "on_value": "blue", "off_value": ""})
    a_feature(environment, key="share", value_type="number", state=a_number(0.5, 100))
    a_feature(environment, key="count", value_type="number", state=a_number(100, 1))
    a_feature(environment, key="shape", value_type="json", state={"status": "on", "on_value": {"a": [1]}})
    a_feature(environment, key="nothing", value_type="json", state={"status": "on", "on_value": None})
    a_feature(environment, key="half", state={"status": "on", "rollout_percent": 50})
    a_rule(a_feature(environment, key="ruled", state={"status": "on", "on_value": False}), environment,
           key="germans", conditions=a_condition())  # fmt: skip
    chosen = a_feature(environment, key="chosen", state={"status": "on", "on_value": False})
    set_override(chosen, environment, identifier="ann", value=True, actor=SYSTEM)
    waiting = a_feature(environment, key="waiting", state={"status": "on"})
    set_prerequisite(waiting, environment, required=a_feature(environment, key="never"), actor=SYSTEM)
    a_running_experiment(environment, a_feature(environment, key="tried", value_type="json"))


def a_number(on: float, off: float) -> dict[str, Any]:
    return {"status": "on", "on_value": on, "off_value": off}
