"""Changes: who changed what, where, when and why, field by field; and taking one back."""

from importlib import import_module
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from audits import theme
from audits.admin.base import LogAdmin, SearchForm, places
from audits.diffs import done, fields_of
from audits.models import Change
from audits.reverts import revert, undo_of
from audits.services import broken_link, fingerprint
from decisions.engine import validate


class ChangeSearch(SearchForm):
    """Changes that a person may see."""

    actor = forms.CharField(required=False, max_length=255, label="Who")
    action = forms.CharField(required=False, max_length=64, label="Action")
    q = forms.CharField(required=False, max_length=validate.NAME_LENGTH, label="What")
    object_type = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput())
    object_id = forms.IntegerField(
        required=False, min_value=0, max_value=validate.INTEGER_MAX, widget=forms.HiddenInput()
    )

    field_order = ("environment", "actor", "action", "q", "since", "until")
    PLACEHOLDERS = {"actor": "part of a name", "action": "such as feature.switched", "q": "part of a name"}

    def __init__(self, data: Any, **options: Any) -> None:
        super().__init__(data, any_place=True, **options)
        theme.dress(self, self.PLACEHOLDERS)


@admin.register(Change)
class ChangeAdmin(LogAdmin):
    """Who changed what, and why."""

    form_class = ChangeSearch
    list_display = ["when", "who", "action_badge", "what", "place", "why"]
    fields = ["number"]

    class Media:
        css = {"all": ["audits/log.css"]}

    def get_urls(self) -> list[Any]:
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"audits_change_{name}")
            for name, view in (("revert", self.revert), ("verify", self.verify))
        ]
        return own + super().get_urls()

    def form_of(self, request: HttpRequest) -> ChangeSearch:
        form = ChangeSearch(request.GET, places=places(request))
        form.is_valid()
        return form

    def searched(self, request: HttpRequest, rows: Any, form: Any) -> tuple[Any, Q]:
        """The primary key brings the order, and an index what happened to one row; the rest is looked for."""
        if "environment" in form.errors:
            return rows.none(), Q()
        if form.said("object_type") and form.said("object_id"):
            rows = rows.filter(object_type=form.said("object_type"), object_id=form.said("object_id"))
        narrowed = form.within("created_at")
        asked = {"environment_id": "environment", "actor_name__icontains": "actor", "action": "action"}
        for lookup, name in (*asked.items(), ("object_name__icontains", "q")):
            if value := form.said(name):
                narrowed &= Q(**{lookup: value})
        return rows, narrowed

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        change = context["original"]
        complaint = complaint_about(change, request.user)
        context |= {
            "title": f"Change {change.number}",
            "done": done(change.action),
            "fields": fields_of(change.before, change.after),
            "page": import_module(settings.AUDIT_LINKS).of_change(change),
            "can_revert": complaint is None,
            "complaint": complaint,
            "is_linked": is_linked(change),
            "neighbours": neighbours(change, request),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def revert(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the change back, and show the change that did."""
        change = self.get_object(request, str(pk))
        if change is None:
            raise Http404(f"change {pk} not found")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            made = revert(change, request.user, actor=import_string(settings.AUDIT_ACTOR)(request.user, request))
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:audits_change_change", args=[pk]))
        self.message_user(request, f"Change {change.number} was reverted.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:audits_change_change", args=[made.pk]))

    def verify(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Follow the whole chain of the change's project."""
        change = self.get_object(request, str(pk))
        if change is None:
            raise Http404(f"change {pk} not found")
        if broken := broken_link(change.project_id):
            text = f"Change {broken.number} of this project does not follow from the one before it."
            self.message_user(request, text, messages.ERROR)
        else:
            self.message_user(request, "Every change of this project follows from the one before it.")
        return HttpResponseRedirect(reverse("admin:audits_change_change", args=[pk]))

    @theme.display(description="Who")
    def who(self, change: Change) -> str:
        return change.actor_name

    @theme.display(description="What")
    def what(self, change: Change) -> str:
        return change.object_name

    @theme.display(description="Action")
    def action_badge(self, change: Change) -> SafeString:
        return theme.badge(done(change.action), _kind(change.action))

    @theme.display(description="Why")
    def why(self, change: Change) -> str:
        return change.reason or "–"


def complaint_about(change: Change, user: Any) -> str | None:
    """Why a person cannot take a change back; empty if there is nothing to be said about it, None if they can."""
    undo = undo_of(change)
    if undo is None:
        return ""
    try:
        undo(change, user)
    except PermissionDenied:
        return ""
    except ValidationError as error:
        return " ".join(error.messages)
    return None


def neighbours(change: Change, request: HttpRequest) -> dict[str, Any]:
    """The changes of the same thing before and after this one, that the person may see."""
    same = Change.objects.visible_to(request.user).filter(object_type=change.object_type, object_id=change.object_id)
    same = same.in_project(change.project_id).only("pk", "number")
    earlier, later = same.filter(number__lt=change.number), same.filter(number__gt=change.number)
    return {"earlier": earlier.order_by("-number").first(), "later": later.order_by("number").first()}


def is_linked(change: Change) -> bool:
    """Whether a change is as it was written, after the change that it names."""
    before = Change.objects.in_project(change.project_id).filter(number=change.number - 1).first()
    return change.hash == fingerprint(change) and change.previous_hash == (before.hash if before else "")


def _kind(action: str) -> str:
    verb = action.rpartition(".")[2]
    kinds = {"created": "success", "issued": "success", "removed": "danger", "deleted": "danger", "updated": "info"}
    return kinds.get(verb, "warning")
