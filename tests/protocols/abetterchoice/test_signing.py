"""Signatures: who is let in, for how long, and how little the others are told."""

from dataclasses import replace
from time import time
from typing import Any

import pytest
from pytest_django import Settings

from audits.services import SYSTEM
from decisions import process
from decisions.protocols import abetterchoice
from decisions.protocols._base import Kind as Why
from decisions.protocols._base import Refusal, Request
from decisions.protocols.abetterchoice.signing import signature, verifier
from decisions.snapshots import Grant
from tenants.models import Credential, Environment
from tenants.roles import RIGHTS, Kind
from tenants.services import revoke_credential
from tests.builders import a_feature, a_key
from tests.protocols.abetterchoice.asks import EXPERIMENTS, FLAGS, Caller, signed
from tests.protocols.wire import Answer, Mount

DENIED = {"ret_code": 101, "msg": "no permission", "exp_data": {}, "data": {}}


def test_the_signature_is_the_documents() -> None:
    found = signature("your_api_token", "your_secret_key_name", "1713841639")

    assert found == "db679ae5c6017744f6b67349f3bb8346"


def test_a_signed_call_is_answered_through_both_mounts(caller: Caller, mount: Mount) -> None:
    for target in (EXPERIMENTS, FLAGS):
        answer = replace(caller, mount=mount).sent(caller.call(target))

        assert (answer.status, answer.json["ret_code"], answer.json["msg"]) == (200, 100, "")


def test_moments_are_in_seconds_or_milliseconds(caller: Caller) -> None:
    now = int(time())
    good = [str(now), str(now * 1000), str(now - 290), str(now + 290)]
    stale = [str(now - 310), str(now + 310), str((now - 310) * 1000), "0000000000", "9999999999999"]
    malformed = ["", "x", "1", f" {now}x", f"{now}.0", f"+{now}", f"{now}0", "١٢٣٤٥٦٧٨٩٠", "12345678901234"]

    def message(moment: str) -> Any:
        call = signed(caller.call(FLAGS), caller.name, caller.token, moment or "1")
        return caller.mount(call.but(x_et=moment.encode().decode("latin-1"))).json

    assert [message(moment)["ret_code"] for moment in good] == [100] * 4
    assert all(message(moment)["msg"].startswith("no permission: timestamp expired (server time ") for moment in stale)
    assert message(malformed[0]) == DENIED
    for moment in malformed[1:]:
        assert message(moment)["msg"].startswith("no permission: X-Et must be a Unix timestamp"), moment
        assert message(moment)["ret_code"] == 101


def test_signatures_are_taken_as_tools_print_them(caller: Caller) -> None:
    call = signed(caller.call(FLAGS), caller.name, caller.token)
    digits = call.headers["x-es"]

    for good in (digits, digits.upper(), f"{digits}  -", f"{digits} *-"):
        assert caller.mount(call.but(x_es=good)).json["ret_code"] == 100, good
    for bad in (digits[:-1], f"{digits}0", f"0x{digits}", "z" * 32, f"{digits}  file", "md5"):
        assert caller.mount(call.but(x_es=bad)).json["msg"] == "no permission: X-Es must be 32 hex digits", bad


def test_whoever_proves_nothing_learns_nothing(environment: Environment, caller: Caller) -> None:
    call = signed(caller.call(FLAGS), caller.name, caller.token)
    client = a_key(environment)
    credential = Credential.objects.get(kind=Kind.CLIENT)
    strangers = [
        *(call.but(**{name: ""}) for name in ("x_ak", "x_et", "x_es")),
        signed(caller.call(FLAGS), "nobody", caller.token),
        signed(caller.call(FLAGS), caller.name.upper(), caller.token),
        signed(caller.call(FLAGS), caller.name, "sig.another"),
        signed(caller.call(FLAGS), client, client),
        signed(caller.call(FLAGS), credential.name, client),
        signed(caller.call(FLAGS), environment.public_id, environment.public_id),
        signed(caller.call(FLAGS), caller.token, caller.token),
        call.but(x_ak=f"signing:{caller.name}"),
    ]

    for stranger in strangers:
        assert caller.mount(stranger).json == DENIED, stranger.headers


def test_nothing_can_be_moved_from_the_name_to_the_moment(environment: Environment, caller: Caller) -> None:
    moment = str(int(time()))
    longer = caller.name + moment[0]
    call = signed(caller.call(FLAGS), caller.name, caller.token, moment).but(x_ak=longer, x_et=moment[1:])

    assert caller.mount(call).json["ret_code"] == 101


def test_a_revoked_key_signs_no_longer(environment: Environment, caller: Caller) -> None:
    assert caller.told(FLAGS)["ret_code"] == 100

    revoke_credential(environment.credentials.get(), actor=SYSTEM)

    assert caller.told(FLAGS) == DENIED


def test_the_name_of_a_signing_key_opens_nothing_elsewhere(environment: Environment, caller: Caller) -> None:
    a_feature(environment, key="checkout", state={"status": "on"})
    call = caller.call("/ofrep/v1/evaluate/flags")

    for key in (caller.name, f"signing:{caller.name}"):
        assert caller.mount(call.but(x_api_key=key)).status == 401, key


def test_a_window_of_zero_is_for_ever() -> None:
    grant = Grant(1, Kind.SIGNING, RIGHTS[Kind.SIGNING], secret="token")
    old = {"x-ak": "name", "x-et": "1713841639", "x-es": signature("token", "name", "1713841639")}
    request = Request("POST", FLAGS, "", old)

    verifier(0)(request, grant)

    with pytest.raises(Refusal, match="timestamp expired"):
        verifier(86_400)(request, grant)


def test_an_installation_says_how_long_and_how_strictly(caller: Caller, settings: Settings) -> None:
    process.stop()
    settings.PROTOCOL_OPTIONS = {"abetterchoice": {"clock_skew": 10, "strict_status": True}}
    late = str(int(time()) - 60)

    def status(answer: Answer) -> tuple[int, int]:
        return answer.status, answer.json["ret_code"]

    assert status(caller.sent(caller.call(FLAGS))) == (200, 100)
    assert status(caller.sent(caller.call(FLAGS), late)) == (401, 101)
    assert status(caller.sent(caller.call(FLAGS, project_id="elsewhere"))) == (404, 103)
    assert status(caller.sent(caller.call(FLAGS, project_id=""))) == (400, 103)
    assert status(caller.sent(caller.call(FLAGS, unit_id=""))) == (400, 105)
    assert status(caller.sent(caller.call(FLAGS, feature_names=["nowhere"]))) == (404, 105)


def test_each_refusal_has_its_code() -> None:
    relaxed, strict = abetterchoice.PROTOCOL, abetterchoice.configured(strict_status=True)
    expected = {
        Why.UNAUTHENTICATED: (101, "no permission", 401),
        Why.FORBIDDEN: (101, "no permission", 403),
        Why.TOO_MANY: (102, "traffic limit", 429),
        Why.INTERNAL: (104, "server error", 500),
        Why.UNAVAILABLE: (104, "server error", 503),
        Why.TOO_BUSY: (104, "server error", 503),
        Why.MALFORMED: (105, "invalid param: because", 400),
        Why.TOO_LARGE: (105, "invalid param: because", 413),
        Why.UNSUPPORTED: (105, "invalid param: because", 415),
    }

    for kind, (code, message, status) in expected.items():
        refusal = Refusal(kind, "because", 3)
        assert relaxed.refuse(refusal).body == {"ret_code": code, "msg": message, "exp_data": {}, "data": {}}
        assert (relaxed.refuse(refusal).status, strict.refuse(refusal).status) == (200, status)
