"""What was known last is kept on the disk, decides as before when it is read again, and is used only if it is whole."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.services import SYSTEM
from decisions.engine.conditions.binding import Binder
from decisions.engine.evaluate import decide, decide_all
from decisions.engine.explain import explain
from decisions.engine.types import Decision, Experiment, Feature, Rule, Segment, Subject
from decisions.freshness import Freshness
from decisions.gateway import Gateway
from decisions.index import Index
from decisions.lastgood import LastGood, codec, files
from decisions.observer import Observer
from decisions.protocols import protocols
from decisions.protocols._base import Request
from decisions.recorder import Recorder
from decisions.responses import Response
from decisions.sinks import ForgetfulSink
from decisions.snapshots import About, EnvironmentSnapshot, Grant, Shelf, assembled, read
from experiments import services as experiments
from tenants.credentials import digest
from tenants.models import Environment
from tenants.roles import Kind, Right
from tests.builders import (
    a_condition,
    a_feature,
    a_key,
    a_layer,
    a_rule,
    a_running_experiment,
    a_segment,
    an_environment,
    in_segment,
)
from tests.engine.test_properties import snapshots as drawn_features
from tests.engine.test_properties import subjects
from tests.protocols.abetterchoice.asks import signed
from tests.protocols.wire import ask

AN_HOUR_AGO = datetime(2026, 6, 1, 11, tzinfo=UTC)
SUBJECTS = [
    Subject(f"user-{number}", {"country": country, "age": number, "id": f"user-{number}"}, at=1.8e9)
    for number in range(40)
    for country in ("DE", "FR")
]


def a_snapshot(features: list[Feature] | None = None, **changes: Any) -> EnvironmentSnapshot:
    """An environment that no database ever held."""
    about = About("dev", "Dev", "env-1", 1, "shop", "Shop", 1, "acme", "Acme", False, False, True, True)
    parts = {
        "environment_id": 7,
        "project_id": 1,
        "revision": "r1",
        "changed_at": AN_HOUR_AGO,
        "about": about,
        "segments": {},
        "experiments": {},
        "layers": (),
        "grants": {digest("sdk-1"): Grant(1, "client", frozenset({Right.DECIDE}))},
        **changes,
    }
    return assembled(features or [], **parts)


def restored(snapshot: EnvironmentSnapshot) -> EnvironmentSnapshot:
    return codec.decoded(codec.encoded(snapshot))


def said(decision: Decision) -> tuple[Any, ...]:
    """Everything that a decision says. Conditions are no values, and equal only to themselves."""
    rule = replace(decision.rule, condition=None, experiment=None) if decision.rule else None  # type: ignore[arg-type]
    experiment = decision.experiment and replace(decision.experiment, audience=None)
    return (
        *(decision.feature.key, decision.reason, decision.value, decision.enabled, decision.variant, experiment),
        *(decision.in_experiment, decision.fault, rule, decision.payload),
    )


@pytest.fixture
def furnished(db: None) -> Environment:
    """One of everything that an environment can have."""
    environment = an_environment(hide_disabled_flags=True)
    project = environment.project
    germans = a_segment(project, key="germans")
    a_segment(project, key="others", conditions={"none": [in_segment("germans")]})
    experiment = a_running_experiment(environment, audience=germans, rollout_percent=80)
    experiments.hold_slots(experiment, a_layer(project), slots=5_000, actor=SYSTEM)
    feature = a_feature(environment, key="checkout", value_type="string", tags=["a", "b"], description="Pay.")
    a_rule(feature, environment, segment=germans, conditions=a_condition("age", "gt", 20), value="old")
    a_rule(feature, environment, conditions={"all": [in_segment("others"), a_condition("age", "lt", 9)]},
           value="young", rollout_percent=50)  # fmt: skip
    ramp = {"start": "2026-01-01T00:00:00Z", "from": 0, "end": "2030-01-01T00:00:00Z", "to": 100}
    a_feature(environment, key="ramped", state={"status": "on", "ramp": ramp})
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})
    for kind in Kind:
        a_key(environment, kind)
    a_key(environment, is_encrypted=True)
    environment.refresh_from_db()
    return environment


def read_of(environment: Environment) -> EnvironmentSnapshot:
    snapshot = read(environment.pk)
    assert snapshot is not None
    return snapshot


def test_an_environment_decides_as_before(furnished: Environment) -> None:
    snapshot = read_of(furnished)

    again = restored(snapshot)

    for subject in SUBJECTS:
        before, after = decide_all(snapshot.features, subject), decide_all(again.features, subject)
        assert {key: said(decision) for key, decision in after.items()} == {
            key: said(decision) for key, decision in before.items()
        }
        for key in before:
            assert explain(again.features, key, subject).steps == explain(snapshot.features, key, subject).steps
    assert (again.about, again.grants, again.segments, again.layers) == (
        snapshot.about, snapshot.grants, snapshot.segments, snapshot.layers)  # fmt: skip
    assert list(again.public_features) == list(snapshot.public_features)
    assert again.changed_at == snapshot.changed_at


def test_every_experiment_is_one_object_wherever_it_is_served(furnished: Environment) -> None:
    again = restored(read_of(furnished))
    [experiment] = again.experiments.values()

    assert [feature.experiment for feature in again.definitions.values() if feature.experiment] == [experiment]
    assert all(f.experiment is experiment for f in again.definitions.values() if f.experiment)


@st.composite
def environments(draw: st.DrawFn) -> EnvironmentSnapshot:
    """Any features whose conditions are bound from their own trees, as those of the database are."""
    features = [_bound(feature, number) for number, feature in enumerate(draw(drawn_features()))]
    return a_snapshot(features)


def _bound(feature: Feature, number: int) -> Feature:
    """The feature with conditions that can be bound again: the drawn ones do not say what they were bound from."""

    def experiment(found: Experiment | None, name: str) -> Experiment | None:
        tree = {"attribute": "a", "operator": "exists"}
        audience = Binder({}).bind(tree) if found and found.audience else None
        return found and replace(found, public_id=name, audience=audience, audience_tree=tree if audience else None)

    def rule(found: Rule, name: str) -> Rule:
        trees = ({"attribute": "b", "operator": "equals", "value": found.value},)[: number % 3]
        return replace(
            found, condition=Binder({}).bind(*trees), trees=trees, experiment=experiment(found.experiment, name)
        )

    rules = tuple(rule(found, f"exp-{number}-{place}") for place, found in enumerate(feature.rules))
    return replace(feature, rules=rules, experiment=experiment(feature.experiment, f"exp-{number}"))


@given(environments(), st.lists(subjects, max_size=3))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_written_decides_as_before_or_is_not_written(
    snapshot: EnvironmentSnapshot, those: list[Subject]
) -> None:
    try:
        again = restored(snapshot)
    except codec.Unfaithful:
        return

    for subject in those:
        for key in snapshot.features:
            assert said(decide(again.features, key, subject)) == said(decide(snapshot.features, key, subject))


def test_what_json_has_not_got_is_not_written() -> None:
    for value in (float("nan"), float("inf"), 2**70, "\ud800", object()):
        with pytest.raises(codec.Unfaithful):
            codec.encoded(a_snapshot([Feature("f", on_value=value)]))


def test_an_audience_that_says_nothing_still_means_nobody() -> None:
    experiment = Experiment("exp-001", "e", "seed", audience=Binder({}).bind(None), audience_tree=None)

    again = restored(a_snapshot([Feature("f", experiment=experiment)], experiments={"e": experiment}))

    assert again.experiments["e"].audience is not None
    assert not again.experiments["e"].audience(Subject("u"))


def test_secrets_are_sealed_and_nobody_proves_a_key_that_cannot_be_opened(
    furnished: Environment, settings: Any
) -> None:
    snapshot = read_of(furnished)
    secrets = {grant.secret for grant in snapshot.grants.values()} | {
        grant.encryption_key for grant in snapshot.grants.values()
    }
    body = codec.encoded(snapshot)

    settings.SECRET_KEY = "another-" * 5
    stranger = codec.decoded(body)

    assert len(secrets - {None, ""}) == 2
    assert not any(secret.encode() in body for secret in secrets if secret)
    assert len(stranger.grants) == len(snapshot.grants) - 2
    assert not any(grant.secret or grant.encryption_key for grant in stranger.grants.values())


def test_every_field_that_is_written_changes_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Longer(Segment):
        colour: str = "red"

    assert {Feature, Rule, Experiment, EnvironmentSnapshot, Grant, About} <= set(codec._WRITTEN)
    assert codec.schema_of(codec._WRITTEN) == codec.SCHEMA
    assert codec.schema_of([*codec._WRITTEN, Longer]) != codec.schema_of([*codec._WRITTEN, Segment])
    assert codec.schema_of([make_dataclass("X", [("a", int)])]) != codec.schema_of([make_dataclass("X", [("a", str)])])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lastgood"


def an_index(*snapshots: EnvironmentSnapshot) -> Index:
    return Index(
        {one.environment_id: one.revision for one in snapshots},
        {one.environment_id: one.changed_at for one in snapshots},
        {"acme/shop/dev": 7},
        {digest("sdk-1"): 7},
    )


def kept(folder: Path, *snapshots: EnvironmentSnapshot, at: datetime = AN_HOUR_AGO) -> LastGood:
    keeper = LastGood(folder)
    keeper.keep(an_index(*snapshots), at, snapshots)
    return keeper


def test_what_was_kept_is_found_by_another_process(folder: Path) -> None:
    kept(folder, a_snapshot([Feature("f")]))

    index, at = LastGood(folder).index() or pytest.fail("there is no index")
    snapshot = LastGood(folder).snapshot(7)

    assert index == an_index(a_snapshot())
    assert at == AN_HOUR_AGO
    assert snapshot is not None
    assert list(snapshot.features) == ["f"]
    assert LastGood(folder).snapshot(8) is None


def test_only_its_owner_may_read_it(folder: Path) -> None:
    kept(folder, a_snapshot())

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

    assert modes == {"index.json": 0o600, "7.json": 0o600, "lock": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_age_of_what_is_known_is_that_of_the_last_look(folder: Path) -> None:
    snapshot = a_snapshot()
    keeper = kept(folder, snapshot)

    keeper.keep(an_index(snapshot), AN_HOUR_AGO + timedelta(minutes=5), [snapshot])
    LastGood(folder).keep(an_index(snapshot), AN_HOUR_AGO, [snapshot])

    found = LastGood(folder).index()
    assert found is not None
    assert found[1] == AN_HOUR_AGO + timedelta(minutes=5)


def test_a_newer_one_is_never_replaced_by_an_older_one(folder: Path) -> None:
    newer = a_snapshot(revision="r2", changed_at=AN_HOUR_AGO + timedelta(seconds=1))
    kept(folder, newer)

    kept(folder, a_snapshot())

    assert (LastGood(folder).snapshot(7) or pytest.fail("gone")).revision == "r2"


def test_one_that_was_written_by_another_process_is_not_written_again(folder: Path) -> None:
    kept(folder, a_snapshot())
    before = (folder / "7.json").stat().st_ino

    kept(folder, a_snapshot())

    assert (folder / "7.json").stat().st_ino == before


def test_environments_that_are_no_more_are_removed(folder: Path) -> None:
    kept(folder, a_snapshot(), a_snapshot(environment_id=8))

    kept(folder, a_snapshot())

    assert not (folder / "8.json").exists()
    assert (folder / "7.json").exists()


def _flip(body: bytes) -> bytes:
    return body[:-10] + bytes([body[-10] ^ 1]) + body[-9:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte flipped": _flip,
    "truncated": lambda body: body[: len(body) // 2],
    "cut in the header": lambda body: body[:20],
    "empty": lambda body: b"",
    "longer": lambda body: body + b" ",
    "of another version": lambda body: body.replace(b'"schema":"', b'"schema":"0', 1),
    "no JSON": lambda body: b"\x80\x04\x95 pickled",
    "not even text": lambda body: b"\xff" * 5_000,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("name", ["7.json", "index.json"])
def test_what_is_not_whole_is_set_aside_and_never_used(
    folder: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    kept(folder, a_snapshot([Feature("f")]))
    path = folder / name
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)

    keeper = LastGood(folder)
    found = keeper.snapshot(7) if name == "7.json" else keeper.index()

    assert found is None
    assert not path.exists()
    assert path.with_suffix(".bad").read_bytes() == damaged


def test_what_is_whole_but_makes_no_sense_is_set_aside(folder: Path) -> None:
    kept(folder, a_snapshot())
    files.write(folder / "7.json", b'{"features": 3}', schema=codec.SCHEMA, revision="r", changed_at=AN_HOUR_AGO)

    assert LastGood(folder).snapshot(7) is None
    assert (folder / "7.bad").exists()


def test_what_is_too_large_is_neither_written_nor_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(folder, a_snapshot([Feature("f")]))
    monkeypatch.setattr(files, "LARGEST", 100)
    monkeypatch.setattr(files, "HEADER_LARGEST", 300)

    kept(folder, a_snapshot(environment_id=8))

    assert not (folder / "8.json").exists()
    assert LastGood(folder).snapshot(7) is None
    assert (folder / "7.bad").exists()


def test_a_folder_that_cannot_be_written_is_a_warning_and_no_more(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "file").write_text("not a folder")

    keeper = kept(tmp_path / "file", a_snapshot())
    keeper.keep(an_index(), AN_HOUR_AGO, [a_snapshot()])

    assert keeper.index() is None
    assert keeper.snapshot(7) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


KILLED = """
import os, resource, sys, types
sys.path.insert(0, {root!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "app.settings.local"
import django
django.setup()
from pathlib import Path
from tests.decisions.test_lastgood import *
snapshot = a_snapshot([Feature("f" * 200)] * 1)
{work}
"""


def in_a_process(work: str, tmp_path: Path) -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).parent.parent.parent)
    script = KILLED.format(root=root, work=work)
    env = {**os.environ, "ENV": "local", "STATE_DIR": str(tmp_path / "state"), "DATABASE_URL": "sqlite://:memory:"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([sys.executable, "-c", script], env=env, start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def test_a_full_disk_keeps_what_was_there(folder: Path, tmp_path: Path) -> None:
    kept(folder, a_snapshot())
    before = (folder / "7.json").read_bytes()
    work = f"""
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
kept(Path({str(folder)!r}), a_snapshot(revision="r2", changed_at=AN_HOUR_AGO + timedelta(seconds=5)))
"""

    with in_a_process(work, tmp_path) as process:
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    assert (folder / "7.json").read_bytes() == before
    assert list(folder.glob("*.tmp")) == []


def test_a_writer_that_is_killed_leaves_whole_files(folder: Path, tmp_path: Path) -> None:
    work = f"""
number = 0
while True:
    if (child := os.fork()) == 0:
        while True:
            number += 1
            at = AN_HOUR_AGO + timedelta(seconds=number)
            kept(Path({str(folder)!r}), a_snapshot([Feature("f" * 99_999)], revision=f"r{{number}}", changed_at=at))
    import signal, time
    time.sleep(0.004 * (os.getpid() * child % 11))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    number += 1_000
    print(flush=True)
"""
    with in_a_process(work, tmp_path) as process:
        assert process.stdout
        for _ in range(20):
            assert process.stdout.readline() == b"\n"
            found = LastGood(folder).snapshot(7)
            assert found is not None or not (folder / "7.json").exists()
        os.killpg(process.pid, signal.SIGKILL)  # the writer, too

    assert list(folder.glob("*.bad")) == []
    kept(folder, a_snapshot(environment_id=8))
    assert list(folder.glob("*.tmp")) == []


DOCUMENTS = (
    ("GET", "/api/v1/flags/"),
    ("GET", "/api/v1/environment-document/"),
    ("GET", "/api/features/{key}"),
    ("POST", "/api/eval/{key}"),
    ("POST", "/v1/flag/configuration"),
    ("POST", "/v1/allflags"),
    ("GET", "/openfeature/v0/manifest"),
    ("POST", "/ofrep/v1/evaluate/flags"),
    ("POST", "/evaluate_feature"),
    ("POST", "/abc/get_experiments"),
    ("POST", "/abc/get_feature_flags"),
)
BODY = {
    "context": {"targetingKey": "u-1", "country": "DE"},
    "evaluationContext": {"key": "u-1"},
    "attributes": {"id": "u-1"},
    "user_attributes": {"id": "u-1"},
    "feature_key": "checkout",
    "unit_id": "u-1",
}


def answers(snapshot: EnvironmentSnapshot, key: str, signer: tuple[str, str]) -> dict[str, Response]:
    """What a process that holds this snapshot answers to those who want everything."""
    front = Gateway(protocols(), Freshness(Shelf()), Recorder(ForgetfulSink()), Observer())
    front.freshness.refresh()
    front.freshness.shelf.load(snapshot.environment_id, reader=lambda _: snapshot)
    found = {}
    for method, target in DOCUMENTS:
        path = target.format(key=key)
        call = ask(method, path, {**BODY, "project_id": snapshot.about.project_key} if method == "POST" else None)
        call = call.but(x_environment_key=key, x_api_key=key, client_token=key, authorization=f"Bearer {key}")
        call = signed(call, *signer, moment="1800000000") if path.startswith("/abc") else call
        match = front.find(path) or pytest.fail(path)
        response = front.respond(match, Request(method, path, "", call.headers, call.body), load=True)
        assert isinstance(response, Response)
        found[target] = response
    front.observer.close()
    return found


def test_documents_and_lists_of_every_protocol_are_the_same_bytes(furnished: Environment, freezer: None) -> None:
    key, token = a_key(furnished, Kind.SERVER), a_key(furnished, Kind.SIGNING, name="signer")
    snapshot = read_of(furnished)

    before = answers(snapshot, key, ("signer", token))
    after = answers(restored(snapshot), key, ("signer", token))

    assert {target: answer.status for target, answer in before.items()} == dict.fromkeys(before, 200)
    assert after == before


@pytest.fixture
def freezer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One moment for all answers, which some of them tell."""
    monkeypatch.setattr("time.time", lambda: 1.8e9)
    protocols = ("_base", "abetterchoice.signing", "go_feature_flag.evaluation")
    for module in (*(f"decisions.protocols.{name}" for name in protocols), "decisions.snapshots"):
        monkeypatch.setattr(f"{module}.time", lambda: 1.8e9)
