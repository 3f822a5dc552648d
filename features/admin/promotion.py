"""Two environments side by side, and what is to be the same in them: chosen, looked at once more, applied at once."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from audits import theme
from audits.services import REASON_LENGTH
from decisions.engine.conditions.sentences import sentence
from features import services
from features.comparisons import COMPARED_MAX, PARTS, Compared, Difference, Pick, compare, version_of
from features.services.promotion import differences_of
from tenants.admin_base import primary_key, rows_for
from tenants.authentication import actor_of
from tenants.models import Environment
from tenants.roles import Right

PAGE = 25
NOTHING = "Nothing that you chose is different any more."
TITLES = {
    "status": "Status",
    "on_value": "On value",
    "off_value": "Off value",
    "rollout_percent": "Rollout",
    "steps": "Schedule",
    "ramp": "Ramp",
}


class Line(NamedTuple):
    """One thing that differs: what it is in the target, and what it is in the source. None is not there."""

    name: str
    target: str | None
    source: str | None


class Choice(NamedTuple):
    """A difference, to be chosen."""

    name: str
    part: str
    lines: list[Line]


class ReasonForm(forms.Form):
    """Why it is promoted."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=REASON_LENGTH,
        widget=theme.TextInput(attrs={"placeholder": "It went well on staging"}),
        help_text="Stands in the log of changes.",
    )


class Asked(NamedTuple):
    """Where from, where to, and whether the reader may edit there."""

    source: Environment
    target: Environment
    may_edit: bool


def promotion(request: HttpRequest) -> HttpResponse:
    """GET compares; POST with step=preview shows what would be, with step=apply does it."""
    environments = list(rows_for(Environment, request.user, Right.READ).order_by("project__name", "pk"))
    asked = _asked(request, environments)
    if asked is None:
        source, target = _suggested(environments)
        return _page(request, environments=environments, source=source, target=target)
    if asked.source.project_id != asked.target.project_id or asked.source == asked.target:
        complaint = "Choose two different environments of one project."
        return _page(request, environments=environments, source=asked.source, target=asked.target, complaint=complaint)
    if request.method != "POST":
        return _comparison(request, environments, asked)
    if not asked.may_edit:
        raise PermissionDenied
    return _apply(request, asked) if request.POST.get("step") == "apply" else _preview(request, asked)


def _asked(request: HttpRequest, environments: Collection[Environment]) -> Asked | None:
    """What the URL names; 404 where it is not the reader's to see."""
    given = request.GET.get("from"), request.GET.get("to")
    if not all(given):
        return None
    visible = {environment.pk: environment for environment in environments}
    source, target = (visible.get(primary_key(one)) for one in given)
    if source is None or target is None:
        raise Http404("environment not found")
    may_edit = rows_for(Environment, request.user, Right.EDIT).filter(pk=target.pk).exists()
    return Asked(source, target, may_edit)


def _suggested(environments: Collection[Environment]) -> tuple[Environment | None, Environment | None]:
    """The first two of one project, as a beginning."""
    for one in environments:
        for other in environments:
            if one.project_id == other.project_id and one.pk < other.pk:
                return one, other
    return None, None


def _comparison(request: HttpRequest, environments: Collection[Environment], asked: Asked) -> HttpResponse:
    text = request.GET.get("q", "").replace("\x00", "")
    found = compare(asked.source, asked.target, text=text)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return _page(
        request,
        environments=environments,
        **asked._asdict(),
        is_compared=True,
        text=text,
        page=page,
        compared=[(one, _choices(one)) for one in page.object_list],
        count=len(found),
        is_cut=len(found) >= COMPARED_MAX,
    )


def _preview(request: HttpRequest, asked: Asked, complaint: str = "", form: ReasonForm | None = None) -> HttpResponse:
    picks = picks_of(request.POST.getlist("pick"))
    try:
        differences = differences_of(asked.source, asked.target, picks)
    except ValidationError as error:  # a feature was archived meanwhile
        messages.error(request, " ".join(error.messages))
        return _back(request)
    if not differences:
        messages.warning(request, NOTHING if picks else "Choose at least one difference.")
        return _back(request)
    context = {
        **asked._asdict(),
        "form": form or ReasonForm(),
        "complaint": complaint,
        "version": version_of(differences),
        "differences": [(one.feature, name_of(one.pick), one.part, lines_of(one)) for one in differences],
    }
    return theme.shown(request, "admin/features/promotion_preview.html", "Preview of a promotion", **context)


def _apply(request: HttpRequest, asked: Asked) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _preview(request, asked, form=form)
    picks, version = picks_of(request.POST.getlist("pick")), request.POST.get("version", "")
    actor = replace(actor_of(request.user, request), reason=form.cleaned_data["reason"])
    try:
        done = services.promote(asked.source, asked.target, picks=picks, actor=actor, version=version)
    except ValidationError as error:
        return _preview(request, asked, " ".join(error.messages), form)
    messages.success(request, f"Promoted to {asked.target.name}: {len(done)}.")
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(request.get_full_path())


def _page(request: HttpRequest, **context: Any) -> HttpResponse:
    return theme.shown(request, "admin/features/promotion.html", "Compare and promote", **context)


def picks_of(names: Collection[str]) -> list[Pick]:
    """What was chosen; what is no part of a feature is not."""
    split = (name.partition(":") for name in names)
    return [Pick(key.replace("\x00", ""), part) for part, _, key in split if part in PARTS]


def name_of(pick: Pick) -> str:
    return f"{pick.part}:{pick.feature_key}"


def _choices(compared: Compared) -> list[Choice]:
    return [Choice(name_of(one.pick), one.part, lines_of(one)) for one in compared.differences]


def lines_of(difference: Difference) -> list[Line]:
    """A difference, thing by thing."""
    words = _WORDS.get(difference.part, _field)
    lines = list(_lines(difference.source, difference.target, words))
    if difference.part == "rules" and _is_reordered(difference):
        lines.append(Line("Order", _order(difference.target), _order(difference.source)))
    return lines


def _lines(source: Mapping[str, Any], target: Mapping[str, Any], words: Any) -> Iterator[Line]:
    for name in [*source, *(name for name in target if name not in source)]:
        sides = [words(name, side[name]) if name in side else None for side in (target, source)]
        if sides[0] != sides[1]:
            yield Line(_title(name, source.get(name, target.get(name))), *sides)


def _title(name: str, value: Any) -> str:
    """What a line is about: a field, a rule, another feature, or somebody."""
    if isinstance(value, dict) and "segment" in value:
        return value["description"] or f"Rule {name}"
    return TITLES.get(name, name)


def _field(name: str, value: Any) -> str:
    words = _FIELDS.get(name, _json)
    return words(value) if value or name not in {"steps", "ramp"} else "none"


def _steps(steps: list[dict[str, Any]]) -> str:
    """What changes by itself, and when."""
    return "; ".join(f"{step['at']}: {', '.join(_step(step))}" for step in steps)


def _step(step: Mapping[str, Any]) -> Iterator[str]:
    for name, words in (("status", str), ("percent", "{} %".format), ("value", _json)):
        if name in step:
            yield words(step[name])


def _ramp(ramp: Mapping[str, Any]) -> str:
    return f"{ramp['from']} % at {ramp['start']} to {ramp['to']} % at {ramp['end']}"


def _rule(key: str, rule: Mapping[str, Any]) -> str:
    """A rule in a sentence; what is unusual about it stands at the end."""
    named = [f"in segment {rule['segment']}"] if rule["segment"] else []
    meant = [*named, *([] if rule["conditions"] is None else [sentence(rule["conditions"])])]
    more = ["" if rule["is_on"] else "off", _steps(rule["steps"]), _ramp(rule["ramp"]) if rule["ramp"] else ""]
    served = f"{' and '.join(meant)} → {_json(rule['value'])}, {rule['rollout_percent']:f} %"
    return ", ".join([served, *filter(None, more)])


def _prerequisite(key: str, values: Mapping[str, Any]) -> str:
    asked = {True: "on", False: "off", None: "anything"}[values["enabled"]]
    return f"must be {asked}" + (f" with {_json(values['value'])}" if values["needs_value"] else "")


def _override(identifier: str, values: Mapping[str, Any]) -> str:
    until = f" until {theme.moment(values['expires_at'])}" if values["expires_at"] else ""
    return f"{_json(values['value'])}{until}" + (f" ({values['note']})" if values["note"] else "")


def _is_reordered(difference: Difference) -> bool:
    """Whether rules that both sides have stand in another order."""
    source = [key for key in difference.source if key in difference.target]
    return source != [key for key in difference.target if key in difference.source]


def _order(rules: Mapping[str, Any]) -> str:
    return ", ".join(rule["description"] or key for key, rule in rules.items())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_FIELDS: dict[str, Callable[[Any], str]] = {
    "rollout_percent": "{:f} %".format,
    "status": str,
    "steps": _steps,
    "ramp": _ramp,
}
_WORDS = {"rules": _rule, "prerequisites": _prerequisite, "overrides": _override}
