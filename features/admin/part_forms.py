"""The forms of what belongs to a feature in one environment: what they offer, and how a row of each is written."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.forms.models import BaseInlineFormSet

from audits import theme
from features.admin.conditions import ConditionsField
from features.admin.editors import JsonValue, MomentField, RampField, value_field
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment
from features.templatetags.feature_values import compact

KEYS_OFFERED = 500
OVERRIDES_SHOWN = 50
MUST_BE = [("unknown", "on or off"), ("true", "on"), ("false", "off")]


class PartForm(theme.Form):
    """A row of a state: it offers what belongs to the state's project, and keeps what names it."""

    state: FeatureState | None = None
    fixed: tuple[str, ...] = ()
    kind = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fixed:
            if self.instance.pk and name in self.fields:
                self.fields[name].disabled = True
        if self.state:
            self.offer(self.state)

    def offer(self, state: FeatureState) -> None:
        """Narrow the choices to those that a service would take."""

    @property
    def says(self) -> str:
        """The row in words, for those who may not edit it."""
        return str(self.instance)

    def changes(self) -> dict[str, Any]:
        """What the person changed; of a new row, all that it shows."""
        if self.instance.pk:
            return super().changes()
        hidden = {"id", "state", "DELETE", *self.not_compared}
        return {name: value for name, value in self.cleaned_data.items() if name not in hidden}


class Whole:
    """A state with all that belongs to it, and all that its rows offer: each asked for once a page."""

    def __init__(self, state: FeatureState) -> None:
        self.state: Any = state

    @cached_property
    def rules(self) -> list[Rule]:
        return list(self.state.rules.select_related("segment", "experiment").order_by("position", "pk"))

    @cached_property
    def overrides(self) -> list[Override]:
        return list(self.state.overrides.order_by("identifier"))

    @cached_property
    def prerequisites(self) -> list[Prerequisite]:
        return list(self.state.prerequisites.select_related("feature").order_by("pk"))

    @cached_property
    def segments(self) -> list[Segment]:
        return list(Segment.objects.in_project(self.state.feature.project_id).order_by("key"))

    @cached_property
    def experiments(self) -> list[Any]:
        return list(experiments_of(self.state))

    @cached_property
    def keys(self) -> list[str]:
        """Features that can be waited for, as far as a browser can list them."""
        others = Feature.objects.in_project(self.state.feature.project_id).live().exclude(pk=self.state.feature_id)
        return list(others.order_by("key").values_list("key", flat=True)[:KEYS_OFFERED])


def whole_of(state: Any) -> Whole:
    """The one of this row in memory."""
    if "whole" not in vars(state):
        state.whole = Whole(state)
    whole: Whole = state.whole
    return whole


class PartFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """A row that was added is meant, also one in which nothing was typed."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "empty_permitted": False, "use_required_attribute": False}

    def get_queryset(self) -> Any:
        rows: list[Any] = getattr(whole_of(self.instance), str(self.prefix))
        return rows


class RuleFormSet(PartFormSet):
    """Rules know their places."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.pk:
            form.initial["place"] = self.places.get(form.instance.pk)

    @cached_property
    def places(self) -> dict[int, int]:
        return {rule.pk: place for place, rule in enumerate(self.get_queryset(), 1)}


class OverrideFormSet(PartFormSet):
    """A page of overrides, of which an application can set thousands."""

    asked = 1

    def get_queryset(self) -> Any:
        return self.page.object_list

    @cached_property
    def page(self) -> Any:
        return Paginator(super().get_queryset(), OVERRIDES_SHOWN).get_page(self.asked)


class PrerequisiteFormSet(PartFormSet):
    @property
    def keys(self) -> list[str]:
        """What can be waited for."""
        return whole_of(self.instance).keys


class RuleForm(PartForm):
    """`place` is a matter of all rules together."""

    not_compared = ("place",)
    place = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, widget=theme.NumberInput(), help_text="1 is tried first."
    )
    conditions = ConditionsField(required=False)
    ramp = RampField()

    def offer(self, state: FeatureState) -> None:
        chosen: Any = self.fields
        if "value" not in chosen:
            return
        chosen["value"] = value_field(state.feature, label="Serve", is_optional=True)
        chosen["conditions"].about(state.feature.project_id)
        chosen["segment"].queryset = Segment.objects.in_project(state.feature.project_id)
        chosen["experiment"].queryset = experiments_of(state)
        chosen["rollout_percent"].label, chosen["description"].label = "To how many", "Why it is there"
        listed(chosen["segment"], whole_of(state).segments)
        listed(chosen["experiment"], whole_of(state).experiments)


class OverrideForm(PartForm):
    fixed, kind = ("identifier",), "override"
    expires_at = MomentField(label="Expires (UTC)")

    @property
    def says(self) -> str:
        row = self.instance
        until = f" until {theme.moment(row.expires_at)}" if row.expires_at else ""
        return f"{row.identifier} gets {compact(row.value)}{until}{f', {row.note}' if row.note else ''}"

    def offer(self, state: FeatureState) -> None:
        if "value" in self.fields:
            self.fields["value"] = value_field(state.feature)
            self.fields["identifier"].label, self.fields["note"].label = "User", "Reason"


class PrerequisiteForm(PartForm):
    fixed, kind = ("feature",), "prerequisite"
    feature = forms.ModelChoiceField(
        Feature.objects.none(),
        to_field_name="key",
        widget=theme.TextInput(attrs={"list": "feature-keys", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"invalid_choice": "There is no such feature in this project that one could wait for."},
    )

    def offer(self, state: FeatureState) -> None:
        chosen: Any = self.fields
        if "feature" in chosen:
            others = Feature.objects.in_project(state.feature.project_id).exclude(pk=state.feature_id)
            chosen["feature"].queryset = others if self.instance.pk else others.live()
            chosen["enabled"].label, chosen["enabled"].widget.choices = "Must be", MUST_BE
            chosen["needs_value"].label, chosen["value"].widget = "And serve a value", JsonValue()
        if self.instance.pk:
            self.initial["feature"] = self.instance.feature.key

    @property
    def says(self) -> str:
        row = self.instance
        status = [] if row.enabled is None else ["be on" if row.enabled else "be off"]
        value = [f"serve {compact(row.value)}"] if row.needs_value else []
        return f"{row.feature.key} must {' and '.join([*status, *value])}"

    def clean_feature(self) -> Any:
        return self.instance.feature if self.instance.pk else self.cleaned_data["feature"]


def experiments_of(state: FeatureState) -> Any:
    """Those that a feature can serve in an environment."""
    return state.feature.experiments.filter(environment=state.environment_id)


def listed(field: Any, rows: Iterable[Any]) -> None:
    """Offer rows that were fetched already; what comes back is still looked up among the field's own."""
    field.widget = getattr(field.widget, "widget", field.widget)  # without the links to pages that change the rows
    field.widget.choices = [("", "–"), *((row.pk, str(row)) for row in rows)]
