"""A feature in one environment in the admin: its schedule, and its rules, overrides and prerequisites."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from audits import theme
from audits.services import Actor
from features import services
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment
from tenants.admin_base import TenantAdmin, TenantInline, VisibleRelatedFilter
from tenants.authentication import actor_of
from tenants.roles import Right


class PartForm(theme.Form):
    """A row of a state: it offers what belongs to the state's project, and keeps what names it."""

    state: FeatureState | None = None
    fixed: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fixed:
            if self.instance.pk and name in self.fields:
                self.fields[name].disabled = True
        if self.state:
            self.offer(self.state)

    def offer(self, state: FeatureState) -> None:
        """Narrow the choices to those that a service would take."""


class RuleForm(PartForm):
    place = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, widget=theme.TextInput(), help_text="1 is tried first."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.state:
            self.initial["place"] = list(self.state.rules.values_list("pk", flat=True)).index(self.instance.pk) + 1

    def offer(self, state: FeatureState) -> None:
        chosen: Any = self.fields
        if "segment" in chosen:
            chosen["segment"].queryset = Segment.objects.in_project(state.feature.project_id)
        if "experiment" in chosen:
            chosen["experiment"].queryset = state.feature.experiments.filter(environment=state.environment_id)

    def changes(self) -> dict[str, Any]:
        """Without its place, which is a matter of all rules together."""
        return {name: value for name, value in super().changes().items() if name != "place"}


class OverrideForm(PartForm):
    fixed = ("identifier",)


class PrerequisiteForm(PartForm):
    fixed = ("feature",)

    def offer(self, state: FeatureState) -> None:
        chosen: Any = self.fields
        if "feature" in chosen:
            others = Feature.objects.in_project(state.feature.project_id).exclude(pk=state.feature_id)
            chosen["feature"].queryset = others if self.instance.pk else others.live()


class PartInline(TenantInline):
    """What belongs to a state."""

    rights_of_choices = {"segment": Right.READ, "experiment": Right.READ, "feature": Right.READ}

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.state = obj
        return formset

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)


class RuleInline(PartInline):
    """Whom it means gets its value. The rules are tried in their order."""

    model = Rule
    form = RuleForm
    fields = ["place", "description", "segment", "conditions", "value", "rollout_percent", "experiment", "is_on"]
    fields += ["steps", "ramp"]
    ordering = ["position", "pk"]

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        return services.create_rule(parent.feature, parent.environment, **values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        return services.update_rule(row, actor=actor, **changes)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.delete_rule(row, actor=actor)


class OverrideInline(PartInline):
    """What single subjects get."""

    model = Override
    form = OverrideForm
    fields = ["identifier", "value", "expires_at", "note"]

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        given = {"identifier": "", "value": None, **values}
        return services.set_override(parent.feature, parent.environment, **given, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        given = stored(row, "identifier", "value", "expires_at", "note") | changes
        return services.set_override(row.state.feature, row.state.environment, **given, actor=actor)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.remove_override(row, actor=actor)


class PrerequisiteInline(PartInline):
    """What other features must answer first."""

    model = Prerequisite
    form = PrerequisiteForm
    fields = ["feature", "enabled", "needs_value", "value"]

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        given = {**values, "required": values["feature"]}
        del given["feature"]
        return services.set_prerequisite(parent.feature, parent.environment, **given, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        given = stored(row, "enabled", "needs_value", "value") | changes
        state = row.state
        return services.set_prerequisite(state.feature, state.environment, required=row.feature, **given, actor=actor)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.remove_prerequisite(row, actor=actor)


class FeatureStateForm(theme.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        active: Any = self.fields.get("active_experiment")
        if active:
            active.queryset = self.instance.feature.experiments.filter(environment=self.instance.environment_id)


@admin.register(FeatureState)
class FeatureStateAdmin(TenantAdmin):
    """What a feature does in one environment. There is one for each, made with the feature."""

    form = FeatureStateForm
    rights_of_choices = {"active_experiment": Right.READ}
    list_display = ["feature", "environment", "status", "rollout"]
    list_select_related = ["feature", "environment__project"]
    list_filter = [("environment", VisibleRelatedFilter), ("status", theme.ChoicesDropdownFilter)]
    search_fields = ["feature__key", "feature__name"]
    inlines = [RuleInline, OverrideInline, PrerequisiteInline]
    readonly_fields = ["feature", "environment"]
    fieldsets = [
        (None, {"fields": [("feature", "environment"), "status", "on_value", "off_value"]}),
        ("Who gets it, and when", {"fields": ["rollout_percent", "active_experiment", "steps", "ramp"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.set_state(row.feature, row.environment, actor=actor, **changes)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the rules are stored: the order that was asked for."""
        super().save_related(request, form, formsets, change)
        state = form.instance
        asked = {rule.instance.pk: rule.cleaned_data["place"] for rule in _placed(formsets)}
        rules = list(state.rules.order_by("position", "pk"))
        now = {rule.pk: place for place, rule in enumerate(rules, 1)}
        if asked:  # a rule that is moved down goes behind the one that is there, one that is moved up before it
            rules.sort(key=lambda rule: _rank(now[rule.pk], asked.get(rule.pk)))
            keys, actor = [rule.key for rule in rules], actor_of(request.user, request)
            services.reorder_rules(state.feature, state.environment, keys=keys, actor=actor)

    @theme.display(description="Rollout", ordering="rollout_percent")
    def rollout(self, state: FeatureState) -> str:
        return f"{theme.percent(state.rollout_percent)}%"


def stored(row: Any, *names: str) -> dict[str, Any]:
    """What a row has in the database: a form has written on the one in memory."""
    return dict(type(row).objects.filter(pk=row.pk).values(*names).get())


def _placed(formsets: Any) -> list[Any]:
    """The forms of rules that stay and were given another place."""
    forms_of_rules = [form for formset in formsets if formset.model is Rule for form in formset.forms]
    deleted = [form for formset in formsets if formset.model is Rule for form in formset.deleted_forms]
    return [
        form
        for form in forms_of_rules
        if form not in deleted and form.instance.pk and "place" in form.changed_data and form.cleaned_data["place"]
    ]


def _rank(now: int, asked: int | None) -> float:
    if asked is None or asked == now:
        return now
    return asked + 0.5 if asked > now else asked - 0.5
