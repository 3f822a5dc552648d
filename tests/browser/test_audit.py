"""The log in a browser: an edit is found, read and taken back; decisions are searched for and downloaded."""

import csv
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Page, expect

from audits.services import SYSTEM
from features import services as features
from tenants.roles import Role
from tests.audits.builders import a_record, stored
from tests.browser.conftest import Login, NewPage, fits, settle
from tests.builders import a_feature, a_member, an_environment


def test_an_edit_is_found_read_and_taken_back(page: Page, login: Login) -> None:
    environment = an_environment(name="Production")
    feature = a_feature(environment, key="checkout", state={"status": "on", "rollout_percent": Decimal(50)})
    features.set_rollout(feature, environment, percent=Decimal(80), actor=SYSTEM)
    login(page, a_member(environment, Role.EDITOR, username="grace"))

    page.goto("/admin/audits/change/")
    page.get_by_label("What").fill("checkout")
    page.get_by_role("button", name="Search").click()
    page.locator("#result_list a").first.click()
    expect(page.locator(".log-sides del").first).to_have_text("50")
    expect(page.locator(".log-sides ins").first).to_have_text("80")
    page.get_by_label("Why").fill("it was too much")
    page.get_by_role("button", name="Revert this change").click()

    expect(page.get_by_text("was reverted")).to_be_visible()
    expect(page.locator(".log-sentence")).to_contain_text("grace switched feature checkout")
    expect(page.locator(".log-reason")).to_contain_text("too much")
    assert features.state_of(feature, environment).rollout_percent == 50
    page.get_by_role("link", name="The change before it").click()
    expect(page.get_by_text("This cannot be reverted: checkout")).to_be_visible()
    expect(page.get_by_role("button", name="Revert this change")).to_have_count(0)


def test_decisions_are_searched_for_and_downloaded(page: Page, login: Login, new_page: NewPage, tmp_path: Path) -> None:
    environment = an_environment(name="Production")
    feature = a_feature(environment, key="checkout")
    names = {"feature_number": feature.number, "feature_key": "checkout", "feature_name": "Checkout"}
    place = {"project_id": environment.project_id, "environment_id": environment.pk}
    users = [*(f"user-{n}" for n in range(120)), "=cmd|'/c calc'!A0"]
    stored(*(a_record(request_id=f"request-{user}", user_id=user, **place, **names) for user in users))
    viewer = a_member(environment)
    login(page, viewer)

    page.goto("/admin/audits/decision/")
    expect(page.locator("#result_list tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(21)
    page.get_by_role("link", name="Newest").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    download.value.save_as(tmp_path / "decisions.csv")
    page.get_by_label("User").fill("user-7")
    page.get_by_label("Feature").fill("checkout")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.locator("#result_list a").first.click()

    expect(page.locator(".log-sentence")).to_contain_text("user-7 was given treatment of Checkout")
    expect(page.get_by_role("link", name="The feature", exact=True)).to_be_visible()
    with (tmp_path / "decisions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["user_id"] for row in rows) == sorted([*users[:-1], f"'{users[-1]}"])
    phone = new_page(width=390, dark=True)
    login(phone, viewer)
    for address in ("/admin/audits/decision/", "/admin/audits/change/", page.url.replace(phone.url, "")):
        phone.goto(address)
        settle(phone)
        fits(phone)
