"""The pages of the log in the admin: what is found, what is told of it, and what is handed out."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audits import exports, paging
from audits.models import Change
from audits.services import SYSTEM
from features import services as features
from tenants.roles import Role
from tests.audits.builders import MOMENT, a_record, stored
from tests.builders import a_feature, a_member, a_running_experiment, a_user, an_environment

pytestmark = pytest.mark.django_db

DECISIONS, CHANGES = "admin:audits_decision_changelist", "admin:audits_change_changelist"


@pytest.fixture
def environment() -> Any:
    return an_environment(name="Production")


def records(environment: Any, *users: str, **changes: Any) -> None:
    """A decision for each user, each a second after the one before."""
    place = {"project_id": environment.project_id, "environment_id": environment.pk}
    stored(
        *(
            a_record(
                **{**place, "request_id": user, "user_id": user, "decided_at": MOMENT + timedelta(seconds=n), **changes}
            )
            for n, user in enumerate(users)
        )
    )


def listed(client: Client, page: str = DECISIONS, **asked: Any) -> list[Any]:
    return list(client.get(reverse(page), asked).context["cl"].result_list)


def users(rows: list[Any]) -> list[str]:
    return [row.user_id for row in rows]


def test_decisions_are_found_by_everything_that_is_asked(client: Client, environment: Any) -> None:
    feature = a_feature(environment, key="checkout")
    records(environment, "ann", "bob", feature_number=feature.number)
    records(environment, "eve", variant_key="control", reason="feature_off", feature_number=99)
    client.force_login(a_member(environment))

    assert set(users(listed(client))) == {"ann", "bob", "eve"}
    assert users(listed(client, user="ann")) == ["ann"]
    assert users(listed(client, feature="checkout")) == ["bob", "ann"]
    assert users(listed(client, feature=feature.public_id, user="bob")) == ["bob"]
    assert users(listed(client, variant="control")) == ["eve"]
    assert users(listed(client, reason="feature_off")) == ["eve"]
    assert users(listed(client, request="bob")) == ["bob"]
    assert users(listed(client, since="2026-01-02T03:04:06")) == ["bob"]
    assert users(listed(client, feature="checkout", until="2026-01-02T03:04:06")) == ["ann"]
    assert listed(client, user="AN") == []


def test_what_cannot_be_read_is_told_beside_its_field(client: Client, environment: Any) -> None:
    records(environment, "ann")
    client.force_login(a_member(environment))

    page = client.get(reverse(DECISIONS), {"since": "yesterday", "feature": "nothing", "user": "x" * 600})

    text = page.content.decode()
    assert "Enter a valid date/time" in text
    assert "No feature of this project has this key" in text
    assert "at most 512" in text


def test_the_environment_that_was_looked_at_last_is_shown_next(client: Client, environment: Any) -> None:
    other = an_environment(environment.project)
    records(environment, "here")
    records(other, "there")
    client.force_login(a_member(environment))

    assert users(listed(client, environment=other.pk)) == ["there"]
    assert users(listed(client)) == ["there"]
    assert users(listed(client, environment=environment.pk)) == ["here"]
    assert listed(client, environment=an_environment().pk) == []


def test_pages_lead_through_everything(client: Client, environment: Any) -> None:
    records(environment, *(f"user-{number}" for number in range(120)))
    client.force_login(a_member(environment))

    first = client.get(reverse(DECISIONS)).context["cl"]
    second = client.get(reverse(DECISIONS) + first.older_link).context["cl"]
    third = client.get(reverse(DECISIONS) + second.older_link).context["cl"]
    back = client.get(reverse(DECISIONS) + third.newer_link).context["cl"]

    assert [len(page.result_list) for page in (first, second, third)] == [50, 50, 20]
    assert (first.newer_link, third.older_link) == ("", "")
    assert back.result_list == second.result_list


def test_what_is_rare_is_looked_for_further_back(
    client: Client, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "WINDOW", 10)
    records(environment, *(f"user-{number}" for number in range(15)))
    records(environment, "old", variant_key="rare", decided_at=MOMENT - timedelta(days=1))
    client.force_login(a_member(environment))

    page = client.get(reverse(DECISIONS), {"variant": "rare"})
    further = client.get(reverse(DECISIONS) + page.context["cl"].older_link)

    assert "Look further back" in page.content.decode()
    assert users(further.context["cl"].result_list) == ["old"]
    assert "Look further back" not in further.content.decode()


def test_a_decision_is_told_in_words_with_where_it_leads(client: Client, environment: Any) -> None:
    experiment = a_running_experiment(environment)
    numbers = {"feature_number": experiment.feature.number, "experiment_number": experiment.number}
    records(environment, "ann", payload={"ui": "v2"}, **numbers)
    client.force_login(a_member(environment))
    [row] = listed(client)

    text = client.get(reverse("admin:audits_decision_change", args=[row.pk])).content.decode()

    assert '<b dir="auto">ann</b> was given <b dir="auto">treatment</b>' in text
    assert "&quot;ui&quot;: &quot;v2&quot;" in text
    assert reverse("admin:features_feature_change", args=[experiment.feature.pk]) in text
    assert reverse("admin:experiments_experiment_change", args=[experiment.pk]) in text
    assert f"{reverse('admin:playground')}?environment={environment.pk}&amp;user=ann" in text


def exported(client: Client, **asked: Any) -> list[dict[str, str]]:
    answer = client.get(reverse("admin:audits_decision_export"), asked)
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


def test_a_file_holds_what_the_list_shows_on_all_its_pages(client: Client, environment: Any) -> None:
    records(environment, *(f"user-{number}" for number in range(70)))
    records(environment, "=1+1", payload={"a": [1, "ü"]})
    records(an_environment(), "foreign")
    client.force_login(a_member(environment))

    rows = exported(client)

    assert len(rows) == 71
    assert {row["user_id"] for row in rows} == {*(f"user-{number}" for number in range(70)), "'=1+1"}
    assert rows[0]["decided_at"].startswith("2026-01-02T03:0")
    assert {row["payload"] for row in rows} == {'{"ui": "v2"}', '{"a": [1, "ü"]}'}
    assert [row["user_id"] for row in exported(client, user="user-7")] == ["user-7"]


def test_a_file_that_is_not_everything_says_so(
    client: Client, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "EXPORT_MAX", 5)
    records(environment, *(f"user-{number}" for number in range(9)))
    client.force_login(a_member(environment))

    rows = exported(client)

    assert len(rows) == 6
    assert rows[-1]["id"] == "There is more: export again, until 2026-01-02T03:04:09 UTC"


def test_nobody_exports_what_they_may_not_see(client: Client, environment: Any) -> None:
    records(environment, "ann")
    client.force_login(a_member(an_environment()))

    assert exported(client) == []
    assert exported(client, environment=environment.pk) == []


def a_switch(environment: Any) -> Change:
    feature = a_feature(environment, key="checkout")
    features.switch(feature, environment, status="on", actor=SYSTEM)
    return Change.objects.latest("pk")


def test_changes_are_found_by_everything_that_is_asked(client: Client, environment: Any) -> None:
    change = a_switch(environment)
    client.force_login(a_member(environment))

    for asked in (
        {"q": "CHECK", "action": "feature.switched"},
        {"environment": environment.pk, "actor": "switchy", "action": "feature.switched"},
        {"object_type": "features.feature", "object_id": change.object_id, "action": "feature.switched"},
        {"since": "2020-01-01", "action": "feature.switched"},
    ):
        assert listed(client, CHANGES, **asked) == [change], asked
    assert listed(client, CHANGES, until="2020-01-01T00:00") == []
    assert listed(client, CHANGES, environment=an_environment().pk) == []


def test_reverting_takes_a_click_and_says_what_it_did(client: Client, environment: Any) -> None:
    change = a_switch(environment)
    client.force_login(a_member(environment, Role.EDITOR, username="grace"))
    page = reverse("admin:audits_change_change", args=[change.pk])

    offered = client.get(page).content.decode()
    answer = client.post(reverse("admin:audits_change_revert", args=[change.pk]), {"_reason": "oops"}, follow=True)

    made = Change.objects.filter(action="feature.switched").latest("pk")
    assert "Revert this change" in offered
    assert (made.actor_name, made.reason) == ("grace", f"Revert of change {change.number}: oops")
    assert answer.redirect_chain[-1][0] == reverse("admin:audits_change_change", args=[made.pk])
    assert f"Change {change.number} was reverted" in answer.content.decode()
    assert "Revert this change" not in client.get(page).content.decode()
    assert "This cannot be reverted" in client.get(page).content.decode()


def test_a_viewer_is_not_offered_to_revert_and_cannot(client: Client, environment: Any) -> None:
    change = a_switch(environment)
    client.force_login(a_member(environment))

    offered = client.get(reverse("admin:audits_change_change", args=[change.pk])).content.decode()
    answer = client.post(reverse("admin:audits_change_revert", args=[change.pk]))

    assert "Revert" not in offered
    assert answer.status_code == 403
    assert Change.objects.filter(action="feature.switched").count() == 1


def test_another_tenants_change_is_not_there(client: Client, environment: Any) -> None:
    change = a_switch(environment)
    client.force_login(a_member(an_environment(), Role.ADMIN))

    for name in ("revert", "verify"):
        assert client.post(reverse(f"admin:audits_change_{name}", args=[change.pk])).status_code == 404


def test_a_broken_chain_is_told(client: Client, environment: Any) -> None:
    change = a_switch(environment)
    Change.objects.filter(pk=change.pk)._raw_delete("default")
    client.force_login(a_user(superuser=True))
    other = Change.objects.in_project(change.project_id).earliest("number")

    answer = client.get(reverse("admin:audits_change_verify", args=[other.pk]), follow=True)

    assert f"Change {change.number} of this project does not follow" in answer.content.decode()


def test_why_something_was_changed_goes_into_the_log(client: Client, environment: Any) -> None:
    feature = a_feature(environment)
    user = a_member(environment, Role.EDITOR)
    client.force_login(user)

    client.patch(
        f"/api/v1/features/{feature.pk}/",
        {"name": "New"},
        content_type="application/json",
        headers={"x-change-reason": "they asked", "x-csrftoken": "x"},
    )

    change = Change.objects.filter(action="feature.updated").latest("pk")
    client.get(reverse("admin:audits_change_change", args=[change.pk]))
    assert change.reason == "they asked"
