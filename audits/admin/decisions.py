"""Decisions: who got what, found by what an index knows, and one of them in words."""

from datetime import UTC
from importlib import import_module
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.safestring import SafeString

from audits import theme
from audits.admin.base import LogAdmin, SearchForm, places
from audits.exports import csv_file, everything, lines
from audits.models import Decision
from audits.paging import Order, Position
from decisions.engine import validate
from decisions.engine.public_ids import EXPERIMENT, FEATURE, VARIANT, optional_id

REASONS = {
    "assigned": ("success", "they take part in the experiment, and this is the variant that they were assigned"),
    "feature_on": ("info", "the feature was on for them"),
    "feature_off": ("", "the feature was off for them"),
    "experiment_inactive": ("", "the experiment was not running, so everybody got the control"),
    "not in rollout": ("warning", "they are outside of the percentage, the audience or the layer"),
}
"""The words that are stored: the colour of each, and what it means."""
COLUMNS = [
    *("id", "decided_at", "request_id", "user_id", "feature_id", "feature_key", "feature_name", "experiment_id"),
    *("experiment_name", "variant_id", "variant_key", "is_control", "reason", "protocol", "revision", "payload"),
]


class DecisionSearch(SearchForm):
    """Decisions of one environment: every index begins with it."""

    feature = forms.CharField(required=False, max_length=validate.KEY_LENGTH, label="Feature")
    user = forms.CharField(required=False, max_length=validate.IDENTIFIER_LENGTH, strip=False, label="User")
    variant = forms.CharField(required=False, max_length=validate.KEY_LENGTH)
    reason = forms.ChoiceField(required=False, choices=[("", "Any"), *((word, word) for word in REASONS)])
    request = forms.CharField(required=False, max_length=255, strip=False, label="Request id")

    field_order = ("environment", "user", "feature", "variant", "reason", "since", "until", "request")
    PLACEHOLDERS = {"feature": "key or feat-001", "user": "the whole id", "variant": "key", "request": "the whole id"}

    def __init__(self, data: Any, **options: Any) -> None:
        super().__init__(data, any_place=False, **options)
        theme.dress(self, self.PLACEHOLDERS)


@admin.register(Decision)
class DecisionAdmin(LogAdmin):
    """What was decided in one environment."""

    form_class = DecisionSearch
    order = Order("decided_at")
    list_display = ["when", "user", "feature", "served", "reason_badge", "experiment"]
    fields = ["user_id"]

    class Media:
        css = {"all": ["audits/log.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        """By environment, which the indexes of this large table begin with."""
        rows: Any = super(LogAdmin, self).get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(environment_id__in=list(places(request)))

    def get_urls(self) -> list[Any]:
        return [
            path("export/", self.admin_site.admin_view(self.export), name="audits_decision_export"),
            *super().get_urls(),
        ]

    def form_of(self, request: HttpRequest) -> DecisionSearch:
        """Without an environment that a person may see, it is the one they looked at last, or the first."""
        named = places(request)
        asked = request.GET.get("environment", "")
        asked_for = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
        if asked_for in named and request.session.get("environment") != asked_for:
            request.session["environment"] = asked_for
        remembered = request.session.get("environment")
        chosen = asked or (remembered if remembered in named else next(iter(named), ""))
        form = DecisionSearch({**request.GET.dict(), "environment": chosen}, places=named)
        form.is_valid()
        return form

    def searched(self, request: HttpRequest, rows: Any, form: Any) -> tuple[Any, Q]:
        """The indexes know the environment, the time, and one of user, feature and request."""
        environment_id = form.said("environment")
        if environment_id is None:
            return rows.none(), Q()
        rows = Decision.objects.in_environment(environment_id).filter(form.within("decided_at"))
        if request_id := form.said("request"):
            rows = rows.under_requests(environment_id, [request_id])
        narrowed, found = Q(), self._feature(form, environment_id)
        if user := form.said("user"):
            rows, narrowed = rows.filter(user_id=user), found
        else:
            rows = rows.filter(found)
        for name, column in (("variant", "variant_key"), ("reason", "reason")):
            if value := form.said(name):
                narrowed &= Q(**{column: value})
        return rows, narrowed

    @staticmethod
    def _feature(form: Any, environment_id: int) -> Q:
        asked = form.said("feature")
        if asked is None:
            return Q()
        number = import_module(settings.AUDIT_LINKS).feature_number(environment_id, asked)
        if number is None:
            form.add_error("feature", "No feature of this project has this key.")
        return Q(feature_number=number or 0)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows, all of its pages, as a file."""
        form = self.form_of(request)
        rows, narrowed = self.searched(request, Decision.objects.all(), form)
        found = everything(rows, narrowed, self.order, told=_more)
        content = lines(COLUMNS, (row if isinstance(row, list) else _cells(row) for row in found))
        return csv_file(request, "decisions.csv", content)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        decision = context["original"]
        context |= {
            "title": f"Decision {decision.public_id}",
            "meaning": REASONS.get(decision.reason, ("", decision.reason))[1],
            "facts": facts(decision),
            "payload": theme.as_json(decision.payload),
            "links": import_module(settings.AUDIT_LINKS).of_decision(decision),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @theme.display(description="User")
    def user(self, decision: Decision) -> str:
        return decision.user_id

    @theme.display(description="Feature")
    def feature(self, decision: Decision) -> str:
        return decision.feature_key

    @theme.display(description="Experiment")
    def experiment(self, decision: Decision) -> str:
        return decision.experiment_name or "–"

    @theme.display(description="Served")
    def served(self, decision: Decision) -> SafeString:
        return theme.badge(decision.variant_key, "" if decision.is_control else "info")

    @theme.display(description="Reason")
    def reason_badge(self, decision: Decision) -> SafeString:
        kind = REASONS.get(decision.reason, ("warning", ""))[0]
        return theme.badge(decision.reason.replace("_", " "), kind)


def facts(decision: Decision) -> list[tuple[str, str]]:
    """Everything that is stored of a decision, but for the payload."""
    named = [
        ("When", f"{theme.moment(decision.decided_at)} UTC"),
        ("Environment", getattr(decision, "place", "") or "–"),
        ("User", decision.user_id),
        ("Feature", f"{decision.feature_name} ({decision.feature_key})"),
        ("Feature id", optional_id(FEATURE, decision.feature_number)),
        ("Experiment", decision.experiment_name),
        ("Experiment id", optional_id(EXPERIMENT, decision.experiment_number)),
        ("Variant", decision.variant_key + (" (control)" if decision.is_control else "")),
        ("Variant id", optional_id(VARIANT, decision.variant_number)),
        ("Reason", decision.reason),
        ("Request id", decision.request_id),
        ("Protocol", decision.protocol),
        ("Configuration", decision.revision),
    ]
    return [(name, value) for name, value in named if value]


def _cells(decision: Decision) -> list[object]:
    ids = (
        optional_id(FEATURE, decision.feature_number),
        optional_id(EXPERIMENT, decision.experiment_number),
        optional_id(VARIANT, decision.variant_number),
    )
    told = {"id": decision.public_id, "decided_at": decision.decided_at.astimezone(UTC).isoformat()}
    told |= {
        name: number or "" for name, number in zip(("feature_id", "experiment_id", "variant_id"), ids, strict=True)
    }
    told["payload"] = theme.compact(decision.payload)
    return [told.get(name, getattr(decision, name, "")) for name in COLUMNS]


def _more(position: Position) -> list[object]:
    """The last line of a file that does not hold everything."""
    return [f"There is more: export again, until {position.moment:%Y-%m-%dT%H:%M:%S} UTC"] if position.moment else []
