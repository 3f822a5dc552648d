"""Public ids: everything has exactly one, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.engine.public_ids import EXPERIMENT, FEATURE, number_of, optional_id, public_id


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "feat-000"), (1, "feat-001"), (999, "feat-999"), (1000, "feat-1000"), (10**6, "feat-1000000")],
)
def test_an_id_has_at_least_three_digits(number: int, text: str) -> None:
    assert public_id(FEATURE, number) == text
    assert number_of(FEATURE, text) == number


@pytest.mark.parametrize(
    "text",
    [
        *["", "-", "feat", "feat-", "feat-1", "feat-01", "feat-0001", "feat-+01", "feat--01", "feat-1_0", "feat-1.0"],
        *[
            "FEAT-001",
            " feat-001",
            "feat-001 ",
            "feat-001\n",
            "exp-001",
            "001",
            "feat-００１",
            "feat-¹²³",
            "x-feat-001",
        ],
        *["feat-2147483648", "feat-9223372036854775808", "feat-" + "9" * 5_000, "feat-001\x00", "feat-\ud800"],
    ],
    ids=ascii,
)
def test_whatever_is_not_written_like_that_is_no_id(text: str) -> None:
    assert number_of(FEATURE, text) is None


def test_the_largest_number_is_what_the_databases_hold() -> None:
    assert number_of(FEATURE, "feat-2147483647") == 2**31 - 1


@given(st.integers(0, 2**31 - 1))
def test_ids_and_numbers_are_the_same_thing(number: int) -> None:
    assert number_of(EXPERIMENT, public_id(EXPERIMENT, number)) == number


@given(st.text(st.characters()))
def test_any_text_has_an_answer(text: str) -> None:
    number = number_of(FEATURE, text)

    assert number is None or public_id(FEATURE, number) == text


def test_what_is_not_there_has_no_id() -> None:
    assert optional_id(EXPERIMENT, None) is None
    assert optional_id(EXPERIMENT, 7) == "exp-007"
