"""What a page of the admin may cost: at most twenty queries, however much there is."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants.roles import Role
from tests.builders import a_member, a_user
from tests.pages import addresses
from tests.quantity import Quantity, much

QUERIES_MAX = 20
ALLOWED = {200, 302, 400, 403, 405}
"""400 and 405 are addresses that forms are sent to, or that answer a page's own script; 403 is not for everybody."""


@pytest.mark.django_db
def test_every_page_takes_at_most_twenty_queries(client: Client) -> None:
    environment = much(Quantity())
    found: dict[str, Any] = {}

    for user in (a_user(superuser=True), a_member(environment, Role.ADMIN)):
        client.force_login(user)
        for name, address in addresses(environment):
            with CaptureQueriesContext(connection) as queries:
                status = client.get(address).status_code
            assert status in ALLOWED, (address, status)
            if len(queries) > QUERIES_MAX:
                found[f"{user} {name}"] = len(queries), [query["sql"][:150] for query in queries][-8:]

    assert found == {}


@pytest.mark.django_db
def test_no_page_counts_the_log_of_decisions(client: Client) -> None:
    environment = much(Quantity(features=20, decisions=200, identities=10, seen=10))
    client.force_login(a_user(superuser=True))

    with CaptureQueriesContext(connection) as queries:
        for name, address in addresses(environment):
            if name.startswith(("audits_", "index")):
                client.get(address)

    counted = re.compile(r'^SELECT COUNT\(.*FROM "audits_')
    assert [query["sql"] for query in queries if counted.search(query["sql"])] == []
