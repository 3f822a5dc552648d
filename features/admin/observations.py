"""What was seen of features and their subjects, in the admin: read, never touched."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits import theme
from audits.admin import LogAdmin, PlaceFilter
from features.models import Identity, Usage


@admin.register(Identity)
class IdentityAdmin(LogAdmin):
    """Subjects whose traits are kept. A search asks for exactly one, because there may be very many."""

    list_display = ["identifier", "place", "updated_at"]
    list_filter = [PlaceFilter]
    search_fields = ["identifier"]
    search_help_text = "The whole identifier."
    fields = ["identifier", "place", "traits_json", "created_at", "updated_at"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        return (queryset.filter(identifier=term) if term else queryset), False

    @theme.display(description="Traits")
    def traits_json(self, identity: Identity) -> SafeString:
        return theme.as_json(identity.traits)


@admin.register(Usage)
class UsageAdmin(LogAdmin):
    """How often features were evaluated, hour by hour."""

    list_display = ["hour", "feature_key", "outcome", "count", "place"]
    list_filter = [PlaceFilter, ("hour", theme.RangeDateTimeFilter)]
    search_fields = ["feature_key"]
    fields = ["hour", "feature_key", "outcome", "count", "place"]
