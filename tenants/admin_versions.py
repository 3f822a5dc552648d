"""Two people at one form: the second is shown what the first stored meanwhile, and nothing is overwritten."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import pretty_name
from django.http import HttpRequest

from audits import theme
from tenants.services import take_turn

PASSED = "passed"
MESSAGE = (
    "Somebody else stored this while you were editing it. Nothing of yours was saved yet: compare below, "
    "then save again to keep yours, or take back what you typed."
)
LENGTH_SHOWN = 500


class Difference(NamedTuple):
    """A field in which what is stored and what was typed are not the same."""

    label: str
    theirs: str
    yours: str


class VersionedForm(theme.Form):
    """A form that knows what it showed. Where that is no longer what is stored, it is not valid."""

    version = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.current = ""
        if self.instance.pk:  # now, because cleaning writes what was typed on the instance
            self.current = self.initial["version"] = self.version_of(self.instance)

    @classmethod
    def version_of(cls, row: Any) -> str:
        """A name for everything that the page lets people change."""
        text = json.dumps(cls.content_of(row), sort_keys=True, default=str)
        return sha256(text.encode()).hexdigest()[:32]

    @classmethod
    def content_of(cls, row: Any) -> Mapping[str, Any]:
        return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and cleaned.get("version") != self.current and not self._is_told:
            raise ValidationError(MESSAGE, code=PASSED)
        return cleaned

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in super().changes().items() if name != "version"}

    @property
    def _is_told(self) -> bool:
        """Whether it was refused for this already, when it was to be stored."""
        return getattr(self.refusals.get(self.prefix), "code", "") == PASSED

    @property
    def is_passed(self) -> bool:
        return self.is_bound and self.has_error("__all__", PASSED)

    def renew(self) -> None:
        """Whoever saves once more has seen what is stored now."""
        renewed: Any = self.data.copy()  # type: ignore[attr-defined]
        renewed[self.add_prefix("version")] = self.current
        self.data = renewed


class Versioned:
    """For a TenantAdmin whose form is a VersionedForm. The page has `differences` where somebody was faster."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            take_turn(obj)
            stored = type(obj)._default_manager.get(pk=obj.pk)
            if form.version_of(stored) != form.cleaned_data["version"]:
                raise ValidationError(MESSAGE, code=PASSED)
        super().save_model(request, obj, form, change)  # type: ignore[misc]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        form = context["adminform"].form
        if getattr(form, "is_passed", False):
            inlines = context.get("inline_admin_formsets", ())
            context["differences"] = list(differences(form, [inline.formset for inline in inlines]))
            form.renew()
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]


def differences(form: Any, formsets: Iterable[Any]) -> Iterator[Difference]:
    """Where the stored row and its parts are not as they were typed."""
    yield from _in(form, "")
    for formset in formsets:
        yield from _in_rows(formset)


def _in_rows(formset: Any) -> Iterator[Difference]:
    kept = {form.instance.pk for form in formset.forms}
    kind = str(formset.model._meta.verbose_name).capitalize()
    for number, form in enumerate(formset.forms, 1):
        label = f"{kind} {number}"
        if number <= formset.initial_form_count() and form.instance.pk is None:
            yield Difference(label, "removed", "kept")
        elif form.instance.pk and formset.can_delete and formset._should_delete_form(form):
            yield Difference(label, "kept", "removed")
        elif form.instance.pk:
            yield from _in(form, f"{label}: ")
    for row in formset.get_queryset():
        if row.pk not in kept:
            yield Difference(f"{kind} {row}", "added", "not there")


def _in(form: Any, prefix: str) -> Iterator[Difference]:
    for name in form.changed_data:
        field = form.fields[name]
        if field.widget.is_hidden or name in form.not_compared:
            continue
        typed = form.cleaned_data[name] if name in form.cleaned_data else form[name].value()
        label = f"{prefix}{field.label or pretty_name(name)}"
        yield Difference(label, _said(field, form.initial.get(name)), _said(field, typed))


def _said(field: Any, value: Any) -> str:
    """A value as people read it."""
    if isinstance(field, forms.ModelChoiceField):
        rows: Any = field.queryset
        value = value if value is None or hasattr(value, "pk") else rows.filter(pk=value).first()
        return str(value or "–")
    if isinstance(field, forms.JSONField):
        return json.dumps(value, ensure_ascii=False)[:LENGTH_SHOWN]
    if isinstance(value, list | dict):
        return ", ".join(map(str, value))[:LENGTH_SHOWN] or "–"
    value = dict(getattr(field, "choices", ())).get(value, value)
    return str(theme.percent(value) if hasattr(value, "normalize") else value)[:LENGTH_SHOWN] if value != "" else "–"
