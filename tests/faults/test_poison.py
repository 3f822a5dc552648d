"""Configuration that nothing of ours would have stored, written behind the application's back."""

from functools import partial

from django.db import connection

from tests.faults.world import Place, World, eventually, statuses

UNREADABLE = {
    "sqlite": "UPDATE features_featurestate SET rollout_percent = 9e999 WHERE environment_id = {here}",
    "postgresql": "UPDATE features_featurestate SET rollout_percent = 'NaN' WHERE environment_id = {here}",
}
READABLE = "UPDATE features_featurestate SET rollout_percent = 100 WHERE environment_id = {here}"
OFF = "UPDATE features_featurestate SET status = 'off' WHERE environment_id = {{{place}}}"
MOVE = "UPDATE tenants_environment SET revision = '{revision}' WHERE id = {{{place}}}"
ODD = (
    "UPDATE features_featurestate SET status = 'bogus' WHERE environment_id = {here}",
    "UPDATE features_featurestate SET steps = '{{\"at\": 7}}' WHERE environment_id = {here}",
    "UPDATE features_featurestate SET ramp = '[null]' WHERE environment_id = {here}",
    "UPDATE features_featurestate SET on_value = 'null', off_value = '{{\"a\": [[[]]]}}' WHERE environment_id = {here}",
    "UPDATE experiments_variant SET payload = 'null'",
    "UPDATE experiments_variant SET payload = '[1, [2]]'",
    "UPDATE experiments_variant SET weight = 2000000000",
    "UPDATE experiments_experiment SET bucketing = 'astrology'",
    "UPDATE features_feature SET tags = '7'",
    "UPDATE features_feature SET value_type = 'opinion'",
)
"""What there is no way to store, and what a snapshot is compiled from all the same."""


def test_an_environment_that_cannot_be_read_stays_as_it_was_and_harms_no_other(world: World) -> None:
    with world.web() as place:
        before = place.evaluate_all()
        assert place.banner(elsewhere=True)

        run(world, UNREADABLE[connection.vendor], MOVE.format(revision="poisoned", place="here"))
        run(world, OFF.format(place="there"), MOVE.format(revision="moved", place="there"))

        assert eventually(lambda: place.banner(elsewhere=True) is False)
        assert place.evaluate_all() == before
        assert "x-snapshot-age" not in place.ask(place.evaluations()[0]).headers
        run(world, READABLE, OFF.format(place="here"), MOVE.format(revision="repaired", place="here"))
        assert eventually(lambda: place.banner() is False)
        assert place.switch("on").status == 200
        assert place.banner() is True


def test_a_process_that_starts_with_it_answers_from_what_was_known_last(world: World) -> None:
    with world.web() as place:
        before = place.evaluate_all()
        assert eventually(world.is_kept)
    run(world, UNREADABLE[connection.vendor], MOVE.format(revision="poisoned", place="here"))

    with world.web() as place:
        assert place.evaluate_all() == before


def test_whatever_stands_in_a_row_every_call_is_answered(world: World) -> None:
    with world.web() as place:
        for number, poison in enumerate(ODD):
            run(world, poison, MOVE.format(revision=f"odd-{number}", place="here"))
            assert eventually(partial(is_known, place, f"odd-{number}"))
            assert statuses(place.evaluate_all()) == {200}, poison
            assert place.decide(f"odd-{number}").status in {200, 422}, poison


def is_known(place: Place, revision: str) -> bool:
    """Whether the process has seen a revision: a stored decision is always made on the one of now."""
    return place.decide(f"at-{revision}").status < 500


def run(world: World, *statements: str) -> None:
    for statement in statements:
        world.database.query(statement.format(**world.furniture.environments))
