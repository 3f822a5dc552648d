"""The gateway answers from memory, in the protocol's words."""

import json
from typing import Any

from decisions.gateway import Gateway, Waiting
from decisions.protocols._base import Request
from decisions.responses import Response
from tests.builders import a_key, a_running_experiment, an_environment


def ask(gateway: Gateway, key: str | None, **body: Any) -> Response:
    headers = {"content-type": "application/json"} | ({"x-environment-key": key} if key else {})
    request = Request("POST", "/decisions", "", headers, json.dumps(body).encode())
    match = gateway.find("/decisions")
    assert match is not None
    response = gateway.respond(match, request, load=True)
    if isinstance(response, Waiting):
        response.pending.future.exception(timeout=10)
        return response.finish()
    assert isinstance(response, Response)
    return response


def test_a_decision_is_answered_and_stored(gateway: Gateway) -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)

    response = ask(gateway, a_key(environment), request_id="r1", feature_key=experiment.feature.key, user_id="u1")

    assert response.status == 200, response.body
    assert json.loads(response.body)["reason"] == "assigned"
