"""A key is issued by clicking, used over HTTP, seen to be used, and rotated with overlap."""

import httpx
from playwright.sync_api import Page, expect

from tenants.models import Credential
from tenants.roles import Role
from tests.app.test_tries import shell
from tests.browser.conftest import Login, NewPage, fits
from tests.builders import a_feature, a_member, an_environment


def answered(site: str, key: str) -> httpx.Response:
    headers = {"X-API-Key": key}
    return httpx.post(f"{site}/ofrep/v1/evaluate/flags/checkout", json={"context": {}}, headers=headers)


def test_a_key_is_issued_used_and_rotated(page: Page, new_page: NewPage, login: Login, site: str) -> None:
    environment = an_environment(name="Production")
    a_feature(environment, key="checkout", state={"status": "on"})
    admin = a_member(environment, Role.ADMIN)
    login(page, admin)

    page.goto("/admin/tenants/credential/add/")
    page.get_by_label("Environment").select_option(label=str(environment))
    page.get_by_label("Kind").select_option("server")
    page.get_by_label("Name").fill("backend")
    page.get_by_role("button", name="Save", exact=True).click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    key = page.evaluate("navigator.clipboard.readText()")

    assert answered(site, key).json()["value"] is True
    assert shell([page.locator("pre", has_text="/decisions").inner_text()]).startswith("200 ")
    expect(page.get_by_text("SDKs can decide locally with this key").first).to_be_visible()

    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="backend").click()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("Hours during which both keys work").fill("2")
    page.get_by_role("button", name="Issue the second key").click()
    expect(page.get_by_text("The key before it works until")).to_be_visible()
    second = page.locator("#issued-key").inner_text()

    assert second != key
    assert [answered(site, one).status_code for one in (key, second)] == [200, 200]
    old = Credential.objects.order_by("pk").first()
    page.goto(f"/admin/tenants/credential/{old.pk if old else 0}/change/")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert [answered(site, one).status_code for one in (key, second)] == [401, 200]

    phone = new_page(width=390, dark=True)
    login(phone, admin)
    phone.goto("/admin/tenants/credential/")
    fits(phone)
