"""The steps of an explained decision, in words."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from decisions.engine.choices.base import Trace
from decisions.engine.conditions.sentences import sentence

Names = Mapping[str, str]
"""What people call rules, by their keys."""
GROUPS = {"all": "All of these", "any": "Any of these", "none": "None of these"}


class Part(NamedTuple):
    """A part of a condition, and whether it matched."""

    text: str
    is_met: bool
    parts: tuple["Part", ...] = ()


class Bar(NamedTuple):
    """A percentage, and where somebody stands on its scale."""

    percent: float
    bucket: float | None


class Step(NamedTuple):
    """One step on the way to a decision; `verdict` is None where nothing was asked."""

    title: str
    text: str = ""
    verdict: bool | None = None
    bar: Bar | None = None
    condition: Part | None = None


def step_of(trace: Trace, names: Names) -> Step:
    """A step as people read it."""
    known = _STEPS.get(trace["step"])
    return known(trace, names) if known else Step(str(trace["step"]), written(trace))


def written(value: Any) -> str:
    """A value as JSON, on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def part_of(trace: Mapping[str, Any]) -> Part:
    """A condition with its parts, as they were compared."""
    is_met = bool(trace.get("matched"))
    if kind := next((kind for kind in GROUPS if kind in trace), None):
        return Part(GROUPS[kind], is_met, tuple(map(part_of, trace[kind])))
    if "broken" in trace:
        return Part(f"Broken: {trace['broken']}", False)
    if "segment" in trace:
        return Part(sentence(trace), is_met, (part_of(trace["segment"]),))
    if "attribute" not in trace:
        return Part(sentence(trace), is_met)
    actual = f"it is {written(trace['actual'])}" if "actual" in trace else "it is not given"
    return Part(f"{sentence(trace)}: {actual}", is_met)


def _feature(trace: Trace, names: Names) -> Step:
    return Step("Feature", f"There is no feature {trace['feature']}.", False)


def _status(trace: Trace, names: Names) -> Step:
    return Step("Status", f"The feature is {trace['status']}, for everybody alike.", trace["status"] != "off")


def _override(trace: Trace, names: Names) -> Step:
    note = f" Note: {trace['note']}" if trace["note"] else ""
    if trace["expired"]:
        return Step("Override", f"There was one for this user; it has expired.{note}", False)
    return Step("Override", f"This user has a value of their own.{note}", True)


def _prerequisite(trace: Trace, names: Names) -> Step:
    if "broken" in trace:
        return Step("Prerequisite", f"Never met: {trace['broken']}.", False)
    met = "answers as it must" if trace["met"] else "does not answer as it must"
    return Step("Prerequisite", f"{trace['feature']} {met}.", trace["met"])


def _rollout(trace: Trace, names: Names) -> Step:
    return Step("Rollout", _place(trace), trace["inside"], _bar(trace))


def _rule(trace: Trace, names: Names) -> Step:
    condition = part_of(trace["condition"])
    title = names.get(trace["rule"], f"Rule {trace['rule']}")
    if "percent" in trace:
        return Step(title, f"It means this user. {_place(trace)}", trace["inside"], _bar(trace), condition)
    text = "It means this user." if condition.is_met else "It does not mean this user."
    return Step(title, text, condition.is_met, None, condition)


def _schedule(trace: Trace, names: Names) -> Step:
    since = f"since {moment(trace['since'])}" if trace["since"] else "as it is before the first step"
    until = f", until {moment(trace['until'])}" if trace["until"] else ""
    return Step("Schedule", f"At {moment(trace['at'])} the feature is {since}{until}.")


def _audience(trace: Trace, names: Names) -> Step:
    condition = part_of(trace["condition"])
    text = "The experiment is for this user." if condition.is_met else "The experiment is not for this user."
    return Step("Audience", text, condition.is_met, None, condition)


def _layer(trace: Trace, names: Names) -> Step:
    held = ", ".join(f"{start} to {end - 1}" for start, end in trace["slots"]) or "none"
    is_held = any(start <= trace["slot"] < end for start, end in trace["slots"])
    return Step(f"Layer {trace['layer']}", f"Slot {trace['slot']}; the experiment holds {held}.", is_held)


def _experiment(trace: Trace, names: Names) -> Step:
    title = f"Experiment {trace['experiment']}"
    if not trace["key"]:
        return Step(title, "It buckets by a key, and there is none.", False)
    got = f"gets {trace['variant']}" if trace["variant"] else f"is outside its {trace['percent']:g} %"
    return Step(title, f"“{trace['key']}” {got}, by the scheme {trace['bucketing']}.", trace["variant"] is not None)


def _place(trace: Trace) -> str:
    if trace["inside"] is None:
        return f"{trace['percent']:g} % get it; without a key nobody can say who."
    if trace["bucket"] is None:
        return f"{trace['percent']:g} % get it."
    side = "inside" if trace["inside"] else "outside"
    return f"Their place is {trace['bucket']:g} of 100, {side} the first {trace['percent']:g} %."


def _bar(trace: Trace) -> Bar:
    return Bar(round(trace["percent"], 3), trace["bucket"])


def moment(seconds: float) -> str:
    """Seconds since the epoch as a moment in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


_STEPS: dict[str, Callable[[Trace, Names], Step]] = {
    "feature": _feature,
    "status": _status,
    "override": _override,
    "prerequisite": _prerequisite,
    "rollout": _rollout,
    "rule": _rule,
    "schedule": _schedule,
    "audience": _audience,
    "layer": _layer,
    "experiment": _experiment,
}


def steps_of(traces: list[Trace], names: Names) -> Iterator[Step]:
    """All steps, in order."""
    return (step_of(trace, names) for trace in traces)
