"""Engine values and vectors for tests: no database, no framework."""

import json
from pathlib import Path
from typing import Any

from decisions.engine.evaluate import compile_snapshot, decide
from decisions.engine.types import Decision, Experiment, Feature, Status, Subject, Variant

VECTORS = Path(__file__).parent / "vectors"
HALVES = {"control": 50, "treatment": 50}


def vectors(name: str) -> dict[str, list[dict[str, Any]]]:
    """The vectors in one file: a list of cases under each heading."""
    found: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / f"{name}.json").read_text())
    return found


def arms(weights: dict[str, int], control: str = "control") -> tuple[Variant, ...]:
    """Variants from keys and weights, the one named control marked as such."""
    return tuple(Variant(key=key, weight=weight, is_control=key == control) for key, weight in weights.items())


def an_experiment(**changes: Any) -> Experiment:
    """A running experiment: control and treatment, half and half, for everybody."""
    weights = changes.pop("weights", HALVES)
    return Experiment(
        **{"public_id": "exp-001", "key": "colours", "seed": "2024q4", "variants": arms(weights), **changes}
    )


def a_feature(experiment: Experiment | None = None, **changes: Any) -> Feature:
    """A feature that runs the experiment, if one is given; else one that is on."""
    status = Status.ON if experiment is None else Status.EXPERIMENT
    return Feature(**{"key": "button", "status": status, "experiment": experiment, **changes})


def decided(feature: Feature, key: str | None = "user-1", **attributes: Any) -> Decision:
    """What one subject gets from one feature."""
    return decide(compile_snapshot([feature]), feature.key, Subject(key, attributes))


def arms_of(experiment: Experiment, users: int = 10_000) -> dict[str, str | None]:
    """Who gets which arm; None for those who are outside."""
    snapshot = compile_snapshot([a_feature(experiment)])
    found: dict[str, str | None] = {}
    for number in range(users):
        decision = decide(snapshot, "button", Subject(f"user-{number}"))
        found[f"user-{number}"] = decision.variant.key if decision.in_experiment and decision.variant else None
    return found
