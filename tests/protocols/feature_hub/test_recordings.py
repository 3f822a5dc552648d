"""Feature Hub as recorded: the document's own lines in their order, and exchanges that were seen."""

import json
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

from tenants.models import Environment
from tests.protocols.wire import Answer, Ask, Client, Mount, ask

HERE = Path(__file__).parent


def recording(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def call_of(line: str) -> Ask:
    """The call that a curl line makes."""
    words = shlex.split(line)
    options = dict(pairwise(words))
    target = next(word for word in words if word.startswith("$BASE_URL")).removeprefix("$BASE_URL")
    headers = {"content-type": "application/json"} if "Content-Type: application/json" in words else {}
    return Ask(options.get("-X", "GET"), target, options.get("-d", "").encode(), headers)


def observed_call(step: dict[str, Any]) -> Ask:
    method, _, target = step["call"].partition(" ")
    body = step["raw"].encode() if "raw" in step else step.get("body")
    call = ask(method, target, body)
    return call.but(content_type=step["content_type"]) if "content_type" in step else call


def same(answer: Answer, step: dict[str, Any]) -> bool:
    """Whether an answer is the recorded one, byte for byte."""
    compact = json.dumps(step["answer"], separators=(",", ":"), ensure_ascii=False).encode()
    return (answer.status, answer.body) == (step["status"], compact)


def test_the_document_answers_as_it_says(open_environment: Environment, mount: Mount) -> None:
    for step in recording("document.json"):
        answer = mount(call_of(step["curl"]))

        assert same(answer, step), f"{step['curl']}\nanswered {answer.status} {answer.body!r}"
        assert answer.headers["content-type"] == "application/json"


def test_the_document_shows_every_call_of_its_overview() -> None:
    shown = {(call.method, call.target.partition("?")[0]) for call in map(call_of, curls())}

    assert len(shown) == 14
    assert all(method in {"GET", "POST", "PATCH"} for method, _ in shown)


def curls() -> list[str]:
    return [step["curl"] for step in recording("document.json")]


def test_the_decision_of_the_document_is_in_its_audit(api: Client) -> None:
    for line in curls():
        api.mount(call_of(line))

    [item] = api.get("/audits?feature_id=feat-001&include_payload=false").json["items"]

    assert item.pop("decided_at").endswith("Z")
    assert item == {
        "id": "dec-001",
        "request_id": "req-001",
        "user_id": "u-123",
        "feature_id": "feat-001",
        "feature_key": "new_checkout",
        "feature_name": "New Checkout v2",
        "experiment_id": "exp-001",
        "experiment_name": "checkout-test-v2",
        "variant_id": "var-001",
        "variant_key": "control",
        "is_control": False,
        "reason": "assigned",
        "variant_payload": None,
    }


def test_what_was_observed_is_answered_again(open_environment: Environment, mount: Mount) -> None:
    for step in recording("observed.json"):
        answer = mount(observed_call(step))

        assert same(answer, step), f"{step['title']}: answered {answer.status} {answer.body.decode()}"


def test_a_recording_that_differs_is_noticed() -> None:
    answer = Answer(200, {}, b'{"status":"ok"}')

    assert same(answer, {"status": 200, "answer": {"status": "ok"}})
    assert not same(answer, {"status": 200, "answer": {"status": "fine"}})
    assert not same(answer, {"status": 201, "answer": {"status": "ok"}})
