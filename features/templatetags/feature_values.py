"""How templates write values and percentages."""

import json
from typing import Any

from django import template
from django.utils.timesince import timesince

from audits import theme

register = template.Library()


@register.filter
def compact(value: Any) -> str:
    """A value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@register.filter
def percent(value: Any) -> str:
    """A percentage as people write it."""
    return theme.percent(value)


@register.filter
def in_words(action: str) -> str:
    """What was done, without the dots."""
    return action.replace(".", " ").replace("_", " ").capitalize()


@register.filter
def ago(moment: Any) -> str:
    """How long ago it was."""
    said = timesince(moment, depth=1)
    return "just now" if said.startswith("0") else f"{said} ago"
