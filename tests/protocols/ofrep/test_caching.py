"""Who has an answer is not sent it again; who may have another one always is."""

from datetime import UTC, datetime, timedelta

from audits.services import SYSTEM
from decisions.engine.types import Feature, Override, Ramp, Step
from decisions.protocols.ofrep.tags import REMEMBERED, Tags
from features.services import set_state
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_condition, a_feature, a_key, a_rule
from tests.protocols.ofrep.asks import Provider

ANN, BOB = {"targetingKey": "ann"}, {"targetingKey": "bob"}


def test_the_same_question_is_answered_with_not_modified(furnished: Environment, provider: Provider) -> None:
    first = provider.all(ANN)
    tag = first.headers["etag"]

    for given in (tag, f"W/{tag}", f'"other", {tag}'):
        again = provider.all(ANN, if_none_match=given)

        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["access-control-expose-headers"] == "ETag, Retry-After"
    assert provider.all(ANN, if_none_match='"other"').body == first.body


def test_other_attributes_are_another_question(environment: Environment, provider: Provider) -> None:
    a_rule(a_feature(environment, key="ruled", state={"status": "on", "on_value": False}), environment,
           conditions=a_condition())  # fmt: skip
    tag = provider.all(ANN).headers["etag"]

    assert provider.all({**ANN, "country": "DE"}, if_none_match=tag).status == 200
    assert provider.all({**ANN, "country": "AT"}, if_none_match=tag).status == 304


def test_a_tag_survives_edits_that_change_nothing_here(environment: Environment, provider: Provider) -> None:
    feature = a_feature(environment, key="ruled", state={"status": "on"})
    tag = provider.all(ANN).headers["etag"]

    a_rule(feature, environment, conditions=a_condition())
    assert provider.all(ANN, if_none_match=tag).status == 304

    set_state(feature, environment, actor=SYSTEM, on_value=False)
    assert provider.all(ANN, if_none_match=tag).json["flags"][0]["value"] is False


def test_what_only_servers_see_is_another_answer(environment: Environment, provider: Provider) -> None:
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})
    server = Provider(provider.mount, a_key(environment, Kind.SERVER))
    tag = provider.all(ANN).headers["etag"]

    assert server.all(ANN, if_none_match=tag).status == 200
    assert provider.all(ANN, if_none_match=tag).status == 304


def test_a_step_that_is_due_ends_what_was_remembered() -> None:
    tags = Tags([Feature("a", steps=(Step(100.0),)), Feature("b", overrides={"ann": Override(1, expires_at=200.0)})])

    phases = [tags.question(b"{}", at, True) for at in (0.0, 99.9, 100.0, 199.9, 200.0)]

    assert phases[0] == phases[1] != phases[2] == phases[3] != phases[4]
    assert tags.question(b"{}", 0.0, False) != phases[0] != tags.question(b"{ }", 0.0, True)


def test_nothing_is_remembered_while_a_percentage_moves() -> None:
    tags = Tags([Feature("a", ramp=Ramp(100.0, 0, 200.0, 100_000))])

    tags.remember(tags.question(b"{}", 150.0), "tag")

    assert tags.known(tags.question(b"{}", 150.0)) is None
    assert tags.question(b"{}", 99.0) is not None
    assert tags.question(b"{}", 99.0) != tags.question(b"{}", 201.0)


def test_the_memory_is_bounded() -> None:
    tags = Tags([])
    for number in range(REMEMBERED + 5):
        tags.remember(number, "tag")

    assert tags.known(REMEMBERED + 4) == "tag"
    assert tags.known(0) is None


def test_a_ramp_is_decided_anew_each_time(environment: Environment, provider: Provider) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    ramp = {"start": (now - day).isoformat(), "from": 0, "end": (now + day).isoformat(), "to": 100}
    a_feature(environment, key="growing", state={"status": "on", "ramp": ramp})
    tag = provider.all(ANN).headers["etag"]

    assert provider.all(ANN, if_none_match=tag).status == 304  # decided, and still the same
