"""A feature from its creation to a decided rollout, its rules in order, and two people at one page."""

import re

import httpx
from playwright.sync_api import Locator, Page, expect

from audits.models import Change
from features.models import Feature, FeatureState, Rule
from tenants.models import Environment
from tenants.roles import Kind, Role
from tests.browser.conftest import Login, NewPage, fits, settle
from tests.builders import a_condition, a_key, a_member, a_rule, an_environment

SUBJECTS = 200


def test_a_rollout_from_its_creation_to_its_decisions_and_a_conflict(
    page: Page, new_page: NewPage, login: Login, site: str
) -> None:
    production = an_environment(name="Production", key="production", is_protected=True)
    an_environment(production.project, name="Staging", key="staging")
    login(page, a_member(production, Role.EDITOR, username="grace"))

    create(page)
    toggle(page)
    roll_out(page, "20")
    assert SUBJECTS * 0.1 < served(site, a_key(production, Kind.CLIENT)) < SUBJECTS * 0.3

    reorder(page, production)
    be_second(page, new_page(width=390, dark=True), login, production)


def create(page: Page) -> None:
    page.goto("/admin/features/feature/")
    page.get_by_role("link", name="Create one").click()
    page.get_by_label("Key").fill("checkout")
    page.get_by_label("Name").fill("New checkout")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="New checkout")).to_be_visible()
    fits(page)


def toggle(page: Page) -> None:
    """At once in staging; after a question in production, which is protected."""
    page.goto("/admin/features/feature/")
    page.get_by_role("switch", name="checkout in Staging").click()
    expect(page.get_by_role("link", name="checkout in Staging: On")).to_be_visible()
    switch = page.get_by_role("switch", name="checkout in Production")
    switch.click()
    page.get_by_role("button", name="Leave it as it is").click()
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.press("Space")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("link", name="checkout in Production: On")).to_be_visible()
    assert set(FeatureState.objects.values_list("status", flat=True)) == {"on"}
    fits(page)


def roll_out(page: Page, percent: str) -> None:
    """By the slider; production takes a word of confirmation."""
    page.get_by_role("link", name="checkout in Production: On").click()
    slider = page.get_by_label("Rollout in percent").first
    slider.fill(percent)
    expect(page.get_by_label("Rollout", exact=True)).to_have_value(percent)
    save(page)
    expect(page.get_by_text("Tick the box if you mean to change it.")).to_be_visible()
    page.get_by_label("I mean to change").check()
    save(page)
    expect(saved(page)).to_be_visible()
    assert FeatureState.objects.get(environment__key="production").rollout_percent == int(percent)


def served(site: str, key: str) -> int:
    """How many of the subjects an application is told to serve it to."""
    with httpx.Client(base_url=site, headers={"authorization": f"Bearer {key}"}) as client:
        answers = [
            client.post("/ofrep/v1/evaluate/flags/checkout", json={"context": {"targetingKey": f"user-{number}"}})
            for number in range(SUBJECTS)
        ]
    return sum(answer.json()["value"] is True for answer in answers)


def reorder(page: Page, production: Environment) -> None:
    """By dragging, and by the buttons for who cannot; a rule is added by clicking."""
    feature = Feature.objects.get()
    for word in ("first", "second"):
        a_rule(feature, production, description=word, conditions=a_condition(value=word), key=word)
    page.reload()
    settle(page)
    rows = page.locator("#rules-heading ~ ol > li")
    rows.nth(1).locator("[data-handle]").drag_to(rows.nth(0), target_position={"x": 80, "y": 4})
    expect(rows.nth(0)).to_contain_text("second")
    page.get_by_role("button", name="Add a rule").click()
    rows.nth(2).get_by_label("Why it is there").fill("third")
    rows.nth(2).get_by_role("button", name="Everyone").click()
    rows.nth(2).get_by_label("Move this rule up").press("Enter")
    page.get_by_label("I mean to change").check()
    save(page)
    expect(saved(page)).to_be_visible()
    expect(rows.nth(1)).to_contain_text("third")
    assert list(Rule.objects.values_list("description", flat=True)) == ["second", "third", "first"]
    assert Change.objects.filter(action="rules.reordered").count() == 1


def be_second(page: Page, other: Page, login: Login, production: Environment) -> None:
    """Somebody on a telephone typed another percentage before the first one saved."""
    login(other, a_member(production, Role.EDITOR, username="ada"))
    other.goto(page.url)
    fits(other)
    other.get_by_label("Rollout", exact=True).fill("70")
    page.get_by_label("Rollout", exact=True).fill("50")
    for each in (page, other):
        each.get_by_label("I mean to change").check()
        save(each)
    expect(saved(page)).to_be_visible()
    alert = other.get_by_role("alert").filter(has_text="Somebody else was faster")
    expect(alert).to_contain_text("grace changed this")
    expect(alert.get_by_role("row", name=re.compile("Rollout 50 70"))).to_be_visible()
    fits(other)
    assert FeatureState.objects.get(environment=production).rollout_percent == 50
    save(other)
    expect(saved(other)).to_be_visible()
    assert FeatureState.objects.get(environment=production).rollout_percent == 70


def save(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
    settle(page)


def saved(page: Page) -> Locator:
    return page.get_by_text("was saved in Production.")
