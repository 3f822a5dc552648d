"""Bodies that no endpoint accepts, and values that no field accepts: as bytes, since many of them cannot be encoded."""

import json
from collections.abc import Mapping
from typing import Any

DIGITS = b"9" * 5_000
DEEP = b"[" * 10_000 + b"]" * 10_000
BEYOND_LIMIT = 1024 * 1024 + 1

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \n",
    "an open brace": b"{",
    "a list": b"[]",
    "null": b"null",
    "a string": b'"text"',
    "a number": b"17",
    "true": b"true",
    "two values": b"{}{}",
    "a trailing comma": b'{"name":"x",}',
    "single quotes": b"{'name':'x'}",
    "a comment": b"{} // no",
    "not UTF-8": b'{"name":"\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"name":"x"}',
    "UTF-16": '{"name":"x"}'.encode("utf-16"),
    "a surrogate in UTF-8": b'{"name":"\xed\xa0\x80"}',
    "a raw NUL": b'{"name":"a\x00b"}',
    "a form": b"name=x&key=y",
    "depth 10,000": b'{"name":' * 10_000 + b"1" + b"}" * 10_000,
    "an open depth of 100,000": b"[" * 100_000,
}

VALUES: dict[str, bytes] = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "1e999": b"1e999",
    "5,000 digits": DIGITS,
    "minus 5,000 digits": b"-" + DIGITS,
    "NUL": b'"a\\u0000b"',
    "a lone surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"x\\udfff"',
    "NUL in a name": b'{"a\\u0000":1}',
    "a surrogate in a name": b'{"\\ud800":1}',
    "depth 10,000": DEEP,
}

_HERE = "@@here@@"


def with_value(body: Mapping[str, Any], field: str, value: bytes) -> bytes:
    """The body as JSON, with these bytes for one field's value."""
    return json.dumps({**body, field: _HERE}).encode().replace(json.dumps(_HERE).encode(), value)
