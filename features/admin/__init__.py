"""Flags, their states and segments in the admin, and what was seen of them. One module a noun."""

from audits import theme
from features.admin.features import FeatureAdmin
from features.admin.observations import IdentityAdmin, UsageAdmin
from features.admin.promotion import promotion
from features.admin.segments import SegmentAdmin
from features.admin.states import FeatureStateAdmin

__all__ = ["FeatureAdmin", "FeatureStateAdmin", "IdentityAdmin", "SegmentAdmin", "UsageAdmin"]

theme.page("promotion/", promotion, name="promotion")
