"""A feature in the list: what it is, and a cell for each environment with a toggle where the role permits one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from audits import theme
from features.models import Feature, FeatureState, StatusChoice
from tenants.models import Environment

WORDS = {StatusChoice.ON: "On", StatusChoice.OFF: "Off", StatusChoice.EXPERIMENT: "Experiment"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What a feature does in one environment, as lists show it."""

    feature: Feature
    environment: Environment
    status: str
    percent: str
    is_planned: bool
    is_editable: bool

    @property
    def word(self) -> str:
        return WORDS[StatusChoice(self.status)]

    @property
    def other(self) -> str:
        """What the toggle switches to."""
        return StatusChoice.ON.value if self.status == StatusChoice.OFF else StatusChoice.OFF.value

    @property
    def switch(self) -> str:
        return reverse("admin:features_feature_switch", args=[self.feature.pk, self.environment.pk])

    @property
    def page(self) -> str:
        page = reverse("admin:features_feature_change", args=[self.feature.pk])
        return f"{page}?{urlencode({'environment': self.environment.key})}"


def cell_of(feature: Feature, environment: Environment, state: FeatureState | None, is_editable: bool) -> Cell:
    """The cell of a feature in an environment; without a state, it is off."""
    status = state.status if state and state.status in StatusChoice.values else StatusChoice.OFF.value
    is_partly = bool(state and status == StatusChoice.ON and state.rollout_percent < 100)
    return Cell(
        feature,
        environment,
        status,
        percent=theme.percent(state.rollout_percent) if state and is_partly else "",
        is_planned=bool(state and (state.steps or state.ramp)),
        is_editable=is_editable and feature.archived_at is None,
    )


def rendered(cell: Cell) -> SafeString:
    return mark_safe(render_to_string("admin/features/cell.html", {"cell": cell}))  # noqa: S308  the template escapes


def column(environment: Environment, *, is_editable: bool) -> Callable[[Any], SafeString]:
    """A column of the list."""

    def shown(feature: Any) -> SafeString:
        state = next((state for state in feature.states.all() if state.environment_id == environment.pk), None)
        return rendered(cell_of(feature, environment, state, is_editable))

    shown.__name__ = f"environment_{environment.pk}"
    return theme.display(description=environment.name)(shown)


def titled(feature: Feature) -> SafeString:
    """What a feature is called, and what it is."""
    return format_html("{}", mark_safe(render_to_string("admin/features/title.html", {"feature": feature})))  # noqa: S308
