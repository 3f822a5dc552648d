"""The page of a feature: its head, a tab for each environment, and what was seen and done there."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audits import charts
from audits.models import Change
from decisions.engine.choices.percentages import on_the_way
from decisions.engine.choices.timelines import feature_after
from decisions.engine.types import Feature as EngineFeature
from decisions.engine.types import Status
from features.admin.columns import cell_of
from features.admin.places import editable_environments
from features.compile import thousandths
from features.models import Feature, FeatureState, StatusChoice, Usage
from features.querysets import REMOVALS
from features.schedules import ramp_of, steps_of
from tenants.admin_places import visible_environments
from tenants.models import Environment

DAYS_OF_USAGE = 7
HOURS_A_POINT = 6
CHANGES_SHOWN = 8
BEFORE_AND_AFTER = timedelta(hours=12).total_seconds()
FIRST, LAST = (datetime(year, 6, 1, tzinfo=UTC).timestamp() for year in (1, 9999))  # what calendars can show


def head_of(request: HttpRequest, feature: Feature, shown: Environment | None = None) -> dict[str, Any]:
    """What stands above every tab of a feature. Three queries."""
    states = {state.environment_id: state for state in FeatureState.objects.filter(feature=feature).order_by()}
    editable = editable_environments(request, feature.project_id)
    tabs = [
        {
            "environment": environment,
            "url": address_of(feature, environment),
            "is_shown": shown is not None and environment.pk == shown.pk,
            "cell": cell_of(feature, environment, states.get(environment.pk), environment.pk in editable),
        }
        for environment in visible_environments(request, feature.project)
    ]
    return {"feature": feature, "tabs": tabs, "shown": shown, "overview": address_of(feature)}


def address_of(feature: Feature, environment: Environment | None = None) -> str:
    """Where a feature's page is, or its tab of an environment."""
    page = reverse("admin:features_feature_change", args=[feature.pk])
    return f"{page}?{urlencode({'environment': environment.key})}" if environment else page


def usage_chart(state: FeatureState) -> SafeString:
    """How often the feature was evaluated in the last days, by outcome. One query."""
    now = timezone.now()
    width = timedelta(hours=HOURS_A_POINT)
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    begin = end - timedelta(days=DAYS_OF_USAGE)
    rows = Usage.objects.in_environment(state.environment_id).filter(feature_key=state.feature.key, hour__gte=begin)
    found = rows.order_by("hour").values_list("hour", "outcome").annotate(total=Sum("count"))
    points = DAYS_OF_USAGE * 24 // HOURS_A_POINT
    series: Mapping[str, list[float]] = defaultdict(lambda: [0.0] * points)
    for hour, outcome, total in found:
        if hour < end:
            series[outcome][(hour - begin) // width] += total
    labels = [f"{begin + width * number:%d %b %H:%M}" for number in range(points)]
    title = f"Evaluations, last {DAYS_OF_USAGE} days"
    return charts.line_chart(
        dict(sorted(series.items())), labels, title=title, empty="Nobody evaluated it in the last 7 days."
    )


def changes_of(state: FeatureState) -> Any:
    """Everything that was done to the feature in this environment, and to the feature as a whole, newest first."""
    here = Change.objects.in_project(state.feature.project_id)
    here = here.filter(Q(environment_id=state.environment_id) | Q(environment_id=None)).order_by()
    of = Q(object_type="features.feature", object_id=state.feature_id)
    of |= Q(object_type="features.featurestate", object_id=state.pk)
    for kind, parts in (
        ("features.rule", state.rules),
        ("features.override", state.overrides),
        ("features.prerequisite", state.prerequisites),
    ):
        gone = here.filter(object_type=kind, action__in=REMOVALS, before__of=state.feature.key).values("object_id")
        of |= Q(object_type=kind) & (Q(object_id__in=parts.order_by().values("pk")) | Q(object_id__in=gone))
    return here.filter(of).order_by("-number")


def preview(state: FeatureState) -> SafeString:
    """How many are served the on value as time goes by, as a curve; nothing where nothing moves."""
    steps, ramp = steps_of(state.steps), ramp_of(state.ramp)
    if not steps and ramp is None:
        return charts.nothing("Nothing is planned: it stays as it is.")
    status = Status(state.status) if state.status in StatusChoice.values else Status.OFF
    rollout = thousandths(state.rollout_percent)
    feature = EngineFeature("preview", status=status, rollout=rollout, steps=steps, ramp=ramp)
    now = timezone.now()
    moments = sorted({*(step.at for step in steps), *((ramp.start_at, ramp.end_at) if ramp else ())})
    begin = min(now.timestamp(), moments[0]) - BEFORE_AND_AFTER
    end = max(now.timestamp(), moments[-1]) + BEFORE_AND_AFTER
    points: list[tuple[datetime, float]] = []
    for moment in [begin, *moments, end]:
        at = datetime.fromtimestamp(max(FIRST, min(moment, LAST)), UTC)
        points += [(at, percent_at(feature, moment - 0.001)), (at, percent_at(feature, moment))]
    return charts.curve(points, title="Served the on value", now=now)


def percent_at(feature: EngineFeature, moment: float) -> float:
    """The percentage that a feature with a schedule serves its on value to, by the engine's own rules."""
    taken = sorted((step for step in feature.steps if step.at <= moment), key=lambda step: step.at)
    then = feature_after(feature, tuple(taken))
    if then.status is Status.OFF:
        return 0.0
    return (on_the_way(then.ramp, moment) if then.ramp else then.rollout) / 1000
