"""A rollout is explained in the playground by clicking alone, and the link shows a colleague the same."""

from playwright.sync_api import Page, expect

from decisions.engine.bucketing import growthbook_bucket
from tenants.roles import Role
from tests.browser.conftest import Login, NewPage, fits
from tests.builders import a_condition, a_feature, a_member, a_rule, an_environment


def test_a_rollout_is_explained_compared_and_shared(page: Page, new_page: NewPage, login: Login) -> None:
    environment = an_environment(name="Production")
    staging = an_environment(environment.project, name="Staging")
    checkout = a_feature(environment, key="checkout", state={"status": "on", "rollout_percent": 20})
    a_rule(checkout, environment, conditions=a_condition("country", value="AT"), description="Austrians")
    login(page, a_member(environment, Role.VIEWER))
    place = growthbook_bucket("checkout", "ann") / 100

    page.goto("/admin/")
    page.get_by_role("link", name="Playground").first.click()
    page.get_by_label("Environment", exact=True).select_option(label=str(environment))
    page.get_by_label("User id", exact=True).fill("ann")
    page.get_by_role("button", name="Add attribute").first.click()
    page.get_by_label("Attribute name").fill("country")
    page.get_by_label("Value", exact=True).fill("DE")
    page.get_by_role("button", name="Ask").click()

    answers = page.get_by_role("region", name="Answers")
    side = "inside" if place < 20 else "outside"
    expect(answers.get_by_text(f"Their place is {place:g} of 100, {side} the first 20 %.")).to_be_visible()
    expect(answers.get_by_text("Rule 1: Austrians")).to_be_visible()
    expect(answers.get_by_text('country is AT: it is "DE"')).to_be_visible()

    page.get_by_text("Compare with another user or environment").click()
    page.get_by_label("Other environment").select_option(label=str(staging))
    page.get_by_role("button", name="Ask").click()
    expect(answers.get_by_text("ann in Staging")).to_be_visible()

    page.get_by_role("link", name="Every protocol").click()
    page.get_by_text("OpenFeature Remote Evaluation Protocol").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answers.get_by_role("button", name="Copy curl").click()
    expect(answers.get_by_text("Copied", exact=True)).to_be_visible()
    assert "/ofrep/v1/evaluate/flags/checkout" in page.evaluate("navigator.clipboard.readText()")

    colleague = new_page(width=390, dark=True)
    login(colleague, a_member(environment, Role.VIEWER))
    colleague.goto(page.url)
    expect(colleague.get_by_label("User id", exact=True)).to_have_value("ann")
    expect(colleague.get_by_text("OpenFeature Remote Evaluation Protocol")).to_be_visible()
    fits(colleague)


def test_what_cannot_be_read_is_said_beside_its_field_and_kept(page: Page, login: Login) -> None:
    environment = an_environment()
    login(page, a_member(environment, Role.VIEWER))

    page.goto("/admin/playground/")
    page.get_by_label("User id", exact=True).fill("ann")
    page.get_by_role("button", name="Add attribute").first.click()
    page.get_by_label("Attribute name").fill("age")
    page.get_by_label("Type", exact=True).select_option("number")
    page.get_by_label("Value", exact=True).fill("forty")
    page.get_by_role("button", name="Ask").click()

    expect(page.locator("#id_attributes-error")).to_be_visible()
    expect(page.locator("#id_attributes")).to_have_value('{"age": forty}')
    expect(page.get_by_label("User id", exact=True)).to_have_value("ann")
