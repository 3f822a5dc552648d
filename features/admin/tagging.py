"""Many features at once: the pages that ask which tags, or whether it is really meant."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import helpers
from django.http import HttpRequest, HttpResponse

from audits import theme
from decisions.engine import validate
from features import services
from features.models import Feature

SHOWN = 20


class TagsForm(forms.Form):
    """Which tags."""

    tags = theme.WordsField(
        widget=theme.TextInput(attrs={"list": "known-tags", "autocomplete": "off"}),
        help_text="Separate them with commas.",
    )

    def clean_tags(self) -> list[str]:
        tags: list[str] = self.cleaned_data["tags"]
        for tag in tags:
            if complaint := validate.key(tag):
                raise forms.ValidationError(f"{tag:.100}: {complaint}.")
        return tags


def tagged(admin: Any, request: HttpRequest, queryset: Any, *, action: str) -> HttpResponse | None:
    """Ask for tags, then put them on the chosen features, or take them off."""
    form = TagsForm(request.POST if "tags" in request.POST else None)
    if not form.is_valid():
        projects = queryset.order_by().values("project")
        known: Any = Feature.objects.visible_to(request.user).filter(project__in=projects)
        title = "Add tags" if action == "tag" else "Take tags off"
        return asked(request, queryset, action, title, form=form, known=known.tags())
    edit: Callable[..., object] = services.tag if action == "tag" else services.untag
    done = "Tagged" if action == "tag" else "Untagged"
    admin.each(request, queryset, partial(edit, tags=form.cleaned_data["tags"]), done)
    return None


def asked(request: HttpRequest, queryset: Any, action: str, title: str, **context: Any) -> HttpResponse:
    """A page that asks something about the chosen features before an action goes on."""
    names = list(queryset.order_by("key").values_list("key", flat=True)[:SHOWN])
    given = {
        "action": action,
        "selected": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "names": names,
        "count": queryset.count(),
        **context,
    }
    return theme.shown(request, "admin/features/bulk.html", title, **given)
