"""Where the log leads. It knows things by their numbers; here are their pages. Named by `settings.AUDIT_LINKS`."""

from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.urls import NoReverseMatch, reverse

from audits.models import Change, Decision
from decisions.engine.public_ids import FEATURE, number_of
from experiments.models import Experiment
from features.models import Feature

Link = tuple[str, str]
"""What stands on it, and where it leads."""
BESIDE = {  # what has no page of its own is on another's
    "features.rule": "state",
    "features.override": "state",
    "features.prerequisite": "state",
    "experiments.variant": "experiment",
}


def feature_number(environment_id: int, text: str) -> int | None:
    """The number of a feature of an environment's project, by its public id or its key."""
    rows = Feature.objects.filter(project__environments=environment_id, key=text).order_by()
    return number_of(FEATURE, text) or rows.values_list("number", flat=True).first()


def of_decision(decision: Decision) -> list[Link]:
    """The pages of what a decision was about."""
    features = Feature.objects.in_project(decision.project_id).filter(number=decision.feature_number)
    experiments = Experiment.objects.filter(environment=decision.environment_id, number=decision.experiment_number or 0)
    pages = [
        ("The feature", _page(features.only("pk").first())),
        ("The experiment", _page(experiments.only("pk").first())),
        ("Ask the playground now", _playground(decision)),
    ]
    return [(text, url) for text, url in pages if url]


def of_change(change: Change) -> str:
    """The page of what was changed, as it is now; empty if it is gone, or never had one."""
    try:
        model = apps.get_model(change.object_type)
    except LookupError:
        return ""
    row: Any = model._default_manager.filter(pk=change.object_id).first()
    return _page(getattr(row, BESIDE[change.object_type], None) if change.object_type in BESIDE else row)


def _page(row: Any) -> str:
    if row is None or not admin.site.is_registered(type(row)):
        return ""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _playground(decision: Decision) -> str:
    try:
        page = reverse("admin:playground")
    except NoReverseMatch:
        return ""
    asked = {"environment": decision.environment_id, "user": decision.user_id, "q": decision.feature_key}
    return f"{page}?{urlencode(asked)}"
