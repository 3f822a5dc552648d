"""Experiments and layers in the admin, and what was seen of them. One module a noun."""

from experiments.admin.experiments import ExperimentAdmin
from experiments.admin.layers import LayerAdmin
from experiments.admin.observations import EventAdmin, ExposureAdmin

__all__ = ["EventAdmin", "ExperimentAdmin", "ExposureAdmin", "LayerAdmin"]
