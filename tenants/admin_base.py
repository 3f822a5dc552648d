"""What every admin of tenants' things starts with: rows and choices by role, and saving through the services."""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseRedirect

from audits import theme
from audits.services import Actor
from tenants.authentication import actor_of
from tenants.models import Environment
from tenants.roles import Right, roles_with

BIGINT_DIGITS = 19


class Scope(IntEnum):
    """What a role was given on. A wider one holds for all that is within."""

    ORGANISATION = 0
    PROJECT = 1
    ENVIRONMENT = 2


def has_role(request: HttpRequest, right: Right, scope: Scope = Scope.ENVIRONMENT) -> bool:
    """Whether a person has a right anywhere, by a role that is at least as wide as `scope`. One query a request."""
    user: Any = request.user
    if not user.is_active or user.is_superuser:
        return bool(user.is_active)
    if not hasattr(request, "roles"):
        request.roles = list(user.memberships.values_list("role", "project", "environment"))  # type: ignore[attr-defined]
    wanted = roles_with(right)
    return any(role in wanted and _scope(*where) <= scope for role, *where in request.roles)  # type: ignore[attr-defined]


def rows_for(model: Any, user: Any, right: Right) -> Any:
    """The rows of a tenant's model on which a person has a right, ready to be named."""
    rows = model._default_manager.permitting(user, right)
    return rows.select_related("project") if model is Environment else rows


def is_permitted(request: HttpRequest, right: Right, model: Any, obj: Any) -> bool:
    """Whether a person has a right on a row, or anywhere if there is no row. Unfold passes a primary key as well."""
    user: Any = request.user
    if obj is None or user.is_superuser or not user.is_active:
        return has_role(request, right)
    known: dict[Any, bool] = vars(request).setdefault("is_permitted", {})
    asked = (model, right, primary_key(obj))
    if asked not in known:  # a page asks it for each of its inlines, several times
        known[asked] = bool(model._default_manager.permitting(user, right).filter(pk=primary_key(obj)).exists())
    return known[asked]


def primary_key(obj: Any) -> int:
    """The key of a row, or of what stands in a URL where a row's key should; 0, which no row has, if it is none."""
    text = str(getattr(obj, "pk", obj))
    return int(text) if text.isascii() and text.isdigit() and len(text) < BIGINT_DIGITS else 0


class VisibleRelatedFilter(theme.RelatedDropdownFilter):  # type: ignore[misc]
    """A list filter that offers only what the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(row.pk, str(row)) for row in rows_for(field.related_model, request.user, Right.READ)]


class RoleFields:
    """Foreign keys offer the rows on which the person has the right that editing takes."""

    right: Right = Right.EDIT
    rights_of_choices: Mapping[str, Right] = {}
    admin_site: Any

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        model = db_field.related_model
        if hasattr(model._default_manager, "permitting"):
            right = self.rights_of_choices.get(db_field.name, self.right)
            kwargs.setdefault("queryset", rows_for(model, request.user, right))
        if db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs.setdefault("widget", theme.Autocomplete(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class TenantAdmin(RoleFields, theme.ModelAdmin):
    """A page a model. Subclasses say which service creates a row and which updates one."""

    scope = Scope.ENVIRONMENT  # how wide a role it takes to add a row
    save_on_top = False
    change_form_after_template = "admin/audits/reason.html"

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        raise NotImplementedError

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, Right.READ)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, Right.READ, self.model, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, self.right, self.model, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request, self.right, self.scope)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = actor_of(request.user, request)
        if not change:
            vars(obj).update(vars(self.create(form.cleaned_data, actor=actor)))
        elif changes := form.changes():
            self.update(obj, changes, actor=actor)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Remove, update and create rows, each by its service; what they refuse is told row by row."""
        actor = actor_of(request.user, request)
        refusals: dict[str | None, ValidationError] = {}
        for prefix, edit in _edits(formset):
            try:
                edit(actor=actor)
            except ValidationError as error:
                refusals[prefix] = error
        if refusals:
            raise theme.Refused(refusals)

    def each(self, request: HttpRequest, queryset: Any, edit: Callable[..., object], done: str) -> None:
        """Do something to each chosen row that the person may change, and say what came of it."""
        actor, count = actor_of(request.user, request), 0
        for row in queryset.permitting(request.user, self.right):
            try:
                edit(row, actor=actor)
            except ValidationError as error:
                self.message_user(request, f"{row}: {' '.join(error.messages)}", messages.ERROR)
            else:
                count += 1
        if count:
            self.message_user(request, f"{done}: {count}.", messages.SUCCESS)
        if left := queryset.count() - queryset.permitting(request.user, self.right).count():
            self.message_user(request, f"Left alone, because your role does not reach them: {left}.", messages.WARNING)

    # The log of changes is the history; Django's own would tell the same with less.

    def construct_change_message(self, *args: Any, **kwargs: Any) -> Any:
        return []

    def log_addition(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def log_change(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def log_deletions(self, *args: Any, **kwargs: Any) -> Any:
        return None


class Removable:
    """For a TenantAdmin whose rows may go while nobody uses them. Subclasses say who does, and how a row goes."""

    right: Right
    model: Any
    message_user: Callable[..., None]

    def users(self, row: Any) -> list[str]:
        raise NotImplementedError

    def remove(self, row: Any, *, actor: Actor) -> None:
        raise NotImplementedError

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, self.right, self.model, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would go, and what stands in the way, as Django's page of confirmation shows it."""
        rows = list(objs)
        refused = {str(row) for row in rows if not self.has_delete_permission(request, row)}
        return list(map(str, rows)), {}, refused, [user for row in rows for user in self.users(row)]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj, actor=actor_of(request.user, request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
        except ValidationError as error:  # somebody used it since the page was shown
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return HttpResponseRedirect(request.path)


class TenantInline(RoleFields, theme.TabularInline):
    """Rows on the page of their parent, which the right on the parent allows to edit."""

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        raise NotImplementedError

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        raise NotImplementedError

    def remove(self, row: Any, *, actor: Actor) -> object:
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, Right.READ, self.parent_model, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, self.right, self.parent_model, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, self.right, self.parent_model, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _edits(formset: Any) -> Iterator[tuple[str | None, Callable[..., object]]]:
    """What a formset asks for, each with the form to blame. A form that goes away can show no error: the page does."""
    inline = formset.inline
    deleted = [form for form in formset.forms if formset.can_delete and formset._should_delete_form(form)]
    for form in deleted:
        if form.instance.pk:
            yield None, lambda actor, row=form.instance: inline.remove(row, actor=actor)
    for form in formset.forms:
        is_asked = form.has_changed() or not (form.instance.pk or form.empty_permitted)
        if form in deleted or not is_asked:
            continue
        if form.instance.pk:
            yield form.prefix, lambda actor, form=form: inline.update(form.instance, form.changes(), actor=actor)
        else:
            yield form.prefix, lambda actor, form=form: inline.create(formset.instance, form.changes(), actor=actor)


def _scope(project: int | None, environment: int | None) -> Scope:
    if environment is not None:
        return Scope.ENVIRONMENT
    return Scope.ORGANISATION if project is None else Scope.PROJECT
