"""What was seen of experiments, in the admin: read, never touched."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits import theme
from audits.admin import LogAdmin, PlaceFilter
from decisions.engine.public_ids import EXPERIMENT, number_of, public_id
from experiments.models import Event, Exposure


@admin.register(Exposure)
class ExposureAdmin(LogAdmin):
    """Who met which variant first, and when. A search asks for one experiment, such as exp-001, or one subject."""

    list_display = ["first_at", "experiment", "variant_key", "subject", "place", "source"]
    list_filter = [PlaceFilter]
    search_fields = ["subject"]
    search_help_text = "An experiment's id, such as exp-001, or the whole key of a subject."
    fields = ["first_at", "experiment", "variant_key", "subject", "place", "source"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        if number := number_of(EXPERIMENT, term):
            return queryset.filter(experiment_number=number), False
        return (queryset.filter(subject=term) if term else queryset), False

    @theme.display(description="Experiment")
    def experiment(self, exposure: Exposure) -> str:
        return public_id(EXPERIMENT, exposure.experiment_number)


@admin.register(Event)
class EventAdmin(LogAdmin):
    """What subjects did. A search asks for one name or one subject."""

    list_display = ["happened_at", "name", "subject", "value", "place", "source"]
    list_filter = [PlaceFilter, ("happened_at", theme.RangeDateTimeFilter)]
    search_fields = ["name", "subject"]
    search_help_text = "The whole name of an event, or the whole key of a subject."
    fields = ["happened_at", "received_at", "name", "subject", "value", "properties_json", "place", "source"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        return queryset.filter(name=term) | queryset.filter(subject=term), False

    @theme.display(description="Properties")
    def properties_json(self, event: Event) -> SafeString:
        return theme.as_json(event.properties)
