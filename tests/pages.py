"""Every page of the admin, as the resolver knows them: a new page is found by itself."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tenants.models import Environment

OUTSIDE = {"login", "logout", "jsi18n", "view_on_site", "app_list", "autocomplete"}
"""No pages of ours; autocompletes have addresses of their own below."""


def patterns(found: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """The name, the address and the parameters of every pattern below /admin/."""
    for pattern in found:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, address)
        elif address.startswith("admin/") and pattern.name and pattern.name not in OUTSIDE:
            yield pattern.name, address, list(pattern.pattern.converters)


def addresses(environment: Environment) -> Iterator[tuple[str, str]]:
    """The name and the address of every page, about a row that is there."""
    for name, _, parameters in patterns(get_resolver().url_patterns):
        given = {parameter: _row(name, parameter, environment) for parameter in parameters}
        if None not in given.values():
            page = reverse(f"admin:{name}", kwargs=given)
            yield name, page
            yield from ((f"{name} {query}", f"{page}?{query}") for query in _queries(name, environment))
    for model, field in autocompletes():
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field}
        yield f"autocomplete {model._meta.label_lower} {field}", f"{reverse('admin:autocomplete')}?{urlencode(asked)}"


def autocompletes() -> Iterator[tuple[Any, str]]:
    """The fields of pages and of inlines that offer rows while one types."""
    for model_admin in admin.site._registry.values():
        for each in (model_admin, *(kind(model_admin.model, admin.site) for kind in model_admin.inlines)):
            yield from ((each.model, field) for field in each.autocomplete_fields)


def _row(name: str, parameter: str, environment: Environment) -> Any:
    """A row's key for a parameter: of what the parameter is called, or of the model that the page is about."""
    wanted = parameter.removesuffix("_id")
    if wanted == "environment":
        return environment.pk
    labels = [model._meta.label_lower for model in admin.site._registry if model._meta.model_name == wanted]
    label = labels[0] if labels else ".".join(name.split("_")[:2])
    rows = apps.get_model(label)._default_manager.order_by("pk")
    return rows.values_list("pk", flat=True).last()


def _queries(name: str, environment: Environment) -> list[str]:
    """What else a page may be asked."""
    here = {"environment": environment.pk}
    if name.endswith("_changelist"):
        return ["q=feature_00001", urlencode(here)]
    asked: Mapping[str, list[dict[str, Any]]] = {
        "index": [here],
        "playground": [{**here, "user": "user-1"}, {**here, "user": "user-1", "view": "protocols"}],
        "features_feature_change": [here],
    }
    return [urlencode(each) for each in asked.get(name, [])]
