"""What starting, pausing and concluding an experiment would do, said before it is done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from audits import theme
from audits.services import Actor
from decisions.engine import types as engine
from decisions.engine.choices.outcomes import served_value
from experiments import services
from experiments.compile import compiled
from experiments.models import SLOTS, Experiment, ExperimentStatus, Variant
from experiments.splits import split_of
from features.models import FeatureState, StatusChoice
from features.services import set_state, state_of

FINE, DOUBTFUL, IMPOSSIBLE = "fine", "doubtful", "impossible"


@dataclass(slots=True)
class Plan:
    """What a verb would do: what was checked, each with how well it stands, and what will happen."""

    verb: str
    title: str
    button: str
    checks: list[tuple[str, str]] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    variants: list[tuple[Variant, str]] = field(default_factory=list)
    can_serve: bool = False
    needs_winner: bool = False

    @property
    def is_possible(self) -> bool:
        return all(level != IMPOSSIBLE for level, _ in self.checks)


def plan_of(verb: str, experiment: Experiment) -> Plan:
    """What a verb would do to an experiment as it is now."""
    return PLANS[verb](experiment, list(experiment.variants.order_by("number")))


@transaction.atomic
def carry_out(verb: str, experiment: Experiment, *, serve: bool, winner: Variant | None, actor: Actor) -> str:
    """Do it, by the services; answers what was done."""
    if verb == "start":
        services.start(experiment, actor=actor)
        if serve:
            changes = {"status": StatusChoice.EXPERIMENT, "active_experiment": experiment}
            set_state(experiment.feature, experiment.environment, actor=actor, **changes)
        return f"{experiment} is running."
    if verb == "pause":
        services.pause(experiment, actor=actor)
        return f"{experiment} is paused."
    if winner:
        services.ship(experiment, variant=winner, actor=actor)
        return f"{experiment} is concluded, and everybody gets {winner}."
    services.conclude(experiment, actor=actor)
    return f"{experiment} is concluded."


def _start(experiment: Experiment, variants: list[Variant]) -> Plan:
    plan = Plan("start", f"Start {experiment}?", "Start the experiment")
    if experiment.status == ExperimentStatus.RUNNING:
        plan.checks.append((IMPOSSIBLE, "It is running already."))
        return plan
    plan.checks = [*_assigns(experiment, variants), *_serves(experiment), *_reaches(experiment)]
    state = state_of(experiment.feature, experiment.environment)
    plan.can_serve = not _is_served(experiment, state)
    plan.effects = [f"Its subjects are split: {split_in_words(variants)}."]
    plan.effects.append(f"Whoever takes no part gets {_rest(experiment, variants)}.")
    if experiment.status == ExperimentStatus.CONCLUDED:
        plan.effects.append("It was concluded before. The same subjects get the same variants again.")
    return plan


def _pause(experiment: Experiment, variants: list[Variant]) -> Plan:
    plan = Plan("pause", f"Pause {experiment}?", "Pause the experiment")
    if experiment.status == ExperimentStatus.RUNNING:
        plan.checks.append((FINE, "It is running now."))
    else:
        plan.checks.append((IMPOSSIBLE, f"It is not running: it is {experiment.get_status_display().lower()}."))
    plan.effects = [
        f"Nobody is assigned any more: everybody gets {_rest(experiment, variants)}.",
        "What was seen so far stays. Started again, the same subjects get the same variants.",
    ]
    return plan


def _conclude(experiment: Experiment, variants: list[Variant]) -> Plan:
    plan = Plan("conclude", f"Conclude {experiment}?", "Conclude the experiment")
    split = split_of(experiment, variants)
    if experiment.status == ExperimentStatus.CONCLUDED:
        plan.title, plan.button = f"Ship a variant of {experiment}?", "Ship it"
        plan.needs_winner = True
        plan.checks.append((FINE, "It is concluded. Its winner can still be shipped."))
    if not split.total:
        plan.checks.append((DOUBTFUL, "Nobody met any of its variants yet."))
    elif split.is_mismatched:
        how = f"Its subjects are not split as planned ({probable(split.probability)})"
        plan.checks.append((DOUBTFUL, f"{how}. Do not trust a winner before you know why."))
    else:
        plan.checks.append(
            (FINE, f"{split.total:,} subjects met it, split as planned ({probable(split.probability)}).")
        )
    plan.variants = [(variant, theme.compact(_served(experiment, variant))) for variant in variants]
    state = state_of(experiment.feature, experiment.environment)
    where = f"{experiment.feature} is on in {experiment.environment.name}"
    plan.effects = [
        f"Without a winner: nobody is assigned any more, and everybody gets {_rest(experiment, variants)}.",
        f"With a winner: {where} and serves its value to everybody, 100 %.",
    ]
    if count := state.rules.filter(experiment=experiment).count():
        plan.effects.append(f"With a winner: {_rules(count)} that led to the experiment serve its value.")
    if state.steps or state.ramp:
        plan.effects.append("With a winner: the feature's planned steps and ramp go, because they would undo it.")
    return plan


PLANS: dict[str, Callable[[Experiment, list[Variant]], Plan]] = {
    "start": _start, "pause": _pause, "conclude": _conclude,
}  # fmt: skip


def split_in_words(variants: list[Variant]) -> str:
    """Every variant with its share: control 50 %, treatment 50 %."""
    whole = sum(variant.weight for variant in variants) or 1
    shares = (f"{variant} {100 * variant.weight / whole:.3g} %" for variant in variants)
    return ", ".join(shares) or "there are no variants"


def probable(probability: float) -> str:
    """A p-value as people write it."""
    return "p < 0.0001" if probability < 0.0001 else f"p = {probability:.2g}"


def _assigns(experiment: Experiment, variants: list[Variant]) -> list[tuple[str, str]]:
    """Whether its variants can be given to anybody, and differ."""
    if complaint := services.start_complaint(experiment):
        return [(IMPOSSIBLE, complaint)]
    found = [(FINE, f"It has {len(variants)} variants with weights.")]
    values = [theme.compact(_served(experiment, variant)) for variant in variants]
    if len(set(values)) < len(values):
        found.append((DOUBTFUL, "Some of its variants serve the same value."))
    if not any(variant.is_control for variant in variants):
        found.append((DOUBTFUL, "No variant is the control: whoever takes no part gets the off value."))
    return found


def _serves(experiment: Experiment) -> list[tuple[str, str]]:
    """Whether its feature asks it."""
    feature, where = experiment.feature, experiment.environment.name
    if feature.archived_at:
        return [(DOUBTFUL, f"{feature} is archived: nobody is given anything of it.")]
    state = state_of(feature, experiment.environment)
    if _is_served(experiment, state):
        return [(FINE, f"{feature} serves it in {where}.")]
    status = StatusChoice(state.status).label.lower()
    if state.status == StatusChoice.EXPERIMENT and state.active_experiment:
        status = f"in another experiment, {state.active_experiment}"
    return [(DOUBTFUL, f"{feature} is {status} in {where} and does not serve this experiment.")]


def _is_served(experiment: Experiment, state: FeatureState) -> bool:
    is_active = state.status == StatusChoice.EXPERIMENT and state.active_experiment_id == experiment.pk
    is_ruled = state.status != StatusChoice.OFF and state.rules.filter(experiment=experiment, is_on=True).exists()
    return is_active or is_ruled


def _reaches(experiment: Experiment) -> list[tuple[str, str]]:
    """Whether anybody can take part."""
    part, said = float(experiment.rollout_percent), [f"rollout {theme.percent(experiment.rollout_percent)} %"]
    if experiment.layer:
        slots = sum(held.end - held.start for held in experiment.slot_ranges.all())
        part *= slots / SLOTS
        said.append(f"{slots:,} of {SLOTS:,} slots of layer {experiment.layer}")
    whom = f" of those in segment {experiment.audience}" if experiment.audience else " of everybody"
    if not part:
        return [(DOUBTFUL, f"Nobody can take part: {', '.join(said)}.")]
    return [(FINE, f"{part:.4g} %{whom} take part ({', '.join(said)}).")]


def _served(experiment: Experiment, variant: Variant) -> Any:
    return served_value(engine.Feature(experiment.feature.key), compiled(variant))


def _rest(experiment: Experiment, variants: list[Variant]) -> str:
    """What those get who take no part."""
    control = next((variant for variant in variants if variant.is_control), None)
    if control is None:
        return "the feature's off value"
    return f"the control's value, {theme.compact(_served(experiment, control))}"


def _rules(count: int) -> str:
    return "the rule" if count == 1 else f"the {count} rules"
