"""What a browser sends back from a page of the admin."""

from typing import Any

from django import forms
from django.test import Client


def sent_from(client: Client, url: str, **changes: str) -> dict[str, str]:
    """Everything that the page shows in its fields, with what the person changed."""
    context = client.get(url).context
    formsets = [inline.formset for inline in context["inline_admin_formsets"]]
    each = [context["adminform"].form, *(form for each in formsets for form in (each.management_form, *each.forms))]
    sent = {name: value for form in each for field in form for name, value in _sent(field).items()}
    return {name: str(value) for name, value in sent.items() if value is not None and value is not False} | changes


def _sent(field: Any) -> dict[str, Any]:
    """What one field sends, by name: more than one value where it is made of several inputs."""
    widget, value = field.field.widget, field.value()
    if hasattr(widget, "widgets_names"):
        values = value if isinstance(value, list) else widget.decompress(value)
        return {f"{field.html_name}{name}": value for name, value in zip(widget.widgets_names, values, strict=True)}
    is_moment = isinstance(widget, forms.DateTimeInput)
    return {field.html_name: widget.format_value(value) if is_moment and value is not None else value}


def with_row(sent: dict[str, str], inline: str, **fields: str) -> dict[str, str]:
    """The same with another row in an inline."""
    count = int(sent[f"{inline}-TOTAL_FORMS"])
    row = {f"{inline}-{count}-{name}": value for name, value in fields.items()}
    return sent | row | {f"{inline}-TOTAL_FORMS": str(count + 1)}


def errors_of(answer: Any) -> dict[str, str]:
    """What the page complains about, by the name of the field; what belongs to no field stands under an empty name."""
    assert answer.status_code == 200, answer
    formsets = [inline.formset for inline in answer.context["inline_admin_formsets"]]
    shown = [answer.context["adminform"].form, *(form for formset in formsets for form in formset.forms)]
    found = {
        "" if name == "__all__" else form.add_prefix(name): str(complaint)
        for form in shown
        for name, complaint in form.errors.items()
    }
    whole = [str(complaint) for formset in formsets for complaint in formset.non_form_errors()]
    return found | ({"": " ".join(whole)} if whole else {})
