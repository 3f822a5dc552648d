"""Who may do what over REST: every address and method, called by everybody.

The table of the management API says which right reading and writing takes. A new address has no row, and fails until it
gets one. Applications' addresses are walked as they are in the tests of isolation, here by those who belong there.
"""

from collections.abc import Iterator

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from tenants.api import RowId, StrictSerializer
from tenants.roles import RIGHTS, Kind, Right, Role
from tenants.services import issue_api_token
from tests.builders import a_key, a_member, a_user, an_environment
from tests.permissions import (
    CALLERS,
    CANARY,
    OFFERED,
    ONES_OWN,
    PEOPLE,
    SUPERUSERS,
    TABLE,
    Home,
    a_home,
    by_key,
    by_token,
    parameters,
)
from tests.test_isolation import REST, Visit, call
from tests.test_isolation import Home as Neighbourhood

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def expected(caller: str, method: str, address: str) -> int:
    """What the table says that a caller is answered."""
    row, is_list = TABLE[address], not parameters(address)
    if caller not in PEOPLE:
        return 401  # keys are for applications; people and their scripts come with tokens
    if method not in OFFERED[address]:
        return 405
    right = row.read if method == "GET" else row.write
    success = row.status or {"GET": 200, "DELETE": 204}.get(method, 201 if made_by(method, address) else 200)
    if right is SUPERUSERS:
        return 403
    if right is ONES_OWN:
        return success if is_list or caller == Role.ADMIN else 404
    if caller == "other tenant":
        return 200 if is_list and method == "GET" else 404
    return success if right in RIGHTS[caller] else 403


def made_by(method: str, address: str) -> bool:
    """Whether a call makes something: a POST where GET lists."""
    return method == "POST" and "GET" in OFFERED[address]


def test_no_address_is_missing_from_the_table() -> None:
    assert OFFERED.keys() == TABLE.keys()


def test_every_address_answers_some_methods_that_are_tried() -> None:
    assert {address for address, methods in OFFERED.items() if not methods or not methods <= set(METHODS)} == set()


@pytest.mark.django_db
@pytest.mark.parametrize("address", TABLE)
def test_everybody_is_answered_as_the_table_says(address: str) -> None:
    home = a_home()
    calls = [(caller, method) for caller in CALLERS for method in METHODS]
    answers = {call: home.call(*call, address) for call in calls}

    found = {call: status for call, (status, _) in answers.items()}
    differences = {
        call: (answers[call], "expected", expected(*call, address))
        for call in calls
        if found[call] != expected(*call, address)
    }
    assert differences == {}


@pytest.mark.django_db
@pytest.mark.parametrize("address", TABLE)
def test_another_tenant_is_told_nothing(address: str) -> None:
    home = a_home()

    for caller in ("anonymous", "other tenant"):
        for method in METHODS:
            assert CANARY not in home.call(caller, method, address)[1]


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in TABLE if not parameters(address)])
def test_a_list_tells_at_home_what_it_hides_from_others(address: str) -> None:
    assert CANARY in a_home().call("admin", "GET", address)[1]


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in TABLE if "GET" in OFFERED[address]])
def test_a_superuser_sees_everything_but_the_tokens_of_others(address: str) -> None:
    home = a_home()
    home.clients["superuser"] = by_token(a_user(superuser=True))

    status, _ = home.call("superuser", "GET", address)

    assert status == (404 if address == "tokens/<int:pk>/" else 200)


def names_of(address: str) -> list[str]:
    """The fields of a body that name other rows."""
    return [name for name, value in TABLE[address].body.items() if value is ...]


def shapes(kind: type[StrictSerializer] = StrictSerializer) -> Iterator[type[StrictSerializer]]:
    """Every shape that a body can have."""
    for shape in kind.__subclasses__():
        yield shape
        yield from shapes(shape)


def test_every_field_that_names_a_row_is_tried_with_a_strangers() -> None:
    fields = {name: field for shape in shapes() for name, field in shape().fields.items() if not field.read_only}

    names = {name for name, field in fields.items() if isinstance(field, RowId)}
    assert names == {name for address in TABLE for name in names_of(address)}


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in TABLE if names_of(address)])
def test_a_body_that_names_what_is_another_tenants_is_told_that_there_is_none(address: str) -> None:
    home, other = a_home(), Home("other")

    for method in OFFERED[address] & {"POST", "PUT", "PATCH"}:
        for name in names_of(address):
            status, text = home.call("admin", method, address, **{name: other.ids[name]})
            assert status == 404, (method, name, text)


def at_home(caller: str, tenant: Neighbourhood) -> APIClient:
    """Somebody who calls an application's address and means the tenant's environment."""
    environment = tenant.environment
    if caller == "anonymous":
        return APIClient()
    if caller not in PEOPLE:
        return by_key(a_key(environment, Kind(caller.removesuffix(" key"))))
    belongs = a_member(environment, Role(caller)) if caller in set(Role) else a_member(an_environment(), Role.ADMIN)
    token = issue_api_token(belongs, name="laptop")[1]
    return APIClient(headers={"authorization": f"Token {token}", "x-environment-id": str(environment.pk)})


def expected_at_home(caller: str, visit: Visit) -> int:
    """What the table of roles says: here keys are as good as people, each kind within its rights."""
    outside = {"anonymous": 401, "other tenant": 404}
    right = Right.READ if visit.method == "GET" else Right.EDIT
    return outside.get(caller) or (200 if right in RIGHTS[caller.removesuffix(" key")] else 403)


@pytest.mark.django_db
@pytest.mark.parametrize("visit", REST.values(), ids=lambda visit: f"{visit.method} {visit.path}")
def test_applications_are_answered_within_their_rights(visit: Visit) -> None:
    tenant = Neighbourhood()
    visit = visit._replace(body=visit.body and visit.body | ({"key": "new"} if "key" in visit.body else {}))
    clients = {caller: at_home(caller, tenant) for caller in CALLERS}

    answers = {}
    for caller, client in clients.items():
        with transaction.atomic():
            answers[caller] = call(client, visit).status_code
            transaction.set_rollback(True)

    assert answers == {caller: expected_at_home(caller, visit) for caller in CALLERS}
