"""Flagsmith as observed: exchanges in its words, answered again in their order, byte for byte where bytes are fixed."""

import json
from pathlib import Path
from typing import Any

from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_condition, a_feature, a_key, a_rule, a_segment
from tests.protocols.flagsmith.asks import a_split
from tests.protocols.wire import Answer, Ask, Mount, ask

OBSERVED = Path(__file__).parent / "observed.json"
VARYING = "…"


def call_of(step: dict[str, Any], keys: dict[str, str]) -> Ask:
    method, _, target = step["call"].partition(" ")
    body = step["raw"].encode() if "raw" in step else step.get("body")
    key = step.get("key", "client")
    return ask(method, target.format(**keys), body, keys.get(key, key) if key else None)


def is_like(found: Any, recorded: Any) -> bool:
    """Whether an answer is the recorded one; what stands as … varies from one server to another."""
    if recorded == VARYING:
        return True
    if isinstance(found, dict) and isinstance(recorded, dict):
        return found.keys() == recorded.keys() and all(is_like(found[name], recorded[name]) for name in found)
    if isinstance(found, list) and isinstance(recorded, list):
        return len(found) == len(recorded) and all(map(is_like, found, recorded))
    return json.dumps(found) == json.dumps(recorded)


def same(answer: Answer, step: dict[str, Any]) -> bool:
    if answer.status != step["status"]:
        return False
    return answer.body == b"" if step["answer"] is None else is_like(answer.json, step["answer"])


def test_what_was_observed_is_answered_again(environment: Environment, mount: Mount) -> None:
    limit = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 10})
    segment = a_segment(environment.project, name="Professionals", conditions=a_condition("plan", "equals", "pro"))
    a_rule(limit, environment, segment=segment, value=100)
    a_feature(environment, key="banner", value_type="string", state={"on_value": "x", "off_value": ""})
    a_split(environment)
    keys = {"client": a_key(environment), "server": a_key(environment, Kind.SERVER), "name": environment.public_id}

    for step in json.loads(OBSERVED.read_text(encoding="utf-8")):
        answer = mount(call_of(step, keys))
        assert same(answer, step), f"{step['title']}: answered {answer.status} {answer.body.decode()}"
        for name, value in step.get("headers", {}).items():
            assert answer.headers[name] == value, step["title"]


def test_a_recording_that_differs_is_noticed() -> None:
    step = {"status": 200, "answer": {"id": VARYING, "enabled": True}}

    assert same(Answer(200, {}, b'{"id":7,"enabled":true}'), step)
    assert not same(Answer(200, {}, b'{"id":7,"enabled":1}'), step)
    assert not same(Answer(200, {}, b'{"id":7}'), step)
    assert not same(Answer(201, {}, b'{"id":7,"enabled":true}'), step)
