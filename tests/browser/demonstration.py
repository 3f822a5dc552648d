"""A shop with three months of life in it, for the screenshots: made by the services, at moments in the past."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.utils import timezone

from audits.models import Decision
from audits.services import Actor
from experiments import services as experiments
from experiments.models import Experiment, Exposure, Layer
from features import services as features
from features.models import Feature, Identity, Segment, Usage
from tenants import services as tenants
from tenants.models import Credential, Environment, Project
from tenants.roles import Kind, Role

NOW = timezone.now()
PASSWORD = "screenshots"
COUNTRIES, PLANS = ("DE", "AT", "CH", "FR", "NL", "US"), ("free", "free", "free", "pro", "business")
PEOPLE = {"mara": "Mara Lindqvist", "jonas": "Jonas Feld", "priya": "Priya Raman"}
FEATURES: tuple[tuple[str, str, str, str, list[str], int], ...] = (
    # key, name, type, owner, tags, days ago
    ("new_checkout", "New checkout", "boolean", "mara", ["checkout", "growth"], 62),
    ("express_delivery", "Express delivery", "boolean", "jonas", ["checkout"], 48),
    ("search_ranking", "Search ranking", "string", "priya", ["search"], 80),
    ("recommendations", "Recommendations on the product page", "boolean", "priya", ["growth"], 33),
    ("dark_mode", "Dark mode", "boolean", "jonas", ["design"], 88),
    ("upload_limit", "Upload limit in MB", "number", "jonas", ["limits"], 75),
    ("theme", "Theme of the shop", "json", "mara", ["design"], 71),
    ("gift_cards", "Gift cards", "boolean", "mara", ["checkout", "growth"], 21),
    ("price_banner", "Price banner", "string", "priya", ["growth"], 17),
    ("address_lookup", "Address lookup", "boolean", "jonas", ["checkout"], 12),
    ("loyalty_points", "Loyalty points", "boolean", "mara", [], 6),
    ("ai_support", "Support by assistant", "boolean", "priya", ["support"], 3),
)

WHOLE: dict[str, dict[str, Any]] = {
    "dark_mode": {},
    "upload_limit": {"on_value": 100, "off_value": 25},
    "theme": {"on_value": {"accent": "teal", "radius": 8}},
    "search_ranking": {"on_value": "semantic", "off_value": "classic", "rollout_percent": 75},
}
TRIED = ("gift_cards", "express_delivery", "recommendations", "price_banner", "loyalty_points", "address_lookup")
VARIANTS = ("control", "short", "one-page")
TESTERS: dict[str, Any] = {
    "key": "beta-testers",
    "name": "Beta testers",
    "conditions": {"attribute": "email", "operator": "ends_with", "value": "@acme.example"},
}
LOYAL: dict[str, Any] = {
    "key": "loyal-in-dach",
    "name": "Loyal customers in DACH",
    "description": "Paying customers from Germany, Austria and Switzerland with a recent app.",
    "conditions": {
        "all": [
            {"attribute": "country", "operator": "in", "value": ["DE", "AT", "CH"]},
            {"attribute": "plan", "operator": "not_equals", "value": "free"},
            {
                "any": [
                    {"attribute": "app.version", "operator": "semver_gte", "value": "2.4.0"},
                    {"operator": "in_segment", "value": "beta-testers"},
                ]
            },
        ]
    },
}


@dataclass
class Shop:
    """What was made: the one who is shown the pages, and the places."""

    person: Any
    project: Project
    environments: dict[str, Environment]
    features: dict[str, Feature]
    experiment: Experiment
    segment: Segment
    layer: Layer


@contextmanager
def ago(days: float) -> Iterator[None]:
    """Let the clock stand in the past."""
    with patch("django.utils.timezone.now", return_value=NOW - timedelta(days=days)):
        yield


Deed = tuple[float, Callable[[], object]]


def the_shop() -> Shop:
    """All of it, told in the order in which it happened."""
    people = {name: person(name, full) for name, full in PEOPLE.items()}
    project, environments = places(people)
    made: dict[str, Feature] = {}
    deeds = [*flags(project, environments, people, made), *targeting(project, environments, people, made)]
    deeds += [*tests(project, environments["production"], people, made), *keys(environments, people)]
    for days, deed in sorted(deeds, key=lambda each: -each[0]):
        with ago(days):
            deed()
    Credential.objects.update(created_at=NOW - timedelta(days=70))
    for key, feature in made.items():
        born = next(days for name, *_, days in FEATURES if name == key)
        Feature.objects.filter(pk=feature.pk).update(created_at=NOW - timedelta(days=born))
    observe(environments["production"], made)
    return Shop(
        get_user_model().objects.get(username="mara"),
        project,
        environments,
        made,
        Experiment.objects.get(number=1),
        Segment.objects.get(key="loyal-in-dach"),
        Layer.objects.get(),
    )


def person(username: str, full: str) -> Actor:
    first, _, last = full.partition(" ")
    user = get_user_model().objects.create_user(
        username, f"{username}@acme.example", PASSWORD, first_name=first, last_name=last, is_staff=True
    )
    return Actor(f"user:{user.pk}", username)


def places(people: dict[str, Actor]) -> tuple[Project, dict[str, Environment]]:
    jonas = people["jonas"]
    with ago(92):
        acme = tenants.create_organisation(key="acme", name="Acme", actor=jonas)
        shop = tenants.create_project(acme, key="shop", name="Web shop", actor=jonas)
        for username in PEOPLE:
            user = get_user_model().objects.get(username=username)
            tenants.set_role(user, acme, role=Role.ADMIN, actor=jonas)
        for key in ("development", "staging", "production"):
            tenants.create_environment(shop, key=key, name=key.capitalize(), actor=jonas)
        tenants.update_environment(Environment.objects.get(key="production"), is_protected=True, actor=jonas)
    return shop, {row.key: row for row in Environment.objects.filter(project=shop).select_related("project")}


def flags(
    project: Project, environments: dict[str, Environment], people: dict[str, Actor], made: dict[str, Feature]
) -> Iterator[Deed]:
    """What is made, and switched on from one environment to the next."""

    def create(key: str, name: str, value_type: str, owner: str, tags: list[str]) -> None:
        made[key] = features.create_feature(
            project, key=key, name=name, value_type=value_type, owner=owner, tags=tags, actor=people[owner]
        )

    for key, name, value_type, owner, tags, days in FEATURES:
        yield days, partial(create, key, name, value_type, owner, tags)

    def switch(key: str, where: str, who: str, why: str = "", **changes: Any) -> None:
        features.set_state(made[key], environments[where], actor=replace(people[who], reason=why), **changes)

    for key, changes in WHOLE.items():
        for days, where in ((69, "development"), (66, "staging"), (60, "production")):
            yield days, partial(switch, key, where, "jonas", status="on", **changes)
    for days, where in ((5, "development"), (4, "staging")):
        for number, key in enumerate(TRIED):
            yield days - number / 9, partial(switch, key, where, "mara", status="on")
    yield 2, partial(switch, "ai_support", "development", "priya", status="on", rollout_percent=50)
    yield 2.2, partial(switch, "express_delivery", "production", "jonas", status="on", rollout_percent=10)
    yield (
        0.3,
        partial(switch, "express_delivery", "production", "jonas", why="A day without complaints", rollout_percent=20),
    )
    begin, end = (NOW - timedelta(days=1)).isoformat(), (NOW + timedelta(days=3)).isoformat()
    ramp = {"start": begin, "from": 5, "end": end, "to": 60}
    yield (
        1,
        partial(switch, "gift_cards", "production", "mara", why="Launch before the holidays", status="on", ramp=ramp),
    )


def targeting(
    project: Project, environments: dict[str, Environment], people: dict[str, Actor], made: dict[str, Feature]
) -> Iterator[Deed]:
    """Two segments; rules, an override and a prerequisite of one feature in production."""
    production, jonas = environments["production"], people["jonas"]
    yield 30, partial(features.create_segment, project, actor=people["priya"], **TESTERS)
    yield 29, partial(features.create_segment, project, actor=people["priya"], **LOYAL)

    def rule(description: str, value: bool, *, segment: str = "", **details: Any) -> None:
        if segment:
            details["segment"] = Segment.objects.get(key=segment)
        delivery = made["express_delivery"]
        features.create_rule(delivery, production, description=description, value=value, actor=jonas, **details)

    yield 2.1, partial(rule, "Testers always", value=True, segment="beta-testers")
    yield 2.0, partial(rule, "Loyal customers first", value=True, segment="loyal-in-dach", rollout_percent=60)
    abroad = {"attribute": "country", "operator": "equals", "value": "US"}
    yield 1.2, partial(rule, "Not over there yet", value=False, conditions=abroad)
    yield (
        0.6,
        lambda: features.set_override(
            made["express_delivery"],
            production,
            identifier="user-1042",
            value=False,
            note="Asked to be left out",
            actor=people["priya"],
        ),
    )
    yield (
        0.5,
        lambda: features.set_prerequisite(
            made["express_delivery"], production, required=made["dark_mode"], actor=jonas
        ),
    )


def tests(
    project: Project, production: Environment, people: dict[str, Actor], made: dict[str, Feature]
) -> Iterator[Deed]:
    """An experiment that goes well, and one whose split went wrong, in one layer."""
    yield 13, lambda: experiments.create_layer(project, key="checkout", name="Checkout", actor=people["mara"])

    def run(key: str, name: str, who: str, weights: tuple[int, ...]) -> None:
        experiment = experiments.create_experiment(made[key], production, name=name, actor=people[who])
        values = (False, True, True) if made[key].value_type == "boolean" else ("Sale", "Save now")
        for variant, weight, value in zip(VARIANTS, weights, values, strict=False):
            is_control = variant == "control"
            experiments.create_variant(
                experiment, key=variant, weight=weight, value=value, is_control=is_control, actor=people[who]
            )
        experiments.hold_slots(experiment, Layer.objects.get(), slots=4_000, actor=people[who])
        experiment = experiments.start(experiment, actor=people[who])
        state = {"status": "experiment", "active_experiment": experiment}
        features.set_state(made[key], production, actor=people[who], **state)

    yield 12, partial(run, "new_checkout", "Fewer steps in the checkout", "mara", (50, 25, 25))
    yield 11, partial(run, "price_banner", "Price banner wording", "priya", (50, 50))
    yield 10, lambda: experiments.set_holdout(Layer.objects.get(), production, slots=1_000, actor=people["mara"])


def keys(environments: dict[str, Environment], people: dict[str, Actor]) -> Iterator[Deed]:
    """One that is at work, one that expires soon, one that nobody uses."""
    production, staging = environments["production"], environments["staging"]
    issue, jonas = tenants.issue_credential, people["jonas"]
    yield 75, lambda: issue(production, kind=Kind.SERVER, name="backend", actor=jonas)
    yield 74, lambda: issue(staging, kind=Kind.CLIENT, name="old-preview", actor=jonas)
    soon = NOW + timedelta(days=9, hours=1)
    yield 20, lambda: issue(production, kind=Kind.CLIENT, name="web", expires_at=soon, actor=people["mara"])


def observe(production: Environment, made: dict[str, Feature]) -> None:
    """Identities, evaluations and exposures: more by day than by night. The second experiment loses subjects."""
    dice = Random(7)
    Identity.objects.bulk_create(
        Identity(environment=production, identifier=f"user-{1000 + number}", traits=traits(dice, number))
        for number in range(400)
    )
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    Usage.objects.bulk_create(
        Usage(
            environment_id=production.pk, feature_key=key, outcome=outcome, hour=hour - timedelta(hours=back),
            count=int(dice.gauss(90, 12) * daylight(hour - timedelta(hours=back)) * share),
        )
        for key in made if key not in {"loyalty_points", "ai_support"}
        for outcome, share in (("on", 0.7), ("off", 0.3))
        for back in range(24 * 7)
    )  # fmt: skip
    for name, minutes in (("backend", 2), ("web", 1)):
        production.credentials.filter(name=name).update(last_used_at=NOW - timedelta(minutes=minutes))
    Decision.objects.bulk_create(decisions(dice, production, made))
    for number, split in enumerate(((0.5, 0.25, 0.25), (0.5, 0.42)), 1):
        Exposure.objects.bulk_create(exposures(dice, production, number, split))


def decisions(dice: Random, production: Environment, made: dict[str, Feature]) -> Iterator[Decision]:
    """What Feature Hub's clients were told lately."""
    shown = (("new_checkout", "assigned"), ("dark_mode", "feature_on"), ("ai_support", "feature_off"))
    for number in range(1, 401):
        key, reason = dice.choice(shown)
        variant = dice.choice(VARIANTS) if reason == "assigned" else reason.removeprefix("feature_")
        experiment = {"experiment_number": 1, "experiment_name": "Fewer steps in the checkout"}
        yield Decision(
            project_id=production.project_id,
            environment_id=production.pk,
            number=number,
            request_id=f"{dice.getrandbits(64):016x}",
            user_id=f"user-{dice.randint(1000, 1399)}",
            feature_number=made[key].number,
            feature_key=key,
            feature_name=made[key].name,
            **(experiment if reason == "assigned" else {}),
            variant_key=variant,
            is_control=variant == "control" if reason == "assigned" else None,
            reason=reason,
            protocol=dice.choice(("feature_hub", "ofrep")),
            revision=production.revision,
            decided_at=NOW - timedelta(minutes=(400 - number) * 3 + dice.random()),
        )


def exposures(dice: Random, production: Environment, number: int, split: tuple[float, ...]) -> Iterator[Exposure]:
    for subject in range(4_200):
        days = 11 * dice.random() ** 1.3
        yield Exposure(
            environment_id=production.pk,
            experiment_number=number,
            variant_key=dice.choices(VARIANTS[: len(split)], split)[0],
            subject=f"user-{subject}",
            first_at=NOW - timedelta(days=days),
            source="ofrep",
        )


def traits(dice: Random, number: int) -> dict[str, Any]:
    version = f"2.{dice.randint(0, 9)}.{dice.randint(0, 9)}"
    email = f"user{number}@{'acme' if number % 17 == 0 else 'mail'}.example"
    return {"country": dice.choice(COUNTRIES), "plan": dice.choice(PLANS), "email": email, "app": {"version": version}}


def daylight(moment: datetime) -> float:
    """How busy an hour is."""
    return 1.0 - 0.8 * abs(moment.hour - 15) / 15
