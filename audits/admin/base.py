"""What every log's pages share: rows by role, newest first, in pages that cost the same at any length."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.module_loading import import_string

from audits import theme
from audits.paging import Order, Page, page_of

BEFORE, AFTER = "_before", "_after"


def places(request: HttpRequest) -> dict[int, str]:
    """The names of the environments that a person may see; `settings.AUDIT_PLACES` knows them. Asked once a request."""
    if not hasattr(request, "places"):
        request.places = import_string(settings.AUDIT_PLACES)(request.user)  # type: ignore[attr-defined]
    named: dict[int, str] = request.places  # type: ignore[attr-defined]
    return named


class PlaceFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "environment", "environment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        return list(places(request).items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value() or ""
        if not value:
            return queryset
        chosen = int(value) if value.isascii() and value.isdigit() else None
        return queryset.filter(environment_id=chosen) if chosen in places(request) else queryset.none()


class LogList(theme.ChangeList):
    """A page of a log between two positions; its rows are never counted."""

    model_admin: Any
    page: Page

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.title = str(self.opts.verbose_name_plural).capitalize()

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)
        own = {BEFORE, AFTER, *self.model_admin.form_class.base_fields}
        return {name: value for name, value in found.items() if name not in own}

    def get_results(self, request: HttpRequest) -> None:
        order = self.model_admin.order
        before, after = (order.parsed(request.GET.get(name, "")) for name in (BEFORE, AFTER))
        self.form = self.model_admin.form_of(request)
        rows, narrowed = self.model_admin.searched(request, self.queryset, self.form)
        self.page = page_of(rows, narrowed, order, size=self.list_per_page, before=before, after=after)
        self.result_list = self.page.rows
        self.result_count = self.full_result_count = len(self.page.rows)
        self.show_full_result_count = self.multi_page = self.can_show_all = self.show_all = False
        self.show_admin_actions = False
        self.paginator = theme.Pages(self.page.rows, self.list_per_page)
        environment = getattr(self.form, "cleaned_data", {}).get("environment")
        asked = {"environment": environment} if environment else {}
        self.asked = self.get_query_string(asked, remove=[BEFORE, AFTER])
        self.newer_link = self._link(AFTER, self.page.newer)
        self.older_link = self._link(BEFORE, self.page.older)
        self.newest_link = self.get_query_string(remove=[BEFORE, AFTER]) if {BEFORE, AFTER} & set(self.params) else ""

    def _link(self, name: str, position: object) -> str:
        return self.get_query_string({name: str(position)}, remove=[BEFORE, AFTER]) if position else ""


class LogAdmin(theme.ReadOnly, theme.ModelAdmin):
    """Newest first, a page at a time. `form_class` is asked above the list, and `searched` says which rows it means."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ["-id"]
    sortable_by = ()
    actions = None
    list_per_page = 50
    form_class: type[forms.Form] = forms.Form
    order = Order()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return LogList

    def form_of(self, request: HttpRequest) -> forms.Form:
        form = self.form_class(request.GET)
        form.is_valid()
        return form

    def searched(self, request: HttpRequest, rows: Any, form: forms.Form) -> tuple[Any, Q]:
        """Rows that an index finds, and what else they must be. What is wrong with the form is told there."""
        return rows, Q()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active)  # whose rows are shown is the queryset's business

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.visible_to(request.user)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        for row in changelist.result_list:
            row.place = places(request).get(row.environment_id, "")
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row: Any = super().get_object(request, object_id, from_field)
        if row:
            row.place = places(request).get(row.environment_id, "")
        return row

    @theme.display(description="When")
    def when(self, row: Any) -> str:
        return theme.moment(getattr(row, "decided_at", None) or row.created_at)

    @theme.display(description="Environment")
    def place(self, row: Any) -> str:
        return str(row.place) or "–"


class MomentField(forms.DateTimeField):
    """A moment in UTC, as browsers let people choose one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=theme.MomentInput(), **options)


class SearchForm(forms.Form):
    """Above a list. What cannot be read is told beside its field, and the rest still counts."""

    environment = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, widget=theme.SelectWidget())
    since = MomentField(label="From (UTC)")
    until = MomentField(label="Until (UTC)")

    def __init__(self, data: Any, *, places: dict[int, str], any_place: bool) -> None:
        super().__init__(data)
        self.fields["environment"].choices = [("", "All")] * any_place + list(places.items())  # type: ignore[attr-defined]

    def said(self, name: str) -> Any:
        """What a field says; nothing if it says nothing, or nothing that can be read."""
        return getattr(self, "cleaned_data", {}).get(name) or None

    def within(self, field: str) -> Q:
        """The condition that a row's moment is in the span that was asked for."""
        bounds = {f"{field}__gte": self.said("since"), f"{field}__lte": self.said("until")}
        return Q(**{name: moment for name, moment in bounds.items() if moment})
