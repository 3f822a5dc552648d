"""Experiments in the admin: made on one page with their variants, then started, watched, and concluded."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audits import charts, theme
from audits.services import Actor
from experiments import services
from experiments.admin.forms import FIRST_VARIANTS, ExperimentForm, NewExperimentForm, VariantInline, place
from experiments.admin.slots import bar_of, bar_view
from experiments.admin.verbs import PLANS, carry_out, plan_of, probable
from experiments.models import Experiment, ExperimentStatus, Layer
from experiments.splits import days_of, split_of
from features.models import Segment
from tenants.admin_base import TenantAdmin, VisibleRelatedFilter, is_permitted, primary_key, rows_for
from tenants.admin_versions import Versioned
from tenants.authentication import actor_of
from tenants.roles import Right

_STATUSES = {
    ExperimentStatus.DRAFT: "", ExperimentStatus.RUNNING: "success",
    ExperimentStatus.PAUSED: "warning", ExperimentStatus.CONCLUDED: "info",
}  # fmt: skip
_OFFERED = {
    ExperimentStatus.DRAFT: [("start", "Start", "play_arrow"), ("conclude", "Conclude", "flag")],
    ExperimentStatus.RUNNING: [("pause", "Pause", "pause"), ("conclude", "Conclude", "flag")],
    ExperimentStatus.PAUSED: [("start", "Start again", "play_arrow"), ("conclude", "Conclude", "flag")],
    ExperimentStatus.CONCLUDED: [
        ("conclude", "Ship a variant", "rocket_launch"),
        ("start", "Start again", "play_arrow"),
    ],
}


@admin.register(Experiment)
class ExperimentAdmin(Versioned, TenantAdmin):
    """Experiments. They are concluded, never deleted, because the log goes on naming them."""

    form = ExperimentForm
    rights_of_choices = {"feature": Right.READ}
    list_display = ["name", "key", "feature", "environment", "status_badge", "rollout"]
    list_select_related = ["feature", "environment__project"]
    list_filter = [("environment", VisibleRelatedFilter), ("status", theme.ChoicesDropdownFilter)]
    search_fields = ["key", "name", "feature__key"]
    autocomplete_fields = ["feature"]
    inlines = [VariantInline]
    actions = ["start", "pause", "conclude"]
    change_form_outer_before_template = "admin/experiments/above.html"
    change_form_before_template = "admin/experiments/top.html"
    readonly_once_made = ["key", "public_id", "feature", "environment", "bucketing"]

    class Media:
        js = [Script("experiments/slots.js", type="module")]
        css = {"all": ["experiments/experiments.css", "features/features.css"]}

    def get_urls(self) -> list[Any]:
        own = [path("slots/", self.admin_site.admin_view(bar_view), name="experiments_experiment_slots")]
        for verb in PLANS:
            view = self.admin_site.admin_view(self.confirm_view)
            own.append(path(f"<int:pk>/{verb}/", view, {"verb": verb}, name=f"experiments_experiment_{verb}"))
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .select_related("feature__project", "environment__project", "layer", "audience")
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        who = ["audience", "rollout_percent", "hash_attribute", ("in_layer", "slots")]
        if obj and not self.has_change_permission(request, obj):
            who = ["audience", "rollout_percent", "hash_attribute", "held"]
        if obj is None:
            first: list[Any] = [("feature", "environment"), "name"]
            fine = ["chosen_key", "seed", "scheme"]
        else:
            first = ["name", ("key", "public_id"), ("feature", "environment")]
            fine = ["seed", "bucketing"]
        return [
            ("What is asked", {"fields": first}),
            ("Who takes part", {"fields": who}),
            ("How subjects are assigned", {"fields": fine, "classes": ["collapse"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_once_made, "held"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        chosen = {} if obj else {"form": NewExperimentForm}
        form: Any = super().get_form(request, obj, change=change, **chosen | kwargs)
        form.layers = rows_for(Layer, request.user, Right.READ)
        form.segments = rows_for(Segment, request.user, Right.READ)
        return form

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> dict[str, Any]:
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        is_offered = obj.pk is None and request.method == "GET"
        return {**given, "initial": FIRST_VARIANTS} if is_offered else given

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        experiment = kwargs.get("obj")
        if experiment is not None:
            context |= self.watched(request, self.get_queryset(request).get(pk=experiment.pk))
        return super().render_change_form(request, context, *args, **kwargs)

    def watched(self, request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
        """What stands above the form: the status and its buttons, exposures, and the layer."""
        variants = list(experiment.variants.order_by("number"))
        split = split_of(experiment, variants)
        days, counts = days_of(experiment, timezone.now().date())
        series = {arm.key: counts[arm.key] for arm in split.arms if arm.key in counts}  # in the colours of the bars
        rows = [charts.Bar(arm.key, arm.count, arm.expected, f"{arm.share:.1%}") for arm in split.arms]
        labels = [f"{day:%d %b}" for day in days]
        may_edit = self.has_change_permission(request, experiment)
        return {
            "experiment": experiment,
            "badge": self.status_badge(experiment),
            "verbs": _OFFERED[ExperimentStatus(experiment.status)] if may_edit else [],
            "split": split,
            "probability": probable(split.probability),
            "bars": charts.bars(rows, title="Exposures by variant"),
            "timeline": charts.line_chart(series, labels, title="New exposures by day", empty="Nobody met it lately."),
            "bar": bar_of(experiment.layer, experiment.environment, experiment) if experiment.layer else None,
        }

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to its page, where it is started."""
        response = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST or "_popup" in request.POST:
            return response
        return HttpResponseRedirect(page_of(obj.pk))

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        """Always a draft: whether it may run is asked when it is started."""
        kept = _without(values, "chosen_key", "scheme", "in_layer", "slots", "version")
        chosen = {"key": values["chosen_key"], "bucketing": values["scheme"]}
        details = {name: value for name, value in (kept | chosen).items() if value != ""}
        return services.create_experiment(**details, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_experiment(row, actor=actor, **changes)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the variants are stored: whether somebody can still be assigned, and the slots that were asked for."""
        super().save_related(request, form, formsets, change)
        is_running = form.instance.status == ExperimentStatus.RUNNING
        if is_running and (complaint := services.start_complaint(form.instance)):
            raise ValidationError(complaint)
        if "in_layer" in form.cleaned_data and {"in_layer", "slots"} & set(form.changed_data):
            actor = actor_of(request.user, request)
            place(form.instance, form.cleaned_data["in_layer"], form.cleaned_data["slots"], actor=actor)

    def confirm_view(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """What a verb would do, and the button that does it."""
        experiment = self.get_queryset(request).filter(pk=primary_key(pk)).first()
        if experiment is None:
            raise Http404
        if not is_permitted(request, self.right, Experiment, experiment):
            raise PermissionDenied
        version = ExperimentForm.version_of(experiment)
        if request.method == "POST" and request.POST.get("version") != version:
            messages.warning(request, "It was changed meanwhile. Look again at what would happen.")
        elif request.method == "POST" and self.carried_out(request, experiment, verb):
            return HttpResponseRedirect(page_of(experiment.pk))
        plan, title = plan_of(verb, experiment), str(experiment)
        context = {"plan": plan, "experiment": experiment, "version": version, "back": page_of(experiment.pk)}
        return theme.shown(request, "admin/experiments/confirm.html", title, opts=self.opts, **context)

    def carried_out(self, request: HttpRequest, experiment: Experiment, verb: str) -> bool:
        """Do it if it is possible, and say so, or else why not."""
        asked = request.POST.get("winner", "")
        winner = experiment.variants.filter(pk=primary_key(asked)).first() if asked else None
        try:
            if asked and winner is None:
                raise ValidationError("Choose one of the experiment's variants.")
            actor = actor_of(request.user, request)
            done = carry_out(verb, experiment, serve="serve" in request.POST, winner=winner, actor=actor)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return False
        messages.success(request, done)
        return True

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
    def held(self, experiment: Experiment) -> str:
        ranges = ", ".join(f"{held.start}–{held.end}" for held in experiment.slot_ranges.all())
        return f"{experiment.layer}: {ranges or 'no slots'}" if experiment.layer else "–"

    @theme.action(description="Start", permissions=["change"])
    def start(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.start, "Started")

    @theme.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.pause, "Paused")

    @theme.action(description="Conclude", permissions=["change"])
    def conclude(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.conclude, "Concluded")


def page_of(pk: int) -> str:
    return reverse("admin:experiments_experiment_change", args=[pk])


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
