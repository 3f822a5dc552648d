"""The playground's question: who asks, where and when, and whom they are compared with. All of it is in the URL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpRequest
from django.utils import timezone

from audits import theme
from decisions.engine import validate
from decisions.engine.types import Subject
from tenants.models import Environment

SHOWN = (
    ("", "All features"),
    ("on", "On for them"),
    ("off", "Off for them"),
    ("differs", "Only differences"),
)


class AttributesField(theme.JsonField):
    """What is known of somebody: a JSON object."""

    blank: Callable[[], Any] = staticmethod(dict)

    def to_python(self, value: Any) -> Any:
        attributes = super().to_python("" if value is None else value)
        if not isinstance(attributes, dict):
            raise forms.ValidationError('Must be a JSON object, such as {"country": "DE"}.')
        return attributes


class QuestionForm(forms.Form):
    """What is asked. Where nothing is said of the other side, it is the same there."""

    environment = forms.ChoiceField(widget=theme.SelectWidget())
    user = forms.CharField(
        label="User id", required=False, max_length=validate.IDENTIFIER_LENGTH, strip=False, widget=theme.TextInput()
    )
    attributes = AttributesField(required=False, widget=theme.JsonArea(attrs={"rows": 3, "data-attributes": ""}))
    at = forms.DateTimeField(
        label="At", required=False, widget=theme.TextInput(), help_text="Like 2026-12-24 18:00, in UTC. Empty is now."
    )
    other_environment = forms.ChoiceField(label="Other environment", required=False, widget=theme.SelectWidget())
    other_user = forms.CharField(
        label="Other user id",
        required=False,
        max_length=validate.IDENTIFIER_LENGTH,
        strip=False,
        widget=theme.TextInput(attrs={"placeholder": "the same"}),
    )
    other_attributes = theme.JsonField(
        label="Other attributes",
        required=False,
        widget=theme.JsonArea(attrs={"rows": 3, "data-attributes": "", "placeholder": "the same"}),
        help_text="Empty is the same.",
    )
    q = forms.CharField(label="Feature", required=False, widget=forms.HiddenInput())
    show = forms.ChoiceField(choices=SHOWN, required=False, widget=forms.HiddenInput())
    feature = forms.CharField(required=False, widget=forms.HiddenInput())
    view = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: Any, environments: Mapping[str, Environment]) -> None:
        super().__init__(data)
        self.environments = environments
        choices = [(pk, str(environment)) for pk, environment in environments.items()]
        fields: Any = self.fields
        fields["environment"].choices = choices
        fields["other_environment"].choices = [("", "the same"), *choices]

    def clean_environment(self) -> Environment:
        return self.environments[self.cleaned_data["environment"]]

    def clean_other_environment(self) -> Environment | None:
        return self.environments.get(self.cleaned_data["other_environment"])

    def clean_other_attributes(self) -> Any:
        attributes = self.cleaned_data["other_attributes"]
        if attributes is not None and not isinstance(attributes, dict):
            raise forms.ValidationError('Must be a JSON object, such as {"country": "DE"}.')
        return attributes


@dataclass(frozen=True, slots=True)
class Side:
    """Who is asked about, and where."""

    environment: Environment
    subject: Subject

    def __str__(self) -> str:
        return f"{self.subject.key or 'nobody in particular'} in {self.environment.name}"


def form_of(request: HttpRequest) -> QuestionForm:
    """The form, with what the URL says, if it says where. 404 where that is not the reader's to see."""
    visible = Environment.objects.visible_to(request.user).select_related("project").order_by("project__name", "pk")
    environments = {str(environment.pk): environment for environment in visible}
    for name in ("environment", "other_environment"):
        if (given := request.GET.get(name)) and given not in environments:
            raise Http404("environment not found")
    return QuestionForm(request.GET if request.GET.get("environment") else None, environments)


def sides_of(asked: Mapping[str, Any]) -> tuple[Side, Side | None]:
    """Whom the question is about, and whom they are compared with, if with anybody."""
    at = (asked["at"] or timezone.now()).timestamp()
    here = Side(asked["environment"], Subject(asked["user"] or None, asked["attributes"], at))
    given = asked["other_environment"], asked["other_user"], asked["other_attributes"]
    if given == (None, "", None):
        return here, None
    attributes = asked["attributes"] if given[2] is None else given[2]
    return here, Side(given[0] or here.environment, Subject(given[1] or here.subject.key, attributes, at))
