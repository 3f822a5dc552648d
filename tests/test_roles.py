"""Every page of the admin, by role: nothing foreign is shown, and who may only look finds nothing to edit with."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from audits.models import Change
from audits.services import SYSTEM
from experiments import services as experiments
from experiments.models import Event, Exposure
from features import services as features
from features.models import Identity, Usage
from tenants.models import Environment
from tenants.roles import Kind, Role
from tenants.services import issue_api_token
from tests.audits.builders import a_record, stored
from tests.builders import (
    a_condition,
    a_feature,
    a_key,
    a_layer,
    a_member,
    a_project,
    a_rule,
    a_running_experiment,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
    an_organisation,
)
from tests.pages import addresses, autocompletes
from tests.quantity import NOW

pytestmark = pytest.mark.django_db

FOREIGN, OWN = "canary-foreign", "canary-own"
SEARCHES = ("", "?q=canary&user=canary-foreign&actor=canary")


def a_tenant(word: str) -> Environment:
    """One of everything, with a word in whatever can hold it."""
    organisation = an_organisation(name=word, key=word)
    environment = an_environment(a_project(organisation, name=word, key=word), name=word, key=word)
    an_environment(environment.project, name=f"{word}-other")
    feature, required = a_feature(environment, key=word, name=word, owner=word), a_feature(environment, key=f"{word}-2")
    place: dict[str, Any] = {"feature": feature, "environment": environment, "actor": SYSTEM}
    segment = a_segment(environment.project, key=word, name=word, conditions=a_condition(value=word))
    a_rule(feature, environment, segment=segment, description=word)
    features.set_override(**place, identifier=word, value=True)
    features.set_prerequisite(**place, required=required)
    draft = an_experiment(environment, feature, name=word, audience=segment)
    a_variant(draft, key=word)
    running = a_running_experiment(environment, required, name=f"{word}-running")
    experiments.hold_slots(running, a_layer(environment.project, key=word, name=word), slots=10, actor=SYSTEM)
    a_key(environment, Kind.CLIENT, name=word)
    _observed(environment, word, running.number)
    return environment


def _observed(environment: Environment, word: str, number: int) -> None:
    """What is known of subjects."""
    where: dict[str, Any] = {"environment_id": environment.pk}
    Identity(**where, identifier=word, traits={word: word}).save()
    Usage(**where, hour=NOW, feature_key=word, outcome=word, count=1).save()
    Exposure(**where, experiment_number=number, variant_key=word, subject=word, first_at=NOW, source=word).save()
    Event(**where, name=word, subject=word, happened_at=NOW, source=word, event_id=word).save()
    names = dict.fromkeys(["user_id", "feature_key", "feature_name", "experiment_name", "variant_key"], word)
    stored(a_record(project_id=environment.project_id, request_id=word, payload={word: word}, **where, **names))


def told(client: Client, address: str, *, post: dict[str, Any] | None = None) -> str:
    """What a page says, wherever it leads; nothing if it refuses."""
    answer = client.post(address, post, follow=True) if post is not None else client.get(address, follow=True)
    assert answer.status_code < 500, address
    content = b"".join(answer) if answer.streaming else answer.content
    return content.decode()


def said_without_the_question(text: str, address: str) -> str:
    """A page may say again what was asked of it, as a search field does."""
    asked = re.findall(r"[?&](?:q|user|feature|actor)=([^&]*)", address)
    for word in asked:
        text = text.replace(f'value="{word}"', "").replace(f"={word}", "")
    return text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_nothing_of_another_tenant_is_on_any_page(client: Client, role: Role) -> None:
    theirs, ours = a_tenant(FOREIGN), a_tenant(OWN)
    user = a_member(ours, role, username="somebody")
    issue_api_token(a_member(theirs, Role.ADMIN, username=f"{FOREIGN}-person"), name=FOREIGN)
    client.force_login(user)

    sung = 0
    for name, page in sorted({*addresses(ours), *addresses(theirs)}):
        for search in SEARCHES if name.endswith("_changelist") else ("",):
            text = told(client, page + search)
            assert FOREIGN not in said_without_the_question(text, page + search), page + search
            sung += OWN in text
    assert sung > 40, "the canary sings at home"


def test_nothing_of_another_tenant_is_at_the_address_of_each_of_its_rows(client: Client) -> None:
    theirs, ours = a_tenant(FOREIGN), a_tenant(OWN)
    client.force_login(a_member(ours, Role.ADMIN))

    for model in admin.site._registry:
        for row in model._default_manager.all():
            if FOREIGN not in str(vars(row)):
                continue
            for view in ("change", "delete"):
                page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=[row.pk])
                for text in (told(client, page), told(client, page, post={"post": "yes"})):
                    assert FOREIGN not in text, page
    before = Change.objects.count()
    for change in Change.objects.in_project(theirs.project_id):
        told(client, reverse("admin:audits_change_revert", args=[change.pk]), post={})
    assert Change.objects.count() == before


def test_autocompletes_offer_what_is_ones_own(client: Client) -> None:
    _, ours = a_tenant(FOREIGN), a_tenant(OWN)
    client.force_login(a_member(ours, Role.ADMIN))

    offered = 0
    for model, field in autocompletes():
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field}
        text = client.get(reverse("admin:autocomplete"), {**asked, "term": "canary"}).content.decode()
        assert FOREIGN not in text
        offered += OWN in text

    assert offered


class Controls(HTMLParser):
    """What one could edit with: forms that post, buttons in them, and fields that take anything."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.is_posting = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.is_posting = (given.get("method") or "").lower() == "post"
            self.form = given.get("action") or given.get("id") or ""
        posts = self.is_posting and not any(word in self.form for word in ("logout", "playground"))
        is_field = tag in {"button", "select", "textarea"} or (tag == "input" and given.get("type") != "hidden")
        posts_elsewhere = any(name in given for name in ("hx-post", "formaction", "data-switch"))
        if posts_elsewhere or (posts and is_field and given.get("name") != "language" and "disabled" not in given):
            self.found.append(f"{tag} {given.get('name') or given}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_posting = False


def controls(text: str) -> list[str]:
    parser = Controls()
    parser.feed(text)
    return parser.found


def test_who_may_only_look_finds_nothing_to_edit_with(client: Client) -> None:
    ours = a_tenant(OWN)
    viewer = a_member(ours, Role.VIEWER)
    issue_api_token(viewer, name=OWN)
    client.force_login(viewer)

    found = {}
    for name, page in addresses(ours):
        if name.startswith(("password_change", "tenants_apitoken")):
            continue  # these are theirs
        answer = client.get(page)
        if answer.status_code == 200 and (edits := controls(told(client, page))):
            found[page] = edits

    assert found == {}


def test_an_editor_finds_something_to_edit_with(client: Client) -> None:
    ours = a_tenant(OWN)
    client.force_login(a_member(ours, Role.EDITOR))

    edited = {name for name, page in addresses(ours) if controls(told(client, page))}

    assert {"features_feature_change", "features_segment_change", "experiments_experiment_change"} <= edited


def test_who_may_only_look_is_offered_no_action() -> None:
    ours = a_tenant(OWN)
    request: Any = RequestFactory().get("/")
    request.user = a_member(ours, Role.VIEWER)

    offered = {
        model._meta.label_lower: names
        for model, model_admin in admin.site._registry.items()
        if (names := list(model_admin.get_actions(request))) and model._meta.label_lower != "tenants.apitoken"
    }

    assert offered == {}
