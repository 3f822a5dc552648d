"""A feature in one environment in the admin: the tab of its page on which people set what it does there."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from audits import charts, theme
from audits.services import Actor
from decisions.engine.validate import JsonRefused, parse_json
from features import services
from features.admin import pages
from features.admin.editors import RampField, value_field
from features.admin.part_forms import experiments_of, listed, whole_of
from features.admin.parts import WIDGETS, OverrideInline, PrerequisiteInline, RuleInline, whom
from features.admin.places import editable_environments
from features.models import FeatureState, Rule
from features.schedules import ramp_complaint, steps_complaint
from tenants.admin_base import TenantAdmin, VisibleRelatedFilter
from tenants.admin_versions import Versioned, VersionedForm
from tenants.authentication import actor_of
from tenants.roles import Right

EDITED = ("status", "on_value", "off_value", "rollout_percent", "active_experiment", "steps", "ramp")


class FeatureStateForm(VersionedForm):
    """What a feature does in an environment. A protected one takes a word of confirmation."""

    not_compared = ("confirmed",)
    ramp = RampField()
    confirmed = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state, chosen = self.instance, self.fields
        if "status" not in chosen:
            return
        chosen["rollout_percent"].label = "Rollout"
        chosen["on_value"] = value_field(state.feature, label="On value")
        chosen["off_value"] = value_field(state.feature, label="Off value")
        active: Any = chosen["active_experiment"]
        active.queryset = experiments_of(state)
        listed(active, whole_of(state).experiments)

    @classmethod
    def content_of(cls, row: Any) -> Mapping[str, Any]:
        """With all that belongs to it."""
        whole = whole_of(row)
        rows = [*whole.rules, *whole.overrides, *whole.prerequisites]
        return {**super().content_of(row), "parts": [super(FeatureStateForm, cls).content_of(part) for part in rows]}

    def clean_confirmed(self) -> bool:
        confirmed: bool = self.cleaned_data["confirmed"]
        if self.instance.environment.is_protected and not confirmed:
            name = self.instance.environment.name
            raise ValidationError(f"{name} is protected. Tick the box if you mean to change it.", code="protected")
        return confirmed


@admin.register(FeatureState)
class FeatureStateAdmin(Versioned, TenantAdmin):
    """What a feature does in one environment. There is one for each, made with the feature."""

    form = FeatureStateForm
    rights_of_choices = {"active_experiment": Right.READ}
    list_display = ["feature", "environment", "status", "rollout"]
    list_select_related = ["feature", "environment__project"]
    list_filter = [("environment", VisibleRelatedFilter), ("status", theme.ChoicesDropdownFilter)]
    search_fields = ["feature__key", "feature__name"]
    inlines = [RuleInline, OverrideInline, PrerequisiteInline]
    fields = list(EDITED)

    def get_urls(self) -> list[URLPattern]:
        preview = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", preview, name="features_featurestate_preview"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("feature__project", "environment__project")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not isinstance(obj, FeatureState):
            return super().has_change_permission(request, obj)
        return obj.environment_id in editable_environments(request, obj.feature.project_id)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if widget := WIDGETS.get(db_field.name):
            kwargs["widget"] = widget()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        state: Any = kwargs["obj"]
        is_written = request.method == "POST"  # the form has written what was typed on the row in memory
        fresh = self.get_queryset(request).get(pk=state.pk) if is_written else state
        context |= {
            "title": fresh.feature.name,
            "original": fresh.feature,
            "head": pages.head_of(request, fresh.feature, fresh.environment),
            "state": fresh,
            "preview": pages.preview(fresh),
            "usage": pages.usage_chart(fresh),
            "changes": list(pages.changes_of(fresh).visible_to(request.user)[: pages.CHANGES_SHOWN]),
            "changes_url": changes_url(fresh),
            "experiment": fresh.active_experiment,
            "show_save_and_continue": False,
        }
        _describe_rules(context.get("inline_admin_formsets", ()))
        return super().render_change_form(request, context, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        self.message_user(request, f"{obj.feature.name} was saved in {obj.environment.name}.", "success")
        return HttpResponseRedirect(pages.address_of(obj.feature, obj.environment))

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.set_state(row.feature, row.environment, actor=actor, **changes)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the rules are stored: the order that was asked for."""
        super().save_related(request, form, formsets, change)
        state = form.instance
        rules = list(state.rules.order_by("position", "pk"))
        asked = _places_asked(formsets, rules)
        now = {rule.pk: place for place, rule in enumerate(rules, 1)}
        if asked:  # a rule that is moved down goes behind the one that is there, one that is moved up before it
            rules.sort(key=lambda rule: _rank(now[rule.pk], asked.get(rule.pk)))
            keys, actor = [rule.key for rule in rules], actor_of(request.user, request)
            services.reorder_rules(state.feature, state.environment, keys=keys, actor=actor)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The curve of a schedule that is being typed, or what is wrong with it. It stores and reads nothing."""
        form = PreviewForm(request.POST)
        if request.method != "POST":
            return HttpResponseBadRequest("Post a schedule.")
        return HttpResponse(form.curve() if form.is_valid() else charts.nothing(form.complaint()))

    @theme.display(description="Rollout", ordering="rollout_percent")
    def rollout(self, state: FeatureState) -> str:
        return f"{theme.percent(state.rollout_percent)}%"


class PreviewForm(forms.Form):
    """A schedule as the page has it before it is saved."""

    status = forms.ChoiceField(choices=FeatureState._meta.get_field("status").choices or ())
    rollout_percent = forms.DecimalField(min_value=0, max_value=100)
    steps = forms.CharField(required=False)
    ramp = RampField()

    def clean_steps(self) -> Any:
        try:
            steps = parse_json((self.cleaned_data["steps"] or "[]").encode("utf-8", "surrogatepass"))
        except JsonRefused as refused:
            raise ValidationError(refused.message) from refused
        if complaint := steps_complaint(steps, lambda value: None):
            raise ValidationError(complaint)
        return steps

    def clean_ramp(self) -> Any:
        ramp = self.cleaned_data["ramp"]
        if ramp is not None and (complaint := ramp_complaint(ramp)):
            raise ValidationError(complaint)
        return ramp

    def complaint(self) -> str:
        return " ".join(f"{name.replace('_', ' ').capitalize()}: {said[0]}" for name, said in self.errors.items())

    def curve(self) -> SafeString:
        return pages.preview(FeatureState(**self.cleaned_data))


def changes_url(state: FeatureState) -> str:
    """All that was ever done to a feature."""
    return f"{reverse('admin:audits_change_changelist')}?environment={state.environment_id}&q={state.feature.key}"


def _describe_rules(inlines: Any) -> None:
    """Say in words, beside its fields, whom each rule means."""
    for inline in inlines:
        if inline.opts.model is Rule:
            for form in inline.formset.initial_forms:
                form.whom = whom(form.instance) if form.instance.pk else ""


def _places_asked(formsets: Any, rules: list[Rule]) -> dict[int, int]:
    """The places that were asked for, by rule. The rules that are new have come in the order of their forms."""
    formset = next((formset for formset in formsets if formset.model is Rule), None)
    if formset is None:
        return {}
    kept = [form for form in formset.forms if not (formset.can_delete and formset._should_delete_form(form))]
    old = {form.instance.pk for form in kept if form.instance.pk}
    new = iter(sorted(rule.pk for rule in rules if rule.pk not in old))
    asked = {}
    for form in kept:
        key = form.instance.pk or next(new, None)
        if key and "place" in form.changed_data and form.cleaned_data.get("place"):
            asked[key] = form.cleaned_data["place"]
    return asked


def _rank(now: int, asked: int | None) -> float:
    if asked is None or asked == now:
        return now
    return asked + 0.5 if asked > now else asked - 0.5
