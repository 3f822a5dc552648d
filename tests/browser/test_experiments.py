"""An experiment from its form to its winner in a browser, with decisions that come in over HTTP."""

import httpx
from playwright.sync_api import Page, expect

from audits.services import SYSTEM
from experiments import services
from experiments.models import Experiment, Exposure
from features.models import FeatureState
from tenants.roles import Kind, Role
from tests.browser.conftest import Login, NewPage, fits, settle
from tests.builders import a_feature, a_key, a_layer, a_member, an_environment, an_experiment

SUBJECTS = 60


def test_an_experiment_is_made_started_watched_and_shipped(page: Page, login: Login, site: str) -> None:
    environment = an_environment(name="Production")
    feature = a_feature(environment, key="button", name="Button", value_type="string")
    layer = a_layer(environment.project, key="checkout")
    services.set_holdout(layer, environment, slots=1_000, actor=SYSTEM)
    login(page, a_member(environment, Role.EDITOR))

    page.goto(f"/admin/experiments/experiment/add/?feature={feature.pk}&environment={environment.pk}")
    page.get_by_label("Name").fill("Colour of the button")
    page.get_by_label("Layer").select_option(label=f"{environment.project} · checkout")
    page.get_by_role("spinbutton", name="Slots").fill("9000")
    expect(page.get_by_text("Would be taken 9000")).to_be_visible()
    page.get_by_role("link", name="Add another Variant").click()
    page.locator("[name=variants-2-key]").fill("green")
    page.get_by_role("button", name="Even split").click()
    expect(page.locator("variant-weights output")).to_have_text("Sum 100")
    page.locator("[name=variants-0-weight]").fill("20")
    expect(page.locator("[name=variants-2-weight]")).to_have_value("47")
    page.get_by_role("button", name="Even split").click()
    for row, colour in enumerate(("grey", "blue", "green")):
        page.locator(f"[name=variants-{row}-value]").fill(colour)
    page.get_by_role("button", name="Save", exact=True).click()

    page.get_by_role("link", name="Start").click()
    expect(page.get_by_text("It has 3 variants with weights.")).to_be_visible()
    expect(page.get_by_text("control 34 %, treatment 33 %, green 33 %")).to_be_visible()
    expect(page.get_by_text("90 % of everybody take part")).to_be_visible()
    page.get_by_role("button", name="Start the experiment").click()
    expect(page.get_by_text("Colour of the button is running.")).to_be_visible()

    experiment = Experiment.objects.get()
    given = decided(site, a_key(environment, Kind.SERVER), feature.key)
    assert set(given) == {"grey", "blue", "green"}
    assigned = assigned_in(page, experiment)
    page.goto(f"/admin/experiments/experiment/{experiment.pk}/change/")
    expect(page.get_by_role("row", name="All")).to_contain_text(str(assigned))
    expect(page.get_by_text("Split as planned")).to_be_visible()

    page.get_by_role("link", name="Conclude").click()
    page.get_by_role("radio", name="green").check()
    page.get_by_label("Why").fill("it converts best")
    page.get_by_role("button", name="Conclude the experiment").click()
    expect(page.get_by_text("concluded, and everybody gets green")).to_be_visible()
    state = FeatureState.objects.get()
    assert (state.status, state.on_value) == ("on", "green")
    assert set(decided(site, a_key(environment, Kind.SERVER), feature.key)) == {"green"}


def test_a_telephone_shows_a_mismatch_and_the_layer(new_page: NewPage, login: Login) -> None:
    environment = an_environment()
    experiment, layer = an_experiment(environment), a_layer(environment.project)
    services.hold_slots(experiment, layer, slots=500, actor=SYSTEM)
    for key, count in (("control", 90), ("a-rather-long-name-of-a-variant", 30)):
        services.create_variant(experiment, key=key, weight=50, actor=SYSTEM)
        told = {"environment_id": environment.pk, "experiment_number": experiment.number, "variant_key": key}
        Exposure.objects.bulk_create(
            Exposure(**told, subject=f"{key}-{number}", first_at=experiment.created_at, source="test")
            for number in range(count)
        )
    page = new_page(width=390, dark=True)
    login(page, a_member(environment, Role.EDITOR))

    page.goto(f"/admin/experiments/experiment/{experiment.pk}/change/")

    expect(page.get_by_text("Sample ratio mismatch")).to_be_visible()
    expect(page.get_by_text("This experiment 500")).to_be_visible()
    settle(page)
    fits(page)
    page.get_by_role("link", name="Start").click()
    settle(page)
    fits(page)


def decided(site: str, key: str, feature: str) -> list[str]:
    """What so many subjects are given, over OFREP."""
    address = f"{site}/ofrep/v1/evaluate/flags/{feature}"
    with httpx.Client(headers={"X-API-Key": key}) as client:
        asked = ({"context": {"targetingKey": f"user-{number}"}} for number in range(SUBJECTS))
        return [client.post(address, json=body).json()["value"] for body in asked]


def assigned_in(page: Page, experiment: Experiment) -> int:
    """How many subjects took part, once the server has written down all that it decided."""
    seen, before = 0, -1
    while seen != before or not seen:
        page.wait_for_timeout(1_100)  # the server writes exposures down once a second
        before, seen = seen, Exposure.objects.of(experiment).count()
    return seen
