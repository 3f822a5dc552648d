"""The database goes away: decisions go on, writes are refused politely, and all is well soon after it is back."""

import re
from pathlib import Path

from tests.faults.world import Call, World, are_refused, eventually, on_postgres, statuses


def test_while_it_is_away_decisions_go_on_and_writes_are_refused(world: World) -> None:
    with world.web() as place:
        before = place.evaluate_all()
        assert statuses(before) == {200}
        place.decide("before")

        world.database.stop()

        assert place.evaluate_all().keys() == before.keys()
        assert statuses(place.evaluate_all()) == {200}
        assert eventually(lambda: are_refused([place.switch("off")]))
        assert place.get("/readyz").status == 200
        world.database.start()
        assert eventually(lambda: statuses(place.writes()) == {200}, patience=10)
        assert place.decide("before").json == place.decide("before").json
        assert eventually(lambda: "x-snapshot-age" not in place.ask(place.evaluations()[0]).headers)


@on_postgres
def test_everything_that_needs_it_says_so_in_its_own_words(world: World) -> None:
    with world.web() as place:
        place.evaluate_all()
        world.database.stop()
        assert eventually(lambda: "x-snapshot-age" in place.ask(place.evaluations()[0]).headers)

        told = [*place.writes(), place.get("/api/v1/projects/", Authorization="Token api.nobody")]
        page = place.get("/admin/", Accept="text/html", Cookie="sessionid=somebody")
        unknown = place.get("/api/v1/flags/", X_Environment_Key="sdk-unknown")

        metrics = place.get("/metrics").body.decode()

        assert are_refused(told)
        assert are_refused([unknown])
        assert re.findall(r'switchyard_database_is_away{pid="\d+"} (\S+)', metrics) == ["1.0"]
        assert float(re.findall(r'switchyard_snapshot_age_seconds{pid="\d+"} (\S+)', metrics)[0]) > 0
        assert (page.status, page.headers["retry-after"]) == (503, "1")
        assert b"The database is not available" in page.body
        assert int(place.ask(place.evaluations()[0]).headers["x-snapshot-age"]) >= 0


def test_a_process_that_starts_without_it_answers_from_what_was_known_last(world: World) -> None:
    with world.web() as place:
        before = place.evaluate_all()
        assert place.switch("off").status == 200
        assert eventually(lambda: place.banner() is False and world.is_kept())
        assert place.switch("on").status == 200
        assert eventually(lambda: place.banner() is True and world.is_kept())
    world.database.stop()

    with world.web() as place:
        after = place.evaluate_all()
        assert statuses(after) == {200}
        assert after["/ofrep/v1/evaluate/flags"] == before["/ofrep/v1/evaluate/flags"]
        assert are_refused(place.writes())
        age = place.ask(place.evaluations()[0]).headers["x-snapshot-age"]
        assert 0 <= int(age) < 600
        assert place.banner(elsewhere=True) is None  # nobody had asked for it before

        world.database.start()

        assert eventually(lambda: statuses(place.writes()) == {200}, patience=10)
        assert place.banner(elsewhere=True) is True


def test_a_process_that_knows_nothing_waits_and_becomes_ready(world: World) -> None:
    world.database.stop()

    with world.web(path="/livez") as place:
        assert place.get("/readyz").status == 503
        flags = Call("GET", "/api/v1/flags/", None, {"X-Environment-Key": world.furniture.client})
        assert are_refused([place.ask(flags), place.decide("r1")])

        world.database.start()

        assert eventually(lambda: place.get("/readyz").status == 200, patience=10)
        assert statuses(place.evaluate_all()) == {200}


def test_a_file_of_what_was_known_last_that_is_not_whole_is_not_used(world: World) -> None:
    with world.web() as place:
        place.evaluate_all()
        assert eventually(world.is_kept)
    [path] = [path for path in world.lastgood() if path.stem == str(world.furniture.environments["here"])]
    path.write_bytes(path.read_bytes().replace(b'"banner"', b'"bonner"', 1))
    world.database.stop()

    with world.web() as place:
        assert are_refused([place.ask(call) for call in place.evaluations() if not call.target.startswith("/abc")])
        assert path.with_suffix(".bad").exists()

        world.database.start()

        assert eventually(lambda: statuses(place.evaluate_all()) == {200}, patience=10)
        assert eventually(world.is_kept)


def test_where_nothing_can_be_written_nothing_is_kept_and_all_else_goes_on(world: World) -> None:
    world.state.mkdir()
    (world.state / "lastgood").write_text("not a folder")

    with world.web() as place:
        assert statuses(place.evaluate_all()) == {200}
        assert statuses(place.writes()) == {200}
    assert [Path(path).name for path in world.lastgood()] == []
