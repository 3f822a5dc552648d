"""What a browser sends back from a page of the admin."""

from typing import Any

from django.test import Client


def sent_from(client: Client, url: str, **changes: str) -> dict[str, str]:
    """Everything that the page shows in its fields, with what the person changed."""
    context = client.get(url).context
    formsets = [inline.formset for inline in context["inline_admin_formsets"]]
    forms = [context["adminform"].form, *(form for each in formsets for form in (each.management_form, *each.forms))]
    sent = {field.html_name: field.value() for form in forms for field in form}
    return {name: str(value) for name, value in sent.items() if value is not None and value is not False} | changes


def with_row(sent: dict[str, str], inline: str, **fields: str) -> dict[str, str]:
    """The same with another row in an inline."""
    count = int(sent[f"{inline}-TOTAL_FORMS"])
    row = {f"{inline}-{count}-{name}": value for name, value in fields.items()}
    return sent | row | {f"{inline}-TOTAL_FORMS": str(count + 1)}


def errors_of(answer: Any) -> dict[str, str]:
    """What the page complains about, by the name of the field; what belongs to no field stands under an empty name."""
    assert answer.status_code == 200, answer
    formsets = [inline.formset for inline in answer.context["inline_admin_formsets"]]
    forms = [answer.context["adminform"].form, *(form for formset in formsets for form in formset.forms)]
    found = {
        "" if name == "__all__" else form.add_prefix(name): str(complaint)
        for form in forms
        for name, complaint in form.errors.items()
    }
    whole = [str(complaint) for formset in formsets for complaint in formset.non_form_errors()]
    return found | ({"": " ".join(whole)} if whole else {})
