"""By what the list of features can be narrowed."""

from typing import Any

from django.http import HttpRequest

from audits import theme
from features.models import Feature, FeatureState, StatusChoice
from features.querysets import STALE_DAYS
from tenants.admin_places import PARAMETER, chosen_project

CHOICES_MAX = 1_000


class ProjectFilter(theme.DropdownFilter):  # type: ignore[misc]
    """The list is about one project: the one chosen above it."""

    title, parameter_name = "project", PARAMETER
    template = "admin/features/nothing.html"  # the choice stands above the list

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        self.project = chosen_project(request)
        return [(self.project.pk, str(self.project))] if self.project else [(0, "None")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_project(self.project.pk) if self.project else queryset.none()


class StatusFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        somewhere = [("on", "On somewhere"), ("experiment", "In an experiment somewhere"), ("off", "Off everywhere")]
        here = model_admin.environments(request)
        there = [
            (f"{status.value}:{each.key}", f"{status.label} in {each.name}") for each in here for status in StatusChoice
        ]
        return [*somewhere, *there]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        status, _, key = (self.value() or "").partition(":")
        states: Any = FeatureState.objects.visible_to(request.user).order_by()
        if key:
            states = states.filter(environment__key=key)
        if status in {StatusChoice.ON, StatusChoice.EXPERIMENT}:
            return queryset.filter(pk__in=states.filter(status=status).values("feature"))
        if status == StatusChoice.OFF:
            return queryset.exclude(pk__in=states.exclude(status=StatusChoice.OFF).values("feature"))
        return queryset


class TagFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "tag", "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(tag, tag) for tag in features_here(request).tags()[:CHOICES_MAX]] or [("", "No tags yet")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.tagged(self.value()) if self.value() else queryset


class OwnerFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "owner", "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        owners = [(owner, owner) for owner in features_here(request).owners()[:CHOICES_MAX]]
        return [*owners, ("-", "Nobody")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        return queryset.filter(owner="" if self.value() == "-" else self.value())


class StaleFilter(theme.DropdownFilter):  # type: ignore[misc]
    """See `FeatureQuerySet.stale`, which the template explains."""

    title, parameter_name = "staleness", "stale"
    template = "admin/features/stale_filter.html"
    all_option = ["", "All"]
    help_text = (
        f"Stale: live, not edited for {STALE_DAYS} days, and either the same for everybody in every environment, "
        f"or not evaluated anywhere for {STALE_DAYS} days."
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Stale"), ("no", "In use")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in {"yes", "no"}:
            return queryset
        stale = list(queryset.stale().order_by().values_list("pk", flat=True))  # once, for the count and the page
        return queryset.filter(pk__in=stale) if self.value() == "yes" else queryset.exclude(pk__in=stale)


class ExperimentFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "experiment", "experiment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("running", "Has a running one"), ("any", "Has any"), ("none", "Has none")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "none":
            return queryset.exclude(pk__in=Feature.objects.with_experiment().order_by().values("pk"))
        asked = {"running": ("running",), "any": ()}.get(self.value() or "")
        return queryset if asked is None else queryset.with_experiment(*asked)


class ArchivedFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "archived", "archived"
    all_option = ["", "Live"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("only", "Archived"), ("too", "Live and archived")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "too":
            return queryset
        return queryset.exclude(archived_at=None) if self.value() == "only" else queryset.live()


def features_here(request: HttpRequest) -> Any:
    """All features of the chosen project that a person may see."""
    project = chosen_project(request)
    rows: Any = Feature.objects.visible_to(request.user)
    return rows.in_project(project.pk) if project else rows.none()
