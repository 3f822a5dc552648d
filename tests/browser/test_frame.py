"""The admin's frame in a browser: logging in, looking around, light and dark, by keyboard and on a telephone."""

import re

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Page, expect

from tenants.models import Environment
from tenants.roles import Role
from tests.browser.conftest import Forgive, Login, NewPage, fits
from tests.builders import a_feature, a_member, a_project, a_user, an_environment

PASSWORD = "correct horse battery"


def test_from_logging_in_to_logging_out(page: Page) -> None:
    ann = a_user(superuser=True, username="ann")
    ann.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1_000)  # as the server checks it
    ann.save()

    page.goto("/")
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="No project yet")).to_be_visible()

    page.get_by_text("ann", exact=True).click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.reload()
    expect(page.locator("html")).to_have_class(re.compile("dark"))

    page.get_by_text("ann", exact=True).click()
    page.get_by_text("Log out").click()
    page.goto("/admin/")
    expect(page.get_by_label("Username")).to_be_visible()


def test_the_front_page_leads_from_project_to_project_and_by_keyboard(page: Page, login: Login) -> None:
    production, elsewhere = two_projects()
    a_feature(production, state={"status": "on"})
    login(page, a_member(production, Role.ADMIN))

    page.goto("/admin/")
    page.get_by_label("Project").select_option(label=production.project.name)
    page.get_by_label("Environment").select_option(label=production.name)
    expect(page.get_by_text(f"1 on in {production.name}")).to_be_visible()
    page.get_by_label("Project").select_option(label=elsewhere.project.name)
    expect(page.get_by_role("heading", name="From here to your first flag")).to_be_visible()

    menu = page.get_by_role("button", name="Menu").first
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#nav-sidebar")).to_be_visible()


def test_a_telephone_shows_the_menu_when_it_is_asked_for(new_page: NewPage, login: Login) -> None:
    page = new_page(width=390, dark=True)
    production, _ = two_projects()
    login(page, a_member(production, Role.ADMIN))

    page.goto("/admin/")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    fits(page)
    page.get_by_role("button", name="Menu").last.click()
    page.get_by_role("link", name="Segments").click()

    expect(page.get_by_role("heading", name="No segments yet")).to_be_visible()
    fits(page)


def test_the_pages_about_the_schema_work_under_the_policy(page: Page, forgive: Forgive) -> None:
    forgive("https://cdn.redoc.ly/")  # a logo, which the policy keeps out

    page.goto("/docs/")
    expect(page.get_by_role("heading", name="Switchyard").first).to_be_visible()

    page.goto("/swagger/")
    expect(page.get_by_role("heading", name="Switchyard").first).to_be_visible()


def two_projects() -> tuple[Environment, Environment]:
    """Two of one organisation, each with an environment."""
    production = an_environment(name="Production")
    return production, an_environment(a_project(production.project.organisation), name="Elsewhere")
