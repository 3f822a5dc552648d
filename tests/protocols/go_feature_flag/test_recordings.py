"""Exchanges as they were seen with a relay proxy, replayed through both kinds of server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_key
from tests.protocols.go_feature_flag.asks import Asker
from tests.protocols.wire import Mount

RECORDED = json.loads((Path(__file__).parent / "observed.json").read_text(encoding="utf-8"))
WHATEVER = "*"


def masked(value: Any) -> Any:
    """A value without what is another one each time: versions and times."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    varying = {"version", "timestamp"}
    return {name: WHATEVER if name in varying and item != "" else masked(item) for name, item in value.items()}


def test_what_was_observed_is_answered_again(shop: Environment, mount: Mount) -> None:
    caller = Asker(mount, a_key(shop, Kind.MANAGE))

    for step in RECORDED:
        method, _, target = step["call"].partition(" ")
        answer = caller.call(method, target, step.get("body"))

        found, expected = json.dumps(masked(answer.json)), json.dumps(step["answer"])  # as text: the order counts
        assert (answer.status, found) == (step["status"], expected), step["title"]


@pytest.mark.parametrize("answer", [{"version": "1", "a": [{"timestamp": 5}]}])
def test_only_what_varies_is_masked(answer: dict[str, Any]) -> None:
    assert masked(answer) == {"version": "*", "a": [{"timestamp": "*"}]}
    assert masked({"version": ""}) == {"version": ""}
