"""Whatever the pages show can be read, in light and dark, and every field has a name."""

from pathlib import Path

import pytest
from django.urls import reverse

from experiments.models import Experiment
from features.models import Feature, Segment
from tests.browser.conftest import Login, NewPage, settle
from tests.browser.hostile import everything
from tests.builders import a_user

READABLE = Path(__file__).with_name("readable.js").read_text()
LISTS = ("features_feature", "experiments_experiment", "tenants_credential", "audits_change", "audits_decision")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read_and_every_field_has_a_name(new_page: NewPage, login: Login, dark: bool) -> None:
    environment = everything()
    feature, segment = Feature.objects.earliest("pk"), Segment.objects.earliest("pk")
    page = new_page(dark=dark)
    login(page, a_user(superuser=True))
    addresses = [
        "/admin/",
        *(reverse(f"admin:{name}_changelist") for name in LISTS),
        f"{reverse('admin:features_feature_change', args=[feature.pk])}?environment={environment.key}",
        reverse("admin:features_segment_change", args=[segment.pk]),
        reverse("admin:experiments_experiment_change", args=[Experiment.objects.get().pk]),
        f"{reverse('admin:playground')}?environment={environment.pk}&user=ann",
        reverse("admin:promotion"),
    ]

    unreadable: list[str] = []
    for address in addresses:
        page.goto(address)
        settle(page)
        unreadable += [f"{address} {found}" for found in page.evaluate(READABLE)]

    assert unreadable == []
