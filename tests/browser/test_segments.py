"""A segment is built in a browser by clicking alone, and tried on those that were seen."""

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from features.models import Identity, Rule, Segment
from tenants.models import Environment
from tenants.roles import Role
from tests.browser.conftest import Login, NewPage, fits, settle
from tests.builders import a_condition, a_feature, a_member, a_rule, a_segment, an_environment

SENTENCE = "country is one of DE, AT and (plan is pro or app.version is at least version 2.4.0) and is in segment beta"


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    """One in which people were seen."""
    environment = an_environment(name="Production")
    people = {
        "ann": {"country": "DE", "plan": "pro", "beta": True},
        "bob": {"country": "AT", "plan": "free", "app": {"version": "2.5.0"}, "beta": True},
        "eve": {"country": "AT", "plan": "free", "app": {"version": "2.1.0"}, "beta": True},
        "joe": {"country": "FR", "plan": "pro", "beta": True},
    }
    for name, traits in people.items():
        Identity.objects.create(environment=environment, identifier=name, traits=traits)
    a_segment(environment.project, key="beta", conditions={"attribute": "beta", "operator": "equals", "value": True})
    return environment


def test_a_segment_is_built_by_clicking_and_shows_whom_it_means(
    page: Page, login: Login, environment: Environment
) -> None:
    login(page, a_member(environment, Role.EDITOR))

    page.goto("/admin/features/segment/add/")
    page.get_by_label("Project").select_option(str(environment.project_id))
    page.get_by_label("Key").fill("alpine")
    page.get_by_label("Name").fill("Alpine friends")
    editor = page.locator("conditions-editor")
    first = conditions(editor).first
    first.get_by_label("Attribute").fill("country")
    first.get_by_label("Operator").select_option("in")
    for country in ("DE", "AT"):
        first.get_by_label("Add a value").fill(country)
        first.get_by_label("Add a value").press("Enter")
    editor.get_by_role("button", name="Add a group").click()
    pro = conditions(editor).nth(1)
    pro.get_by_label("Attribute").fill("plan")
    pro.get_by_label("Value").fill("pro")
    editor.get_by_role("button", name="Add a condition").first.click()
    version = conditions(editor).nth(2)
    version.get_by_label("Attribute").fill("app.version")
    expect(version.get_by_label("Type")).to_have_value("version")  # as it is with those that were seen
    version.get_by_label("Value").fill("2.4")
    page.get_by_label("Name").focus()  # nobody complains about a condition before it was left
    expect(editor.get_by_text("The value must be a semantic version")).to_be_visible()
    version.get_by_label("Value").fill("2.4.0")
    editor.get_by_role("button", name="Add a segment").last.click()
    editor.get_by_role("combobox", name="Segment").select_option("beta")
    expect(editor.locator("output")).to_have_text(SENTENCE)
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("2 of the 4 that were seen last in Production")).to_be_visible()
    expect(page.get_by_role("link", name="bob")).to_be_visible()
    assert Segment.objects.get(key="alpine").sentence == SENTENCE

    conditions(editor).nth(1).get_by_label("Remove this condition").click()
    expect(editor.get_by_text("plan is pro")).to_have_count(0)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("1 of the 4 that were seen last in Production")).to_be_visible()
    assert Segment.objects.get(key="alpine").sentence == SENTENCE  # nothing was saved by looking

    page.goto(f"/admin/features/segment/{beta().pk}/change/")
    expect(page.get_by_role("region", name="Where it is used").get_by_role("link", name="alpine")).to_be_visible()


def test_what_only_json_can_say_is_shown_as_json_and_a_telephone_is_wide_enough(
    new_page: NewPage, login: Login, environment: Environment
) -> None:
    long = {"attribute": "account", "operator": "equals", "value": 12345678901234567890 // 10}
    precise = a_segment(environment.project, conditions=long)
    page = new_page(width=390, dark=True)
    login(page, a_member(environment, Role.EDITOR))

    page.goto(f"/admin/features/segment/{precise.pk}/change/")
    expect(page.get_by_role("textbox", name="Who is meant")).to_be_visible()
    page.get_by_role("textbox", name="Who is meant").fill('{"any": [{"everyone": true}, {"attribute": "plan"}]}')
    expect(page.get_by_text("any[1]: a condition must name its attribute and operator")).to_be_visible()
    page.get_by_role("textbox", name="Who is meant").fill('{"any": [{"everyone": true}]}')
    page.get_by_role("button", name="Edit by clicking").click()
    page.get_by_role("button", name="None").click()
    expect(page.locator("conditions-editor output")).to_have_text("not (everyone)")
    settle(page)
    fits(page)


def test_a_rule_that_was_just_added_to_a_feature_is_built_the_same_way(
    page: Page, login: Login, environment: Environment
) -> None:
    feature = a_feature(environment, state={"status": "on"})
    a_rule(feature, environment, conditions=a_condition("plan", "equals", "free"), value=False)
    login(page, a_member(environment, Role.EDITOR))

    page.goto(reverse("admin:features_featurestate_change", args=[feature.states.get().pk]))
    page.get_by_role("button", name="Add a rule").click()
    editor = page.locator("conditions-editor").last
    editor.get_by_role("button", name="Some").click()
    editor.get_by_label("Attribute").fill("country")
    editor.get_by_label("Value").fill("DE")
    expect(editor.locator("output")).to_have_text("country is DE")
    page.locator("summary", has_text="free").click()
    first = page.locator("conditions-editor").first
    expect(first.get_by_label("Attribute")).to_have_value("plan")
    first.get_by_label("Operator").select_option("not_equals")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was saved in Production")).to_be_visible()
    found = [rule.conditions for rule in Rule.objects.order_by("position")]
    assert found == [
        {"all": [a_condition("plan", "not_equals", "free")]},
        {"all": [a_condition("country", "equals", "DE")]},
    ]


def conditions(editor: Locator) -> Locator:
    return editor.get_by_role("group", name="Condition", exact=True)


def beta() -> Segment:
    return Segment.objects.get(key="beta")
