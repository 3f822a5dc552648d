"""Fields in which people edit what a feature serves: an editor that fits the value's type, percentages and moments."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from audits import theme
from decisions.engine.conditions.operators import instant
from features.models import Feature, ValueType
from features.schedules import ramp_complaint

_LOCAL = "%Y-%m-%dT%H:%M"


class TextValueField(forms.CharField):
    """A value that is text, written without quotes; browsers end lines with two characters, people mean one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "strip": False, "widget": theme.JsonArea(), **options})

    def to_python(self, value: Any) -> Any:
        return _lines(super().to_python(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(_lines(initial), _lines(data)))


class JsonValue(theme.JsonArea):  # type: ignore[misc]
    """A text area that says while one types whether it is JSON."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"data-json": "", "spellcheck": "false", "class": "font-mono", **(attrs or {})})


class StepsInput(theme.JsonArea):  # type: ignore[misc]
    """The steps of a schedule as JSON, which a script shows as rows to fill in."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"data-steps": "", "spellcheck": "false", **(attrs or {})})


class RolloutInput(theme.NumberInput):  # type: ignore[misc]
    """A percentage: a slider, and the number beside it, which is what is sent."""

    template_name = "admin/features/widgets/rollout.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"min": 0, "max": 100, "step": "0.001", "inputmode": "decimal", **(attrs or {})})


class MomentInput(forms.DateTimeInput):
    """A day and a time, as browsers ask for them."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        given = {"class": " ".join(theme.INPUT_CLASSES), "title": "UTC", **(attrs or {})}
        super().__init__(attrs=given, format=_LOCAL)


class MomentField(forms.DateTimeField):
    """A moment to the minute. One that is stored to the second is not changed by being shown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "widget": MomentInput(), **options})

    def has_changed(self, initial: Any, data: Any) -> bool:
        shown = initial.strftime(_LOCAL) if isinstance(initial, datetime) else ""
        return bool(shown != (data or ""))


class RampInput(forms.MultiWidget):
    """From when and how much, until when and how much."""

    template_name = "admin/features/widgets/ramp.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        percent = {"min": 0, "max": 100, "step": "0.001", "inputmode": "decimal"}
        labels = ("Ramp begins", "From percent", "Ramp ends", "To percent")
        kinds = (MomentInput, theme.NumberInput, MomentInput, theme.NumberInput)
        given: tuple[dict[str, Any], ...] = ({}, percent, {}, percent)
        made = zip(kinds, labels, given, strict=True)
        super().__init__([kind({"aria-label": label, **more}) for kind, label, more in made], attrs)

    def decompress(self, value: Any) -> list[Any]:
        """As it is shown; what is stored and broken, which nothing lets in, is shown as none."""
        if value is None or ramp_complaint(value) is not None:
            return ["", "", "", ""]
        return [_local(value["start"]), str(value["from"]), _local(value["end"]), str(value["to"])]


class RampField(forms.MultiValueField):
    """A percentage that moves with time. All four are given, or none."""

    widget: Any = RampInput

    def __init__(self, **options: Any) -> None:
        moments = [forms.DateTimeField(required=False) for _ in range(2)]
        percents = [forms.DecimalField(required=False, min_value=0, max_value=100) for _ in range(2)]
        given = {"required": False, "require_all_fields": False, **options}
        super().__init__([moments[0], percents[0], moments[1], percents[1]], **given)

    def compress(self, data_list: list[Any]) -> Any:
        if all(value in (None, "") for value in data_list or [None]):
            return None
        if any(value in (None, "") for value in data_list):
            raise ValidationError("A ramp needs its start, its end, and both percentages.", code="incomplete")
        start, first, end, last = data_list
        return {"start": _iso(start), "from": _number(first), "end": _iso(end), "to": _number(last)}

    def has_changed(self, initial: Any, data: Any) -> bool:
        shown = self.widget.decompress(initial) if not isinstance(initial, list) else initial
        return bool(shown != [value or "" for value in data or ["", "", "", ""]])


def value_field(feature: Feature, *, label: str = "Value", is_optional: bool = False) -> Any:
    """An editor that fits a feature's type; an optional one may also be left empty, which is null."""
    if feature.value_type == ValueType.BOOLEAN:
        choices = [*([("", "–")] if is_optional else []), ("true", "true"), ("false", "false")]
        return _json(label, theme.SelectWidget(choices=choices), initial=True)
    if feature.value_type == ValueType.STRING:
        return TextValueField(label=label)
    if feature.value_type == ValueType.NUMBER:
        return _json(label, theme.NumberInput(attrs={"step": "any"}))
    return _json(label, JsonValue())


def _json(label: str, widget: forms.Widget, **options: Any) -> theme.JsonField:
    return theme.JsonField(label=label, widget=widget, required=False, **options)


def _lines(text: Any) -> Any:
    return text.replace("\r\n", "\n") if isinstance(text, str) else text


def _local(stored: str) -> str:
    moment = instant(stored)
    return moment.astimezone(UTC).strftime(_LOCAL) if moment else ""


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _number(percent: Any) -> int | float:
    return int(percent) if percent == int(percent) else float(percent)
