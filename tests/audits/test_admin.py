"""The admin as a whole, and the log in it."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audits.models import Change, Decision
from audits.partitions import is_partitioned
from tests.audits.builders import request_of
from tests.builders import (
    a_feature,
    a_key,
    a_member,
    a_running_experiment,
    a_user,
    a_variant,
    an_environment,
    an_experiment,
)

pytestmark = pytest.mark.django_db
XSS, TAG = "<script>alert(1)</script>", "<zz>"
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)


def test_every_model_of_ours_has_a_page() -> None:
    ours = {m._meta.label_lower for app in ("audits", "tenants", "features", "experiments") for m in _models(app)}

    assert ours - set(MODELS) == {
        "audits.request",
        "audits.sequence",
        "experiments.slotrange",
        "experiments.variant",
        "features.override",
        "features.prerequisite",
        "features.rule",
    }


@pytest.mark.parametrize("label", MODELS)
def test_every_list_page_and_form_answers(client: Client, label: str) -> None:
    environment = a_world()
    client.force_login(superuser := a_user(superuser=True))
    a_key(environment)
    model = apps.get_model(label)
    model_admin = admin.site.get_model_admin(model)

    assert client.get(url(label, "changelist")).status_code == 200
    assert client.get(url(label, "changelist"), {"q": "a", "o": "1", "e": "1"}).status_code == 200
    if model_admin.has_add_permission(_request(superuser)):
        assert client.get(url(label, "add")).status_code == 200
    for row in model._default_manager.all()[:3]:
        assert client.get(url(label, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("label", MODELS)
@pytest.mark.parametrize(
    "query", ["q=%00", "x=%00", "p=999999999", "id__in=99999999999999999999", "id__exact=x", "q=%ED%A0%80"]
)
def test_no_query_breaks_a_list(client: Client, label: str, query: str) -> None:
    client.force_login(a_user(superuser=True))

    assert client.get(f"{url(label, 'changelist')}?{query}").status_code in {200, 302}


@pytest.mark.parametrize("label", MODELS)
@pytest.mark.parametrize("pk", ["x", "0", "99999999999999999999", "_00", "1/x"])
def test_no_row_is_no_error(client: Client, label: str, pk: str) -> None:
    client.force_login(a_user(superuser=True))

    assert client.get(f"{url(label, 'changelist')}{pk}/change/").status_code in {302, 404}


def test_names_are_text_and_never_markup(client: Client) -> None:
    environment = an_environment(name=XSS)
    experiment = an_experiment(environment, a_feature(environment, name=XSS, tags=[TAG]), name=XSS)
    a_variant(experiment, key=TAG, payload={"html": XSS})
    a_decision(environment, user_id=XSS, payload={"html": XSS})
    client.force_login(a_user(superuser=True, username=TAG))

    pages = [reverse("admin:index"), *(url(label, "changelist") for label in MODELS)]
    pages += [url(label, "change", row.pk) for label in MODELS for row in apps.get_model(label)._default_manager.all()]
    for page in pages:
        text = client.get(page).content.decode()
        assert XSS not in text, page
        assert TAG not in text, page


def test_the_log_is_read_and_never_touched(client: Client) -> None:
    a_decision(an_environment())
    client.force_login(a_user(superuser=True))
    decision, change = Decision.objects.get(), Change.objects.all()[0]

    for label, row in (("audits.decision", decision), ("audits.change", change)):
        assert client.get(url(label, "add")).status_code == 403
        assert client.post(url(label, "change", row.pk), {"actor_name": "me"}).status_code == 403
        assert client.post(url(label, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert Change.objects.get(pk=change.pk).actor_name == change.actor_name


def test_a_person_sees_the_log_of_their_projects_only(client: Client) -> None:
    mine, other = an_environment(), an_environment()
    a_decision(mine, user_id="mine")
    a_decision(other, user_id="other")
    client.force_login(a_member(mine))

    listed = client.get(url("audits.decision", "changelist")).content.decode()
    foreign = Decision.objects.get(user_id="other")

    assert ">mine<" in listed
    assert ">other<" not in listed
    assert client.get(url("audits.decision", "change", foreign.pk)).status_code == 302
    assert ">other<" not in client.get(url("audits.decision", "changelist"), {"user": "other"}).content.decode()


def test_a_decision_is_found_by_exactly_its_user_or_request(client: Client) -> None:
    environment = an_environment()
    a_decision(environment, user_id="anna", request_id="r1")
    a_decision(environment, user_id="ann")
    client.force_login(a_user(superuser=True))

    def found(**query: str) -> list[str]:
        return [
            row.user_id for row in client.get(url("audits.decision", "changelist"), query).context["cl"].result_list
        ]

    assert found(user="ann") == ["ann"]
    assert found(request="r1") == ["anna"]
    assert found(reason="feature_off") == []
    assert found(environment=str(environment.pk)) == ["ann", "anna"]
    assert found(environment="x") == []


def test_the_list_of_decisions_is_never_counted(client: Client, django_assert_num_queries: Any) -> None:
    environment = an_environment()
    for _ in range(150):
        a_decision(environment)
    client.force_login(a_user(superuser=True))

    with django_assert_num_queries(4) as queries:  # the session, the user, the names of environments, the page
        client.get(url("audits.decision", "changelist"), {"_facets": "True"})

    assert not any("COUNT(" in query["sql"] for query in queries.captured_queries)


def test_a_change_shows_before_and_after_and_that_its_link_holds(client: Client) -> None:
    a_running_experiment(an_environment())
    client.force_login(a_user(superuser=True))
    change = Change.objects.filter(action="feature.switched").latest("id")

    page = client.get(url("audits.change", "change", change.pk)).content.decode()
    chain = client.get(url("audits.change", "verify", change.pk), follow=True).content.decode()

    assert "<h3>active experiment</h3>" in page
    assert ">holds<" in page
    assert "Every change of this project follows from the one before it" in chain


def test_the_front_page_tells_what_the_person_may_see(client: Client) -> None:
    mine, other = an_environment(), an_environment()
    a_feature(mine, name="ours")
    a_feature(other, key="theirs")
    client.force_login(a_member(mine))

    page = client.get(reverse("admin:index")).content.decode()

    assert "created feature" in page
    assert "theirs" not in page
    assert reverse("admin:auth_user_changelist") not in page


def test_only_superusers_see_accounts(client: Client) -> None:
    client.force_login(a_member(an_environment()))

    assert client.get(url("auth.user", "changelist")).status_code == 403
    assert client.get(url("auth.group", "changelist")).status_code == 403


def a_world() -> Any:
    """At least one row of everything."""
    environment = an_environment()
    a_running_experiment(environment)
    a_decision(environment)
    return environment


def a_decision(environment: Any, **changes: Any) -> Decision:
    values: dict[str, Any] = {
        "project_id": environment.project_id,
        "environment_id": environment.pk,
        "number": (number := Decision.objects.count() + 1),
        "request_id": f"request-{number}",
        "user_id": "user",
        "feature_number": 1,
        "feature_key": "checkout",
        "feature_name": "Checkout",
        "experiment_number": 1,
        "experiment_name": "Checkout",
        "variant_number": 1,
        "variant_key": "control",
        "is_control": True,
        "reason": "assigned",
        "payload": {},
        "protocol": "feature_hub",
        "revision": "1",
        "decided_at": timezone.now(),
    }
    decision = Decision.objects.create(**{**values, **changes})
    if is_partitioned():
        request_of(decision).save()
    return decision


def url(label: str, page: str, *args: object) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=args)


def _models(app: str) -> Any:
    return apps.get_app_config(app).get_models()


def _request(user: Any) -> Any:
    class Request:
        pass

    request: Any = Request()
    request.user = user
    return request
