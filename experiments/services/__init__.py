"""Every write to experiments: lock, change, validate, record, advance, in one transaction. One module a noun."""

from experiments.services.experiments import (
    conclude,
    create_experiment,
    pause,
    ship,
    start,
    start_complaint,
    update_experiment,
)
from experiments.services.layers import (
    create_layer,
    delete_layer,
    hold_slots,
    holders_of,
    release_slots,
    set_holdout,
    update_layer,
)
from experiments.services.variants import create_variant, remove_variant, update_variant

__all__ = [
    "conclude",
    "create_experiment",
    "create_layer",
    "create_variant",
    "delete_layer",
    "hold_slots",
    "holders_of",
    "pause",
    "release_slots",
    "remove_variant",
    "set_holdout",
    "ship",
    "start",
    "start_complaint",
    "update_experiment",
    "update_layer",
    "update_variant",
]
