"""Semantic versions: the order that semver.org gives, and nothing else taken for one."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.engine.versions import parse

ASCENDING = [
    *["0.0.0-0", "0.0.0", "0.9.10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"],
    *["1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "1.11.0", "2.0.0", "2.1.0", "2.1.1"],
    *["10.0.0-1", "10.0.0--", "10.0.0-1a", "10.0.0", "99999999999999999.0.0"],
]


@pytest.mark.parametrize(("lower", "higher"), list(combinations(ASCENDING, 2)), ids=ascii)
def test_versions_are_in_the_order_of_precedence(lower: str, higher: str) -> None:
    one, other = parse(lower), parse(higher)

    assert one is not None
    assert other is not None
    assert one < other


@pytest.mark.parametrize("text", ["1.0.0+build", "1.0.0+20130313144700", "1.0.0+21AF26D3---117B344092BD", "1.0.0+001"])
def test_build_metadata_do_not_count(text: str) -> None:
    assert parse(text) == parse("1.0.0")


@pytest.mark.parametrize(
    "text",
    [
        *["", "1", "1.0", "v1", "v1.0.0", "1.0.0-", "1.0.0+", "01.0.0", "1.01.0", "1.0.01", "1.0.0-01", "1.0.0-a.01"],
        *["1.0.0.0", "1.0.0-a..b", "1.0.0-a_b", "1.0.0+a+b", "-1.0.0", "1.-1.0", "1.0.x", "latest", "1,0,0"],
        *[" 1.0.0", "1.0.0 ", "1.0.0\n", "１.0.0", "1.0.0-é", "1.0.0-\ud800", "1.0.0\x00", "1.0.0-" + "a" * 251],
        *[f"{10**18}.0.0"],
    ],
    ids=ascii,
)
def test_whatever_is_not_exactly_a_version_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("value", [None, True, 1, 1.0, b"1.0.0", ["1.0.0"], {}, (1, 0, 0), object()], ids=type)
def test_only_text_is_a_version(value: object) -> None:
    assert parse(value) is None


@given(*[st.integers(0, 10**17)] * 3)
def test_numbers_compare_as_numbers(major: int, minor: int, patch: int) -> None:
    version, later = parse(f"{major}.{minor}.{patch}"), parse(f"{major}.{minor}.{patch + 1}")

    assert version is not None
    assert later is not None
    assert version[:3] == (major, minor, patch)
    assert version < later


@given(st.text(st.characters()))
def test_any_text_has_an_answer(text: str) -> None:
    version = parse(text)

    assert version is None or text.startswith(f"{version.major}.{version.minor}.{version.patch}")
