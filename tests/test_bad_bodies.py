"""Whatever a body of the management API holds, somebody is told what is wrong with it: no value makes a 500."""

from typing import Any

import pytest

from tests.permissions import OFFERED, SUPERUSERS, TABLE, Home, a_home

pytestmark = pytest.mark.django_db
ODD: list[Any] = [
    *(None, True, -1, 1.5, 2**63 - 1, "", "x", "\u0000", "9" * 400),
    *([None], {}, {"all": []}, [{"at": "9999-12-31T23:59:59-23:59", "status": "on"}]),
]
FIELDS = sorted(
    {"at", "attributes", "expires_at", "feature_key", "is_control", "payload", "ramp", "rollout_percent", "steps"}
    | {"tags", "value", "value_schema"}
    | {name for row in TABLE.values() for name in row.body}
)


@pytest.mark.parametrize(
    "address", [address for address, row in TABLE.items() if row.body and row.write is not SUPERUSERS]
)
def test_no_body_is_too_odd_to_be_answered(address: str) -> None:
    home = a_home()

    for method in sorted(OFFERED[address] - {"GET", "DELETE"})[:1]:
        known = [name for name in FIELDS if is_known(home, method, address, name)]
        assert known
        for name in known:
            for value in ODD:
                status, text = home.call("admin", method, address, **{name: value})
                assert status < 500, (method, name, value, text)


def is_known(home: Home, method: str, address: str, name: str) -> bool:
    """Whether an address reads a field at all; one that it does not read is refused before its value counts."""
    text = home.call("admin", method, address, **{name: [[]]})[1]
    return "unknown field" not in text and "cannot be changed" not in text
