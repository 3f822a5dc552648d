"""Every write to features: lock, change, validate, record, advance, in one transaction. One module a noun."""

from features.services.clones import Clone, clone_environment
from features.services.features import (
    archive,
    create_feature,
    edit_feature,
    restore,
    tag,
    untag,
    update_feature,
)
from features.services.overrides import remove_override, set_override
from features.services.prerequisites import remove_prerequisite, set_prerequisite
from features.services.promotion import promote
from features.services.rules import create_rule, delete_rule, reorder_rules, update_rule
from features.services.segments import check_conditions, create_segment, delete_segment, update_segment, users_of
from features.services.states import check_state, features_with, set_rollout, set_state, state_of, switch

__all__ = [
    "Clone",
    "archive",
    "check_conditions",
    "check_state",
    "clone_environment",
    "create_feature",
    "create_rule",
    "create_segment",
    "delete_rule",
    "delete_segment",
    "edit_feature",
    "features_with",
    "promote",
    "remove_override",
    "remove_prerequisite",
    "reorder_rules",
    "restore",
    "set_override",
    "set_prerequisite",
    "set_rollout",
    "set_state",
    "state_of",
    "switch",
    "tag",
    "untag",
    "update_feature",
    "update_rule",
    "update_segment",
    "users_of",
]
