"""Flags, their states and segments in the admin. One module a noun."""

from features.admin.features import FeatureAdmin
from features.admin.segments import SegmentAdmin
from features.admin.states import FeatureStateAdmin

__all__ = ["FeatureAdmin", "FeatureStateAdmin", "SegmentAdmin"]
