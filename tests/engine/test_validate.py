"""What may be stored, and what is refused: the same for both databases, and never with a crash."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.engine import validate
from decisions.engine.validate import JsonRefused, parse_json

NESTED = "must not be nested deeper than 32 levels"
TOO_LARGE = "must not contain integers beyond 64 bits"


def nested(depth: int, core: Any = 1) -> Any:
    """A value inside `depth` lists."""
    for _ in range(depth):
        core = [core]
    return core


@pytest.mark.parametrize("key", ["a", "new_checkout", "größe.2", "用户", "a b", "a:b", "🎈", "x" * 128], ids=ascii)
def test_a_key_may_be(key: str) -> None:
    assert validate.key(key) is None


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("\t\n", "empty"),
        ("x" * 129, "at most 128 characters long, this has 129"),
        ("x" * 300, "at most 128"),
        (" a", "white space"),
        ("a ", "white space"),
        ("a/b", "/ ? #"),
        ("a?b", "/ ? #"),
        ("a#b", "/ ? #"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("a\x85b", "control"),
        ("a\u200bb", "control"),
        ("a\u202eb", "control"),
        ("a\u2028b", "control"),
        ("\ufeffa", "control"),
        ("a\x00b", "NUL"),
        ("a\ud800", "surrogates"),
        ("\udfffa", "surrogates"),
        ("e\u0301", "normal form C"),
    ],
    ids=ascii,
)
def test_a_key_may_not_be(key: str, complaint: str) -> None:
    assert complaint in str(validate.key(key))


@given(st.text(st.characters()))
@settings(deadline=None)
def test_any_text_as_a_key_has_an_answer(text: str) -> None:
    complaint = validate.key(text)

    assert complaint is None or complaint.startswith("must ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", None),
        ("two\nlines\t☃", None),
        ("x" * 255, None),
        ("x" * 256, "at most 255"),
        ("\x00", "NUL"),
        ("\ud83d\ude00", "surrogates"),  # halves that were never joined are no character
    ],
    ids=["empty", "lines", "full", "too long", "NUL", "surrogates"],
)
def test_text_is_stored_if_both_databases_can(text: str, complaint: str | None) -> None:
    assert (validate.text(text, length=255) or "").find(complaint or "") >= 0
    assert (validate.text(text, length=255) is None) == (complaint is None)


def test_a_name_is_text_that_can_be_seen() -> None:
    assert validate.name("New checkout") is None
    assert validate.name(" ") == "must not be empty"
    assert validate.name("x" * 256) is not None


@pytest.mark.parametrize("weight", [0, 1, 1_000_000])
def test_a_weight_may_be(weight: int) -> None:
    assert validate.weight(weight) is None


@pytest.mark.parametrize("weight", [-1, 1_000_001, 10**5_000, True, False, 1.0, "1", None, float("nan"), [1]], ids=type)
def test_a_weight_may_not_be(weight: object) -> None:
    assert str(validate.weight(weight)).startswith("must be ")


def test_a_boolean_is_not_a_number() -> None:
    assert validate.integer(True, lowest=0, highest=100) == "must be a whole number, not bool"


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [([], "at least one variant before"), ([0, 0], "with a weight above zero"), ([0, 1], None), ([1], None)],
)
def test_an_experiment_runs_if_it_can_assign_somebody(weights: list[int], complaint: str | None) -> None:
    assert (validate.runnable(weights) is None) == (complaint is None)
    assert (complaint or "") in (validate.runnable(weights) or "")


@pytest.mark.parametrize(
    "value",
    [
        *[None, True, 0, -1, 2**63 - 1, 1 - 2**63, 0.1, -0.0, 1e-7, 5e-324, 1e15, "", "☃", [], {}],
        *[nested(32), {"a": {"b": [1, "2", None]}}, [0] * 9_999, "x" * 65_536],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_json_value_may_be(value: Any) -> None:
    assert validate.json_value(value) is None
    assert repr(parse_json(json.dumps(value).encode())) == repr(value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (float("nan"), "NaN"),
        ([float("inf")], "Infinity"),
        ({"a": -float("inf")}, "Infinity"),
        (2**63, "64 bits"),
        ([-(2**63)], "64 bits"),
        (1e22, "64 bits"),
        (-1e300, "64 bits"),
        ("\x00", "NUL"),
        ({"\x00": 1}, "NUL"),
        ({"a": ["\ud800"]}, "surrogates"),
        ({"\udfff": 1}, "surrogates"),
        ("x" * 65_537, "at most 65536"),
        (nested(33), NESTED),
        (nested(10_000), NESTED),
        ([0] * 10_000, "10000 values"),
        ({str(n): n for n in range(5_000)}, "10000 values"),
        ([[0] * 100] * 100, "10000 values"),
    ],
    ids=range(17),
)
def test_a_json_value_may_not_be(value: Any, complaint: str) -> None:
    assert complaint in str(validate.json_value(value))


@pytest.mark.parametrize(
    ("body", "message", "position"),
    [
        (b"", "Expecting value", 0),
        (b"nonsense", "Expecting value", 0),
        (b'{"a": 1', "Expecting ',' delimiter", 7),
        (b"{'a': 1}", "Expecting property name", 1),
        (b'{"a": 1}}', "Extra data", 8),
        (b'{"a": 01}', "Expecting ',' delimiter", 7),
        (b'"a\nb"', "Invalid control character", 2),
        (b'"\xff"', "not UTF-8", 1),
        (b'"\xed\xa0\x80"', "not UTF-8", 1),
        (b"\xef\xbb\xbf{}", "BOM", 0),
        (b'{"a": NaN}', "NaN is not a JSON value", 0),
        (b"-Infinity", "-Infinity is not a JSON value", 0),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8", 0),
    ],
    ids=repr,
)
def test_what_is_no_json_is_malformed(body: bytes, message: str, position: int) -> None:
    with pytest.raises(JsonRefused, match=message) as caught:
        parse_json(body)

    assert caught.value.malformed
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'"\\u0000"', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\\ud800"', "surrogates"),
        (b'"\\ude00\\ud83d"', "surrogates"),
        (b"1e999", "Infinity"),
        (b"[-1e999]", "Infinity"),
        (b"1e22", "64 bits"),
        (b"9223372036854775808", TOO_LARGE),
        (b"9" * 4_000, TOO_LARGE),
        (b"9" * 5_000, TOO_LARGE),
        (b"-" + b"9" * 5_000, TOO_LARGE),
        (b"[" * 33 + b"1" + b"]" * 33, NESTED),
        (b"[" * 10_000 + b"]" * 10_000, NESTED),
        (b"[" * 100_000 + b"]" * 100_000, NESTED),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, NESTED),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, NESTED),
        (b"[" + b"0," * 9_999 + b"0]", "10000 values"),
    ],
    ids=range(17),
)
def test_json_beyond_the_limits_is_refused_but_not_malformed(body: bytes, complaint: str) -> None:
    with pytest.raises(JsonRefused, match=complaint) as caught:
        parse_json(body)

    assert not caught.value.malformed


def test_halves_of_a_surrogate_pair_are_one_character() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "😀"


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert parse_json(b'{"a": 1, "b": 2, "a": 3}') == {"a": 3, "b": 2}


@given(st.binary())
@settings(deadline=None)
def test_any_bytes_are_a_value_or_refused(body: bytes) -> None:
    with suppress(JsonRefused):
        assert validate.json_value(parse_json(body)) is None
