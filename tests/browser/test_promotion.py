"""What went well on staging is promoted by clicking: compared, chosen, looked at, applied; a viewer only looks."""

from playwright.sync_api import Page, expect

from audits.models import Change
from audits.services import SYSTEM
from features.models import FeatureState
from features.services import switch
from tenants.roles import Role
from tests.browser.conftest import Login, NewPage, fits
from tests.builders import a_feature, a_member, a_project, a_rule, a_running_experiment, an_environment


def test_differences_are_chosen_previewed_and_applied_at_once(page: Page, new_page: NewPage, login: Login) -> None:
    project = a_project()
    staging, production = an_environment(project, name="Staging"), an_environment(project, name="Production")
    checkout = a_feature(staging, key="checkout", state={"status": "on", "rollout_percent": 20})
    a_rule(checkout, staging, description="Testers")
    a_feature(staging, key="banner", state={"status": "on"})
    a_running_experiment(staging, a_feature(staging, key="split"), name="Colours")
    login(page, a_member(staging, Role.EDITOR))

    page.goto("/admin/")
    page.get_by_role("link", name="Compare & promote").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("It serves Colours in Staging: its status stays as it is.")).to_be_visible()
    page.get_by_label("Status of checkout").check()
    page.get_by_label("Rollout of checkout").check()
    page.get_by_label("Rules of checkout").check()
    page.get_by_role("button", name="Preview in Production").click()
    expect(page.get_by_text("3 differences")).to_be_visible()

    switch(checkout, production, status="on", actor=SYSTEM)  # somebody else, meanwhile
    page.get_by_label("Reason").fill("it went well")
    page.get_by_role("button", name="Promote to Production").click()
    expect(page.get_by_text("One of the environments was changed in the meantime.")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("it went well")
    page.get_by_role("button", name="Promote to Production").click()
    expect(page.get_by_text("Promoted to Production: 2.")).to_be_visible()

    states = {state.feature.key: state for state in FeatureState.objects.filter(environment=production)}
    assert (int(states["checkout"].rollout_percent), states["checkout"].rules.count()) == (20, 1)
    assert (states["banner"].status, states["split"].status) == ("off", "off")
    assert Change.objects.get(action="environment.promoted").reason == "it went well"

    viewer = new_page(width=390, dark=True)
    login(viewer, a_member(staging, Role.VIEWER))
    viewer.goto(page.url)
    expect(viewer.get_by_text("Your role may not edit Production.")).to_be_visible()
    expect(viewer.get_by_role("checkbox")).to_have_count(0)
    fits(viewer)
