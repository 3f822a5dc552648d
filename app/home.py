"""The admin's front page: one environment at a glance. The number of queries is fixed, however much there is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from audits import charts, theme
from audits.diffs import done
from audits.models import Change
from experiments.models import Experiment, ExperimentStatus, Exposure
from experiments.splits import Split, split_among
from features.models import Feature, FeatureState, Usage
from features.querysets import STALE_DAYS
from tenants.admin_base import has_role
from tenants.admin_places import chosen_environment, chosen_project, visible_environments, visible_projects
from tenants.models import Credential, Environment, Project
from tenants.querysets import EXPIRING_DAYS, UNUSED_DAYS
from tenants.roles import Right

HOURS, DAYS = 24, 14
SHOWN, LATEST = 6, 8
Exposures = Mapping[tuple[int, str, date], int]
"""How many there were, by the experiment's number, the variant's key and the day."""


@dataclass(frozen=True, slots=True)
class Health:
    """A running experiment, how its subjects were split, and whether that is what was asked for."""

    experiment: Experiment
    chart: SafeString
    verdict: SafeString


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the front page shows."""
    context |= {"title": "Overview", "projects": visible_projects(request), "can_edit": has_role(request, Right.EDIT)}
    project = chosen_project(request)
    environment = chosen_environment(request, project) if project else None
    context |= {"project": project, "environment_here": environment}
    if project is None or environment is None:
        return context | {"can_administer": has_role(request, Right.ADMINISTER)}
    return context | {"environments": visible_environments(request, project)} | overview(request, project, environment)


def overview(request: HttpRequest, project: Project, environment: Environment) -> dict[str, Any]:
    """Everything below the choice of the environment."""
    now = timezone.now()
    running = experiments_in(environment)
    exposures = Exposure.objects.in_environment(environment.pk).by_day()
    hours = evaluations(environment, now)
    days = new_exposures(exposures, now)
    live = Feature.objects.in_project(project.pk).live()
    count = live.count()
    return {
        "cards": [
            (
                "Live features",
                f"{count:,}",
                f"{on_here(environment):,} on in {environment.name}",
                "admin:features_feature_changelist",
            ),
            (
                "Running experiments",
                f"{len(running):,}",
                f"in {environment.name}",
                "admin:experiments_experiment_changelist",
            ),
            ("Evaluations", charts.short(sum(hours)), f"in {HOURS} hours", "admin:features_usage_changelist"),
            ("Exposures", charts.short(sum(days)), f"in {DAYS} days", "admin:experiments_exposure_changelist"),
        ],
        "is_new": not count,
        "evaluations": evaluations_chart(hours, now),
        "exposures": exposures_chart(days, now),
        "experiments": healths(running, exposures),
        "stale": live.stale()[:SHOWN],
        "stale_days": STALE_DAYS,
        "keys": keys(request, project, now),
        "changes": changes(request, project, now),
    }


def experiments_in(environment: Environment) -> list[Experiment]:
    """Those that run now, the newest first."""
    running = Experiment.objects.in_environment(environment.pk).filter(status=ExperimentStatus.RUNNING)
    return list(running.select_related("feature").prefetch_related("variants").order_by("-number"))


def on_here(environment: Environment) -> int:
    """How many live features are not off in an environment."""
    states = FeatureState.objects.in_environment(environment.pk).filter(feature__archived_at=None)
    return states.exclude(status="off").count()


def evaluations(environment: Environment, now: datetime) -> list[int]:
    """How many there were in each of the last hours, this one included."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [hour - timedelta(hours=ago) for ago in range(HOURS - 1, -1, -1)]
    counted = Usage.objects.in_environment(environment.pk).filter(hour__gte=hours[0]).by_hour()
    return [counted.get(each, 0) for each in hours]


def evaluations_chart(counts: Sequence[int], now: datetime) -> SafeString:
    labels = [f"{now - timedelta(hours=ago):%H}:00" for ago in range(HOURS - 1, -1, -1)]
    return charts.line_chart(
        {"Evaluations": counts}, labels, title=f"Evaluations, {HOURS} hours", empty="Nothing was evaluated here yet."
    )


def new_exposures(exposures: Exposures, now: datetime) -> list[int]:
    """How many there were on each of the last days, today included."""
    found = Counter[date]()
    for (_, _, day), count in exposures.items():
        found[day] += count
    return [found[(now - timedelta(days=ago)).date()] for ago in range(DAYS - 1, -1, -1)]


def exposures_chart(counts: Sequence[int], now: datetime) -> SafeString:
    labels = [f"{now - timedelta(days=ago):%d %b}" for ago in range(DAYS - 1, -1, -1)]
    return charts.line_chart(
        {"Exposures": counts}, labels, title=f"New exposures, {DAYS} days", empty="Nobody met an experiment here yet."
    )


def healths(running: Sequence[Experiment], exposures: Exposures) -> list[Health]:
    """The newest of them, with how their subjects were split."""
    met: dict[int, Counter[str]] = {experiment.number: Counter() for experiment in running[:SHOWN]}
    for (number, key, _), count in exposures.items():
        if number in met:
            met[number][key] += count
    return [health(experiment, met[experiment.number]) for experiment in running[:SHOWN]]


def health(experiment: Experiment, met: Mapping[str, int]) -> Health:
    split = split_among(list(experiment.variants.all()), met)
    bars = [
        charts.Bar(arm.key, arm.count, arm.expected, f"{arm.planned:.0%} planned")
        for arm in split.arms
        if not arm.is_removed
    ]
    return Health(experiment, charts.bars(bars, title=f"Exposures of {experiment}"), verdict(split))


def verdict(split: Split) -> SafeString:
    """Whether subjects are split as they should be."""
    if not split.total:
        return theme.badge("No exposures yet")
    if split.is_mismatched:
        return theme.badge("Sample ratio mismatch", "danger")
    return theme.badge("Split as planned", "success")


def keys(request: HttpRequest, project: Project, now: datetime) -> list[tuple[Credential, str]]:
    """Keys that somebody should look at, each with the reason."""
    rows = Credential.objects.visible_to(request.user).filter(environment__project=project).in_need(at=now)
    rows = rows.select_related("environment").order_by("expires_at", "pk")[:SHOWN]
    return [(row, complaint(row, now)) for row in rows]


def complaint(key: Credential, now: datetime) -> str:
    """What is wrong with a key."""
    if key.expires_at and key.expires_at <= now + timedelta(days=EXPIRING_DAYS):
        return f"expires in {(key.expires_at - now).days} days"
    if key.last_used_at is None:
        return "never used"
    return f"not used for {UNUSED_DAYS} days"


def changes(request: HttpRequest, project: Project, now: datetime) -> list[tuple[Change, str, str, str]]:
    """The latest edits of the project, each with what was done, how long ago, and where if not everywhere."""
    rows = Change.objects.visible_to(request.user).in_project(project.pk).order_by("-number")[:LATEST]
    names = {row.pk: row.name for row in visible_environments(request, project)}
    return [
        (row, done(row.action), timesince(row.created_at, now, depth=1), names.get(row.environment_id or 0, ""))
        for row in rows
    ]
