"""The two calls: what a unit got in each layer, and from each flag."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from decisions.engine import validate
from decisions.engine.types import Decision, Experiment, Reason, Subject
from decisions.protocols._base import Call, Kind, Refusal, Reply
from decisions.protocols._fragments import Fragments
from decisions.protocols.abetterchoice import answers, profiles
from decisions.protocols.abetterchoice.answers import Flag, Group
from decisions.protocols.abetterchoice.refusals import SUCCESS, NoProject
from decisions.protocols.abetterchoice.signing import AS_IT_IS

NAMED = 20
"""How many unknown flags an answer names."""


class Filter(msgspec.Struct):
    """Which layers and experiments to answer with; an empty list filters nothing."""

    layer_keys: frozenset[str] | None = None
    experiment_keys: frozenset[str] | None = None


class Ask(msgspec.Struct):
    """Who is asked about. The document writes `profile` in one place and `profiles` in another."""

    project_id: str | int | None = None
    unit_id: str | None = None
    profile: dict[str, Any] | None = None
    profiles: dict[str, Any] | None = None


class AskExperiments(Ask):
    """Which layers, if not all."""

    filter_options: Filter | None = None


class AskFlags(Ask):
    """Which flags, if not all."""

    feature_names: list[str] | None = None


Shape = TypeVar("Shape", bound=Ask)


class Experiments(msgspec.Struct):
    """What a unit got in each layer."""

    exp_data: dict[str, Group]
    ret_code: int = SUCCESS
    msg: str = ""


class Flags(msgspec.Struct):
    """What a unit got from each flag."""

    data: dict[str, Flag]
    ret_code: int = SUCCESS
    msg: str = ""


def get_experiments(call: Call) -> Reply:
    """POST /abc/get_experiments: what a unit got in each layer."""
    ask = asked(call, AskExperiments)
    subject, wanted = subject_of(call, ask), ask.filter_options or Filter()
    layer_keys, experiment_keys = wanted.layer_keys or frozenset(), wanted.experiment_keys or frozenset()
    taken = taken_by(call, subject)
    if len(experiment_keys) == 1:
        seen(call, [taken[key] for key in experiment_keys & taken.keys()], subject)
    return Reply(Experiments(answers.groups(layers_of(call), taken, layer_keys, experiment_keys)))


def get_feature_flags(call: Call) -> Reply:
    """POST /abc/get_feature_flags: what a unit got from the flags that are named, or from all."""
    ask = asked(call, AskFlags)
    subject = subject_of(call, ask)
    if not ask.feature_names:
        hidden = Reason.OFF if call.snapshot.about.hide_disabled_flags else None
        return flags_of(call, [one for one in call.decide_all(subject).values() if one.reason is not hidden])
    names, features = dict.fromkeys(ask.feature_names), call.features
    known, unknown = [name for name in names if name in features], [name for name in names if name not in features]
    if not known:
        raise Refusal(Kind.NOT_FOUND, not_found(unknown), AS_IT_IS)
    decisions = [call.decide(name, subject) for name in known]
    if len(known) + len(unknown) == 1:
        seen(call, decisions, subject)
    return flags_of(call, decisions, not_found(unknown))


def flags_of(call: Call, decisions: Iterable[Decision], message: str = "") -> Reply:
    """The flags by name: each name is encoded with its flag, once a snapshot."""
    named = call.snapshot.keep("abetterchoice.flags", lambda: Fragments(answers.named_flag)).each(decisions)
    data = msgspec.Raw(b"{%b}" % b",".join(named))
    return Reply({"data": data, "ret_code": SUCCESS, "msg": message})


def asked(call: Call, shape: type[Shape]) -> Shape:
    """The question. Fields that nobody knows are read as well, so that whatever is no JSON is found."""
    fields = call.fields()
    try:
        return msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        raise Refusal(Kind.MALFORMED, str(error)) from error


def subject_of(call: Call, ask: Ask) -> Subject:
    """Whom the call is about. Raises `Refusal`: for the project first, then for the unit."""
    project = ask.project_id if isinstance(ask.project_id, str) else str(ask.project_id or "")
    if not project.strip():
        raise NoProject(Kind.INVALID, "required project id", AS_IT_IS)
    about = call.snapshot.about
    if project not in {about.project_key, str(about.project_id)}:
        raise NoProject(Kind.NOT_FOUND, "NOT FOUND: project", AS_IT_IS)
    unit = ask.unit_id or ""
    if not unit.strip():
        raise Refusal(Kind.INVALID, "unit_id must not be empty")
    if complaint := validate.text(unit, length=validate.IDENTIFIER_LENGTH):
        raise Refusal(Kind.INVALID, f"unit_id {complaint}")
    profile = ask.profile if ask.profiles is None else ask.profiles
    bucketing = call.snapshot.keep("abetterchoice.bucketing", lambda: profiles.bucketing_attributes(call.snapshot))
    return call.subject(unit, profiles.attributes(profile or {}, bucketing))


def taken_by(call: Call, subject: Subject) -> dict[str, Decision]:
    """The decisions by which somebody takes part in an experiment, by its key."""
    name = "abetterchoice.experimental", call.grant.can_read
    keys = call.snapshot.keep(
        name, lambda: [key for key, feature in call.definitions.items() if answers.experiments_of(feature)]
    )
    decisions = [call.decide(key, subject) for key in keys]
    return {one.experiment.key: one for one in decisions if one.in_experiment and one.experiment}


def layers_of(call: Call) -> dict[str, list[Experiment]]:
    """The experiments by layer, as far as the key may see them."""
    name = "abetterchoice.layers", call.grant.can_read
    return call.snapshot.keep(name, lambda: answers.layers_of(call.definitions.values(), call.snapshot.layers))


def seen(call: Call, decisions: list[Decision], subject: Subject) -> None:
    """Whoever asks about a single thing is going to use it; all else is fetched ahead, and used perhaps."""
    for decision in decisions:
        call.seen(decision, subject)


def not_found(names: list[str]) -> str:
    """Which flags there are not; not all of them where somebody asks for thousands."""
    more = ", …" if len(names) > NAMED else ""
    return f"NOT FOUND: {', '.join(names[:NAMED])}{more}" if names else ""
