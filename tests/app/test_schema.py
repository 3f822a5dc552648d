"""The OpenAPI document shows every call, and its pages need nothing from elsewhere."""

import re
from typing import Any

import pytest
from django.test import Client

from decisions.protocols import protocols
from decisions.protocols._base import WEBSOCKET


@pytest.fixture
def schema(client: Client, db: None) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def test_every_route_of_every_protocol_is_described(schema: dict[str, Any]) -> None:
    for protocol in protocols():
        for route in (route for route in protocol.routes if not route.is_alias and route.method != WEBSOCKET):
            operation = schema["paths"][route.path][route.method.lower()]
            assert operation["summary"] == route.summary


def test_the_resources_are_described_beside_the_gateways_routes(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    expected = {"/features", "/features/{feature_id}/experiments", "/variants/{variant_id}", "/decisions", "/audits"}
    assert expected <= schema["paths"].keys()


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(schema)))
    assert names <= schema["components"]["schemas"].keys()


def test_operations_have_ids_of_their_own(schema: dict[str, Any]) -> None:
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/docs/", "/swagger/"])
def test_the_pages_load_nothing_from_another_host(client: Client, page: str) -> None:
    html = client.get(page).content.decode()

    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", html)
    assert loaded
    assert all(address.startswith(("/", "data:", "#")) for address in loaded), loaded
