"""The look and the manners of the admin: the one module that knows django-unfold. Every admin.py stands on it."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib.admin import site
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, models
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    FieldTextFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
    TextFilter,
)
from unfold.decorators import action as _action
from unfold.decorators import display as _display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from decisions.engine.validate import JsonRefused, parse_json

if TYPE_CHECKING:
    from django.contrib import admin

    _ModelAdmin = admin.ModelAdmin[Any]
    from django.contrib.admin.views.main import ChangeList
    from django.core.paginator import Paginator

    _TabularInline = admin.TabularInline[Any, Any]
    _Paginator = Paginator[Any]
    _ModelForm = forms.ModelForm[Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.admin import TabularInline as _TabularInline
    from unfold.paginator import InfinitePaginator as _Paginator
    from unfold.views import ChangeList

    _ModelForm = forms.ModelForm

__all__ = [
    "INPUT_CLASSES",
    "AdminPasswordChangeForm",
    "ChangeList",
    "ChoicesDropdownFilter",
    "DropdownFilter",
    "FieldTextFilter",
    "JsonArea",
    "NumberInput",
    "RangeDateTimeFilter",
    "RelatedDropdownFilter",
    "SelectWidget",
    "Switch",
    "TextFilter",
    "TextInput",
    "UserChangeForm",
    "UserCreationForm",
]

SelectWidget, TextInput, Switch = UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget
JsonArea, NumberInput = UnfoldAdminExpandableTextareaWidget, UnfoldAdminDecimalFieldWidget
CONFLICT = "This contradicts what somebody else stored meanwhile. Look again, then save."
Method = TypeVar("Method", bound=Callable[..., Any])
_PK_DIGITS = 18
_pages: list[URLPattern] = []
site.extra_urls = lambda: _pages  # type: ignore[attr-defined]
_KINDS = {
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}


class Refused(Exception):
    """What services said no to, by the prefix of the form that asked; None is the page's own form."""

    def __init__(self, refusals: Mapping[str | None, ValidationError]) -> None:
        super().__init__(refusals)
        self.refusals = refusals


class JsonField(forms.JSONField):
    """JSON within the engine's limits; nothing typed is null. What is refused is shown again as it was typed."""

    blank: Callable[[], Any] = staticmethod(lambda: None)

    def to_python(self, value: Any) -> Any:
        if self.disabled or not isinstance(value, str):
            return value
        if not value.strip():
            return self.blank()
        try:
            return parse_json(value.encode("utf-8", "surrogatepass"))
        except JsonRefused as refused:
            complaint = f"{refused.message[:1].upper()}{refused.message[1:]}"
            where = f" at character {refused.position + 1}" if refused.malformed else ""
            raise ValidationError(f"{complaint}{where}.", code="invalid") from refused

    def bound_data(self, data: Any, initial: Any) -> Any:
        if self.disabled or data is None:
            return initial if self.disabled else None
        return InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class PercentField(forms.DecimalField):
    """A percentage without the zeros that a database pads it with."""

    def prepare_value(self, value: Any) -> Any:
        return percent(value) if hasattr(value, "normalize") else value


class WordsField(forms.CharField):
    """A list of words, written with commas between them."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join('"' + word.replace('"', '""') + '"' if set(word) & set(',"') else word for word in value)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        try:
            words = next(csv.reader([text], skipinitialspace=True), [])
        except csv.Error:
            words = [text]  # too long for one word, as whoever checks the words will say
        return list(dict.fromkeys(word.strip() for word in words if word.strip()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class Autocomplete(AutocompleteSelect):
    """A search box for a row. What is not a primary key selects nothing, where Django's own would raise."""

    def optgroups(self, name: str, value: Any, attrs: dict[str, Any] | None = None) -> Any:
        chosen = [pk for pk in value if str(pk).isdecimal() and len(str(pk)) <= _PK_DIGITS]
        return super().optgroups(name, chosen or [""], attrs)


class Form(_ModelForm):
    """A form whose errors may also come from the services that its save called."""

    refusals: ClassVar[Mapping[str | None, ValidationError]] = {}
    not_compared: ClassVar[tuple[str, ...]] = ()
    """Fields that say how to save rather than what."""

    def changes(self) -> dict[str, Any]:
        """What the person changed."""
        asked = (name for name in self.changed_data if name in self.cleaned_data and name not in self.not_compared)
        return {name: self.cleaned_data[name] for name in asked}

    def is_valid(self) -> bool:
        is_refused = self.prefix is None and bool(self.refusals)
        return super().is_valid() and not is_refused

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        error = self.refusals.get(self.prefix)
        if error is None:
            return
        complaints: Mapping[str, Any] = getattr(error, "error_dict", {"": error})
        for name, complaint in complaints.items():
            self.add_error(name if name in self.fields else None, complaint)


FIELDS: dict[Any, Any] = {
    models.JSONField: {"form_class": JsonField, "widget": UnfoldAdminExpandableTextareaWidget},
    models.DecimalField: {"form_class": PercentField},
    models.TextField: {"widget": UnfoldAdminExpandableTextareaWidget},
}


class _Blank:
    """A JSON field that may not be null takes its model's default when it is left empty."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if isinstance(field, JsonField):
            field.blank = field.blank if db_field.null else db_field.get_default
            field.show_hidden_initial = False
        return field


class ModelAdmin(_Blank, _ModelAdmin):
    """A page a model. What a service refuses while saving is shown on the form, with everything that was typed."""

    form = Form
    formfield_overrides = FIELDS
    list_filter_submit = True
    list_filter_sheet = False
    warn_unsaved_form = True

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        refusals: Mapping[str | None, ValidationError]
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            refusals = refused.refusals
        except ValidationError as error:
            refusals = {None: error}
        except IntegrityError:
            refusals = {None: ValidationError(CONFLICT)}
        request.refusals = refusals  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusals = getattr(request, "refusals", {})  # the class was made for this request
        return form

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; filters that no database understands lead back to the whole list."""
        everything = HttpResponseRedirect(f"{request.path}?e=1")
        if any("\x00" in text for texts in [*dict(request.GET.lists()).values(), list(request.GET)] for text in texts):
            return everything
        try:
            return super().changelist_view(request, extra_context)
        except (OverflowError, DataError):
            if request.GET:
                return everything
            raise

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset, search_term.replace("\x00", ""))


class TabularInline(_Blank, _TabularInline):
    """Rows on the page of their parent. `create`, `update` and `remove` call the services."""

    form = Form
    formfield_overrides = FIELDS
    extra = 0
    hide_title = True

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.inline = self
        formset.form.refusals = getattr(request, "refusals", {})
        return formset


def page(route: str, view: Callable[..., Any], name: str) -> None:
    """Add a page to the admin that belongs to no model; it is found as "admin:" and its name."""
    _pages.append(path(route, site.admin_view(view), name=name))


def shown(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """A page of one's own, in the frame of all others."""
    return TemplateResponse(request, template, {**site.each_context(request), "title": title, **context})


class ReadOnly:
    """Rows that the admin shows and never touches; for a ModelAdmin and for an inline."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Pages(_Paginator):
    """What the list is shown with, where it knows itself which rows are on the page."""

    template_name = "admin/audits/pages.html"


class MomentInput(forms.DateTimeInput):
    """A date and a time, as browsers let people choose them."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES), "step": "1"}, format="%Y-%m-%dT%H:%M:%S")


def dress(form: forms.Form, placeholders: Mapping[str, str]) -> None:
    """Give the fields of a form of one's own the look of all others."""
    for name, field in form.fields.items():
        widget = SelectWidget(choices=field.choices) if isinstance(field, forms.ChoiceField) else field.widget
        if type(widget) is forms.TextInput:
            widget = TextInput()
        field.widget = widget
        widget.attrs.setdefault("placeholder", placeholders.get(name, ""))


def display(**options: Any) -> Callable[[Method], Method]:
    """A column or a field that a method computes."""
    decorator: Callable[[Method], Method] = _display(**options)
    return decorator


def action(**options: Any) -> Callable[[Method], Method]:
    """Something to do with rows, or a button."""
    decorator: Callable[[Method], Method] = _action(**options)
    return decorator


def badge(text: object, kind: str = "") -> SafeString:
    """A short word on a coloured ground: success, info, warning, danger or plain."""
    return format_html(
        '<span class="inline-block font-semibold rounded-default text-[11px] whitespace-nowrap '
        'h-6 leading-6 px-2 {}">{}</span>',
        _KINDS[kind],
        text,
    )


def badges(items: Iterable[tuple[object, str]]) -> SafeString:
    """Several badges in a row."""
    shown = format_html_join("", "{}", ((badge(text, kind),) for text, kind in items))
    return format_html('<div class="flex flex-row flex-wrap gap-2">{}</div>', shown)


def moment(value: Any) -> str:
    """A moment to the second, in the time zone of the page."""
    return f"{localtime(value):%Y-%m-%d %H:%M:%S}" if value else "–"


def percent(value: Any) -> str:
    """A percentage as people write it: 12.5, not 12.500."""
    return f"{value.normalize():f}"


def compact(value: object) -> str:
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def as_json(value: object) -> SafeString:
    """A JSON value, readable."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return format_html('<pre class="font-mono text-sm whitespace-pre-wrap break-all">{}</pre>', text)


def said(text: object, detail: SafeString) -> SafeString:
    """Something in words, and folded below it how it is stored."""
    summary = '<summary class="cursor-pointer mt-2">As JSON</summary>'
    return format_html('<p class="font-medium">{}</p><details>{}{}</details>', text, SafeString(summary), detail)
