"""Experiments in the admin, each with its variants."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from experiments import services
from experiments.models import Experiment, ExperimentStatus, Variant, validate_payload
from tenants.admin_base import TenantAdmin, TenantInline, VisibleRelatedFilter, primary_key
from tenants.authentication import actor_of
from tenants.models import validate_key
from tenants.roles import Right

_STATUSES = {
    ExperimentStatus.DRAFT: "", ExperimentStatus.RUNNING: "success",
    ExperimentStatus.PAUSED: "warning", ExperimentStatus.CONCLUDED: "info",
}  # fmt: skip
_VERBS: dict[str, Callable[..., Experiment]] = {
    "start": services.start, "pause": services.pause, "conclude": services.conclude,
}  # fmt: skip


class NewExperimentForm(theme.Form):
    """What is chosen once is asked for here only."""

    chosen_key = forms.CharField(
        label="Key",
        required=False,
        max_length=validate.KEY_LENGTH,
        validators=[validate_key],
        widget=theme.TextInput(),
        help_text="Left empty, it is the experiment's id, such as exp-001. It stays.",
    )
    scheme = forms.ChoiceField(
        label="Bucketing",
        required=False,
        choices=[("", "As the project says"), *((scheme, scheme) for scheme in SCHEMES)],
        widget=theme.SelectWidget(),
        help_text="How subjects are assigned. It stays, since another scheme reshuffles everybody.",
    )


class VariantForm(theme.Form):
    def clean_payload(self) -> Any:
        """Django leaves validators out for what counts as empty, such as a list without elements."""
        validate_payload(self.cleaned_data["payload"])
        return self.cleaned_data["payload"]


class VariantInline(TenantInline):
    """The arms of an experiment."""

    model = Variant
    form = VariantForm
    fields = ["key", "weight", "is_control", "value", "payload"]
    max_num = validate.VARIANTS_MAX

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        return services.create_variant(parent, **{"key": "", **values}, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        return services.update_variant(row, actor=actor, **changes)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.remove_variant(row, actor=actor)


@admin.register(Experiment)
class ExperimentAdmin(TenantAdmin):
    """Experiments. They are concluded, never deleted, because the log goes on naming them."""

    rights_of_choices = {"feature": Right.READ, "audience": Right.READ}
    list_display = ["name", "key", "feature", "environment", "status_badge", "rollout"]
    list_select_related = ["feature", "environment__project"]
    list_filter = [("environment", VisibleRelatedFilter), ("status", theme.ChoicesDropdownFilter)]
    search_fields = ["key", "name", "feature__key"]
    autocomplete_fields = ["feature", "audience"]
    inlines = [VariantInline]
    actions = ["start", "pause", "conclude"]
    actions_submit_line = ["start_now", "pause_now", "conclude_now"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first: list[Any]
        if obj is None:
            first = ["environment", "feature", "name", "chosen_key", "status"]
            how = ["audience", "rollout_percent", "hash_attribute", "seed", "scheme"]
        else:
            first = ["name", ("key", "public_id"), ("feature", "environment"), "status"]
            how = ["audience", "rollout_percent", "hash_attribute", "seed", "bucketing", "slots"]
        return [(None, {"fields": first}), ("Who takes part", {"fields": how})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["key", "public_id", "feature", "environment", "bucketing", "slots"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **({} if obj else {"form": NewExperimentForm}) | kwargs)

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> Any:
        """The verbs that would change something."""
        status = Experiment.objects.filter(pk=primary_key(object_id)).values_list("status", flat=True).first()
        idle: dict[Any, str] = {
            ExperimentStatus.RUNNING: "start",
            ExperimentStatus.PAUSED: "pause",
            ExperimentStatus.CONCLUDED: "conclude",
        }
        offered = super().get_actions_submit_line(request, object_id)  # type: ignore[misc]
        return [verb for verb in offered if not verb.action_name.endswith(f"_{idle.get(status, 'pause')}_now")]

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        """Always a draft at first: whether it may run is asked when its variants are stored."""
        details = {
            **values,
            "key": values["chosen_key"],
            "bucketing": values["scheme"],
            "status": ExperimentStatus.DRAFT,
        }
        kept = {name: value for name, value in details.items() if value != ""}
        return services.create_experiment(**_without(kept, "chosen_key", "scheme"), actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        if changes.get("status") == ExperimentStatus.RUNNING:
            changes = _without(changes, "status")
        services.update_experiment(row, actor=actor, **changes)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the variants are stored: the status that was chosen, or the button that was pressed."""
        super().save_related(request, form, formsets, change)
        experiment, actor = form.instance, actor_of(request.user, request)
        pressed = [verb for name, verb in _VERBS.items() if f"experiments_experiment_{name}_now" in request.POST]
        if pressed:
            pressed[0](experiment, actor=actor)
        elif form.cleaned_data.get("status") == ExperimentStatus.RUNNING:
            services.start(experiment, actor=actor)
        elif not change:
            services.update_experiment(experiment, actor=actor, status=form.cleaned_data["status"])

    @theme.display(description="Id", ordering="number")
    def public_id(self, experiment: Experiment) -> str:
        return experiment.public_id

    @theme.display(description="Status", ordering="status")
    def status_badge(self, experiment: Experiment) -> SafeString:
        status = ExperimentStatus(experiment.status)
        return theme.badge(status.label, _STATUSES[status])

    @theme.display(description="Rollout", ordering="rollout_percent")
    def rollout(self, experiment: Experiment) -> str:
        return f"{theme.percent(experiment.rollout_percent)}%"

    @theme.display(description="Layer")
    def slots(self, experiment: Experiment) -> str:
        held = ", ".join(f"{held.start}–{held.end}" for held in experiment.slot_ranges.all())
        return f"{experiment.layer}: {held or 'no slots'}" if experiment.layer else "–"

    @theme.action(description="Start", permissions=["change"])
    def start(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.start, "Started")

    @theme.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.pause, "Paused")

    @theme.action(description="Conclude", permissions=["change"])
    def conclude(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.conclude, "Concluded")

    @theme.action(description="Save and start", icon="play_arrow", permissions=["change"])
    def start_now(self, request: HttpRequest, obj: Any) -> None:
        """A button, like the two below; `save_related` does what it says."""

    @theme.action(description="Save and pause", icon="pause", permissions=["change"])
    def pause_now(self, request: HttpRequest, obj: Any) -> None: ...

    @theme.action(description="Save and conclude", icon="flag", permissions=["change"])
    def conclude_now(self, request: HttpRequest, obj: Any) -> None: ...


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
