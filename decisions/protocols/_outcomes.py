"""What the outcome of a decision is called, where a protocol wants every one to have a name."""

from decisions.engine.types import Decision, Reason


def outcome_name(decision: Decision) -> str:
    """The variant, the rule, or plainly on or off."""
    if decision.variant:
        return decision.variant.key
    if decision.rule:
        return decision.rule.key
    if decision.reason is Reason.OVERRIDE:
        return "override"
    return "on" if decision.enabled else "off"
