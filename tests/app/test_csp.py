"""What browsers are told to run: nothing but this server's own files."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def directives(client: Client, path: str) -> dict[str, str]:
    header = client.get(path).headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


@pytest.mark.parametrize("path", ["/admin/login/", "/docs/", "/swagger/", "/openapi.json", "/nowhere"])
def test_no_page_runs_what_stands_in_it_or_comes_from_elsewhere(client: Client, path: str) -> None:
    policy = directives(client, path)

    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not {"http:", "https:", "*"} & set(" ".join(policy.values()).split())


def test_text_is_compiled_in_the_admin_only(client: Client) -> None:
    assert directives(client, "/admin/login/")["script-src"] == "'self' 'unsafe-eval'"
    assert directives(client, "/docs/")["script-src"] == "'self'"


def test_only_the_pages_about_the_schema_write_styles(client: Client) -> None:
    assert directives(client, "/admin/login/")["style-src"] == "'self'"
    assert directives(client, "/docs/")["style-src"] == "'self' 'unsafe-inline'"
