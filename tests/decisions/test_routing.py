"""A path belongs to one protocol or to none, however often and however long it is asked for."""

from decisions.protocols import protocols
from decisions.routing import REMEMBERED_LENGTH, Router

ROUTER = Router(protocols())


def test_a_fixed_path_finds_its_routes_by_method() -> None:
    match = ROUTER.find("/decisions")

    assert match is not None
    assert (match.protocol.slug, list(match.routes), match.parameters) == ("feature_hub", ["POST"], {})


def test_a_path_with_a_parameter_tells_it_each_time() -> None:
    for _ in range(2):
        for key in ("checkout", "ünïcode", "x" * 2 * REMEMBERED_LENGTH):
            match = ROUTER.find(f"/ofrep/v1/evaluate/flags/{key}")

            assert match is not None
            assert (match.protocol.slug, match.parameters) == ("ofrep", {"key": key})


def test_a_path_of_nobody_is_nobodys_again() -> None:
    for path in ("/", "/ofrep/v1/evaluate/flags/a/b", "/ofrep/v1/evaluate/flags/", "/admin/", "x" * 10_000):
        assert ROUTER.find(path) is None
        assert ROUTER.find(path) is None
