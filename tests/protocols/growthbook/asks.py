"""An environment that has something of everything to say, and subjects that ask."""

from typing import Any

import httpx

from audits.services import SYSTEM
from features import services as features
from tenants.models import Environment
from tests.builders import a_condition, a_feature, a_rule, a_running_experiment, a_segment

ON = {"status": "on", "on_value": True, "off_value": False}
KEYS = ["asleep", "word", "share", "shape", "half", "ruled", "newer", "tagged", "chosen", "waiting", "tried", "company"]


def furnish(environment: Environment) -> None:
    """A feature for every way in which a document says something."""
    a_feature(environment, key="asleep")
    a_feature(environment, key="word", value_type="string", state=ON | {"on_value": "blue", "off_value": ""})
    a_feature(environment, key="share", value_type="number", state=ON | {"on_value": 0.5, "off_value": 7})
    a_feature(environment, key="shape", value_type="json", state=ON | {"on_value": {"a": [1, None]}, "off_value": None})
    half = a_feature(environment, key="half", state=ON | {"rollout_percent": 50})
    rules = {
        "ruled": a_condition(),
        "newer": a_condition("app.version", "semver_gte", "1.10.0"),
        "tagged": a_condition("tags", "not_in", ["old", "odd"]),
    }
    for key, conditions in rules.items():
        feature = a_feature(environment, key=key, state=ON | {"on_value": False})
        a_rule(feature, environment, conditions=conditions, rollout_percent=70)
    chosen = a_feature(environment, key="chosen", state=ON | {"on_value": False})
    features.set_override(chosen, environment, identifier="user-7", value=True, actor=SYSTEM)
    waiting = a_feature(environment, key="waiting", state=ON)
    features.set_prerequisite(waiting, environment, required=half, actor=SYSTEM)
    germans = a_segment(environment.project)
    tried, company = (a_feature(environment, key=key, value_type="json") for key in ("tried", "company"))
    a_running_experiment(environment, tried, audience=germans)
    a_running_experiment(environment, company, hash_attribute="company")
    a_feature(environment, key="secret", is_server_only=True, state=ON)


def subjects(count: int) -> list[dict[str, Any]]:
    """Subjects of all sorts; some have no key."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        said: dict[str, Any] = {"id": f"user-{number}"} if number % 11 else {}
        said["country"] = ["DE", "AT", ["FR", "DE"], 5][number % 4]
        said["app"] = {"version": ["1.9.9", "1.10.0", "2.0.0-rc.1", "new", 3][number % 5]}
        said["tags"] = [["old"], ["new"], [], "odd", "new"][number % 5]
        found.append(said | ({"company": f"company-{number % 9}"} if number % 6 else {}))
    return found


def evaluated(host: str, key: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """What remote evaluation says of a subject."""
    answer = httpx.post(f"{host}/api/eval/{key}", json={"attributes": attributes})
    assert answer.status_code == 200, answer.text
    return {name: feature["defaultValue"] for name, feature in answer.json()["features"].items()}
