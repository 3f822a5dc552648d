"""How edits of features are taken back, by the name of the action. Named by `settings.AUDIT_REVERTS`."""

from typing import Any

from django.core.exceptions import ValidationError

from audits.models import Change
from audits.reverts import Edit, Undo, check_unmoved, decoded, fields_back, gone_again, permitted, row_of
from audits.services import Actor
from features import services
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment
from tenants.models import Project
from tenants.roles import Right

EDIT = Right.EDIT


def feature_back(change: Change, user: Any) -> Edit:
    """Archiving has its own conditions, in both directions; everything else is a field."""
    feature = row_of(Feature, change, user, EDIT)
    check_unmoved(feature, change)
    if "archived_at" not in change.before:
        values = decoded(feature, change.before)
        return lambda actor: services.update_feature(feature, actor=actor, **values)
    return lambda actor: (services.archive if change.before["archived_at"] else services.restore)(feature, actor=actor)


def state_back(change: Change, user: Any) -> Edit:
    """What a feature does in one environment. The change names the feature, and its place the environment."""
    states = FeatureState.objects.filter(feature=change.object_id, environment=change.environment_id)
    if not states.exists():
        raise ValidationError(f"{change.object_name} is not there any more.")
    state = permitted(states.select_related("feature", "environment__project"), user, EDIT)
    check_unmoved(state, change)
    values = decoded(state, change.before)
    return lambda actor: services.set_state(state.feature, state.environment, actor=actor, **values)


def order_back(change: Change, user: Any) -> Edit:
    """The order of rules."""
    state = row_of(FeatureState, change, user, EDIT)
    keys = list(state.rules.order_by("position", "pk").values_list("key", flat=True))
    if keys != change.after["keys"]:
        raise ValidationError(f"The rules of {state} were changed again since. Revert the later change first.")
    return lambda actor: services.reorder_rules(
        state.feature, state.environment, keys=change.before["keys"], actor=actor
    )


def rule_again(change: Change, user: Any) -> Edit:
    """A rule that was deleted, in its place if the others are still there."""
    state, kept = _removed(change, user)
    values = decoded(Rule(state=state), kept)
    position = values.pop("position", None)

    def make(actor: Actor) -> None:
        keys = list(state.rules.order_by("position", "pk").values_list("key", flat=True))
        made = services.create_rule(state.feature, state.environment, actor=actor, **values)
        if position is not None and position < len(keys):
            keys.insert(position, made.key)
            services.reorder_rules(state.feature, state.environment, keys=keys, actor=actor)

    return make


def override_back(change: Change, user: Any) -> Edit:
    """What one subject gets: what it got before, or nothing of its own."""
    override = row_of(Override, change, user, EDIT)
    check_unmoved(override, change)
    if not change.before:
        return lambda actor: services.remove_override(override, actor=actor)
    kept = {name: getattr(override, name) for name in ("identifier", "value", "expires_at", "note")}
    values = kept | decoded(override, change.before)
    state = override.state
    return lambda actor: services.set_override(state.feature, state.environment, actor=actor, **values)


def override_again(change: Change, user: Any) -> Edit:
    """An override that was removed."""
    state, kept = _removed(change, user)
    values = decoded(Override(state=state), kept)
    if state.overrides.filter(identifier=values["identifier"]).exists():
        raise ValidationError(f"{values['identifier']} has another override by now.")
    return lambda actor: services.set_override(state.feature, state.environment, actor=actor, **values)


def prerequisite_back(change: Change, user: Any) -> Edit:
    """What a feature waits for: what it waited for before, or nothing."""
    prerequisite = row_of(Prerequisite, change, user, EDIT)
    check_unmoved(prerequisite, change)
    if not change.before:
        return lambda actor: services.remove_prerequisite(prerequisite, actor=actor)
    kept = {name: getattr(prerequisite, name) for name in ("enabled", "needs_value", "value")}
    values, state = kept | decoded(prerequisite, change.before), prerequisite.state
    return lambda actor: services.set_prerequisite(
        state.feature, state.environment, required=prerequisite.feature, actor=actor, **values
    )


def prerequisite_again(change: Change, user: Any) -> Edit:
    """A prerequisite that was removed."""
    state, kept = _removed(change, user)
    values = decoded(Prerequisite(state=state), kept)
    required = values.pop("feature")
    if state.prerequisites.filter(feature=required).exists():
        raise ValidationError(f"{state.feature} waits for {required} again by now.")
    return lambda actor: services.set_prerequisite(
        state.feature, state.environment, required=required, actor=actor, **values
    )


def segment_again(change: Change, user: Any) -> Edit:
    """A segment that was deleted."""
    project = permitted(Project.objects.filter(pk=change.project_id), user, EDIT)
    values = {"name": change.before["key"], **change.before}
    return lambda actor: services.create_segment(project, actor=actor, **values)


def _removed(change: Change, user: Any) -> tuple[FeatureState, dict[str, Any]]:
    """The state that a part was removed from, and the part."""
    values = dict(change.before)
    here = FeatureState.objects.in_environment(change.environment_id or 0)
    states = here.filter(feature__project=change.project_id, feature__key=values.pop("of", ""))
    if not states.exists():
        raise ValidationError("This change does not say enough to make again what it removed.")
    return permitted(states.select_related("feature", "environment__project"), user, EDIT), values


REVERTS: dict[str, Undo] = {
    "feature.created": gone_again(Feature, EDIT, services.archive),
    "feature.updated": feature_back,
    "feature.switched": state_back,
    "rule.created": gone_again(Rule, EDIT, services.delete_rule),
    "rule.updated": fields_back(Rule, EDIT, services.update_rule),
    "rule.deleted": rule_again,
    "rules.reordered": order_back,
    "override.set": override_back,
    "override.removed": override_again,
    "prerequisite.set": prerequisite_back,
    "prerequisite.removed": prerequisite_again,
    "segment.created": gone_again(Segment, EDIT, services.delete_segment),
    "segment.updated": fields_back(Segment, EDIT, services.update_segment),
    "segment.deleted": segment_again,
}
