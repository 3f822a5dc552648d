"""The form of an experiment: what is asked, who takes part, which slots of a layer it holds, and its variants."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import Script
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from audits import theme
from audits.services import Actor
from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from experiments import services
from experiments.models import SLOTS, Experiment, Layer, Variant, validate_payload
from features.admin.editors import value_field
from features.models import Segment, ValueType
from tenants.admin_base import TenantInline
from tenants.admin_versions import VersionedForm
from tenants.models import validate_key

FIRST_VARIANTS = [
    {"key": "control", "weight": 50, "is_control": True},
    {"key": "treatment", "weight": 50, "is_control": False},
]


class PlacedChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice among rows of several projects, or of the one that is known."""

    is_known = False

    def label_from_instance(self, obj: Any) -> str:
        return str(obj) if self.is_known else f"{obj.project} · {obj}"

    def narrow(self, rows: Any, project: int | None) -> None:
        """Offer these rows, of one project if it is known."""
        self.is_known = project is not None
        self.queryset = rows.select_related("project") if project is None else rows.filter(project=project)


class ExperimentForm(VersionedForm):
    """An experiment with its place in a layer, which a service of its own gives it."""

    not_compared = ("in_layer", "slots")
    layers: Any = Layer.objects.none()
    segments: Any = Segment.objects.none()
    audience = PlacedChoice(
        Segment.objects.none(),
        required=False,
        empty_label="Everybody",
        widget=theme.SelectWidget(),
        help_text="Who may take part: a segment.",
    )
    in_layer = PlacedChoice(
        Layer.objects.none(),
        label="Layer",
        required=False,
        empty_label="In no layer",
        widget=theme.SelectWidget(),
        help_text="Experiments of one layer never share a subject.",
    )
    slots = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=SLOTS,
        widget=theme.NumberInput(attrs={"min": 0, "max": SLOTS, "step": 1}),
        help_text=f"How many of the layer's {SLOTS:,} slots it holds: 2,000 are 20 % of everybody.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        experiment: Any = self.instance
        project = experiment.feature.project_id if experiment.pk else None
        for name, rows in (("audience", self.segments), ("in_layer", self.layers)):
            field = self.fields.get(name)
            if isinstance(field, PlacedChoice):
                field.narrow(rows, project)
        if experiment.pk and experiment.layer_id:
            self.initial["in_layer"] = experiment.layer_id
            self.initial["slots"] = sum(row.end - row.start for row in experiment.slot_ranges.order_by())

    @classmethod
    def content_of(cls, row: Any) -> Mapping[str, Any]:
        """With its variants and slots."""
        variants = list(row.variants.order_by("pk").values())
        slots = list(row.slot_ranges.order_by("pk").values("start", "end"))
        return {**super().content_of(row), "variants": variants, "slots": slots}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("in_layer") and cleaned.get("slots") is None and "slots" not in self.errors:
            self.add_error("slots", "Say how many slots of the layer it holds.")
        return cleaned


class NewExperimentForm(ExperimentForm):
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


def serves_text(experiment: Experiment) -> bool:
    """Whether the feature is known, and serves text."""
    known: int | None = experiment.feature_id
    return known is not None and experiment.feature.value_type == ValueType.STRING


class FirstValue(theme.JsonField):
    """A value where the feature is chosen on the same page: JSON, or plain text for a feature that serves text."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(required=False, widget=theme.JsonArea(attrs={"placeholder": "true, 5, text"}))
        self.experiment = experiment

    def to_python(self, value: Any) -> Any:
        is_text = serves_text(self.experiment)  # asked here, because the page makes its fields before it reads them
        try:
            parsed = super().to_python(value)
        except ValidationError:
            if is_text:
                return value
            raise
        return value if is_text and value and not isinstance(parsed, str) else parsed


class VariantForm(theme.Form):
    """One arm. Where the feature is known, its value is edited as what it is."""

    def __init__(self, *args: Any, experiment: Experiment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.experiment = experiment
        if "value" not in self.fields:
            return
        is_new = experiment.pk is None
        self.fields["value"] = FirstValue(experiment) if is_new else value_field(experiment.feature, is_optional=True)

    def clean_value(self) -> Any:
        """An empty line is no value of its own."""
        value = self.cleaned_data["value"]
        return None if value == "" and serves_text(self.experiment) else value

    def clean_payload(self) -> Any:
        """Django leaves validators out for what counts as empty, such as a list without elements."""
        validate_payload(self.cleaned_data["payload"])
        return self.cleaned_data["payload"]

    def changes(self) -> dict[str, Any]:
        """What the person changed; of a new row, all that it shows."""
        if self.instance.pk:
            return super().changes()
        hidden = {"id", "experiment", "DELETE"}
        return {name: value for name, value in self.cleaned_data.items() if name not in hidden}


class VariantFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """A row that is shown is meant, also one that was left as it was offered."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        fixed = {"empty_permitted": False, "use_required_attribute": False}
        return {**super().get_form_kwargs(index), "experiment": self.instance, **fixed}

    def clean(self) -> None:
        staying = [form for form in self.forms if form.is_valid() and form not in self.deleted_forms]
        if sum(bool(form.cleaned_data.get("is_control")) for form in staying) > 1:
            raise ValidationError("Only one variant is the control.", code="controls")


class VariantInline(TenantInline):
    """The arms of an experiment."""

    model = Variant
    form: Any = VariantForm
    formset = VariantFormSet
    fields = ["key", "weight", "is_control", "value", "payload"]
    max_num = validate.VARIANTS_MAX
    template_after = "admin/experiments/weights.html"

    class Media:
        js = [Script("experiments/weights.js", type="module"), Script("features/json.js", type="module")]

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else len(FIRST_VARIANTS)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "payload":
            kwargs["widget"] = theme.JsonArea(attrs={"spellcheck": "false", "class": "font-mono"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        return services.create_variant(parent, **{"key": "", **values}, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        return services.update_variant(row, actor=actor, **changes)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.remove_variant(row, actor=actor)


def place(experiment: Experiment, layer: Layer | None, slots: int | None, *, actor: Actor) -> None:
    """Give an experiment the slots that were asked for, and take away those of the layer that it leaves."""
    if experiment.layer_id and experiment.layer_id != (layer and layer.pk):
        experiment = services.release_slots(experiment, actor=actor)
    if layer is None or slots is None:
        return
    try:
        services.hold_slots(experiment, layer, slots=slots, actor=actor)
    except ValidationError as error:  # by the names of the form's fields
        complaints = {("in_layer" if name == "layer" else name): said for name, said in error.error_dict.items()}
        raise ValidationError(complaints) from error
