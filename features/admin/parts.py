"""What belongs to a feature in one environment, on its page: rules, overrides and prerequisites."""

from typing import Any

from django.http import HttpRequest

from audits.services import Actor
from decisions.engine.conditions.sentences import sentence
from features import services
from features.admin.editors import RolloutInput, StepsInput
from features.admin.part_forms import (
    OverrideForm,
    OverrideFormSet,
    PartFormSet,
    PrerequisiteForm,
    PrerequisiteFormSet,
    RuleForm,
    RuleFormSet,
)
from features.admin.places import editable_environments
from features.models import Override, Prerequisite, Rule
from tenants.admin_base import TenantInline, primary_key
from tenants.roles import Right

WIDGETS = {"rollout_percent": RolloutInput, "steps": StepsInput}


class PartInline(TenantInline):
    """What belongs to a state."""

    formset = PartFormSet
    rights_of_choices = {"segment": Right.READ, "experiment": Right.READ, "feature": Right.READ}
    article, empty = "a", ""

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.state = obj
        return formset

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.environment_id in editable_environments(request, obj.feature.project_id)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)


class RuleInline(PartInline):
    """Whom it means gets its value. The rules are tried in their order."""

    model = Rule
    form = RuleForm
    formset = RuleFormSet
    template = "admin/features/parts/rules.html"
    empty = "No rules: everybody is treated alike."
    fields = ["place", "description", "segment", "conditions", "value", "rollout_percent", "experiment", "is_on"]
    fields += ["steps", "ramp"]
    ordering = ["position", "pk"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if widget := WIDGETS.get(db_field.name):
            kwargs["widget"] = widget()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        return services.create_rule(parent.feature, parent.environment, **values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        return services.update_rule(row, actor=actor, **changes)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.delete_rule(row, actor=actor)


class OverrideInline(PartInline):
    """What single subjects get."""

    model = Override
    form = OverrideForm
    formset = OverrideFormSet
    template = "admin/features/parts/rows.html"
    article, empty = "an", "No overrides: nobody is an exception."
    fields = ["identifier", "value", "expires_at", "note"]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.asked = primary_key(request.GET.get("overrides", 1))
        return formset

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        return services.set_override(parent.feature, parent.environment, **values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        given = stored(row, "identifier", "value", "expires_at", "note") | changes
        return services.set_override(row.state.feature, row.state.environment, **given, actor=actor)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.remove_override(row, actor=actor)


class PrerequisiteInline(PartInline):
    """What other features must answer first."""

    model = Prerequisite
    form = PrerequisiteForm
    formset = PrerequisiteFormSet
    template = "admin/features/parts/rows.html"
    empty = "No prerequisites: this feature waits for no other."
    fields = ["feature", "enabled", "needs_value", "value"]

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        given = {**values, "required": values["feature"]}
        del given["feature"]
        return services.set_prerequisite(parent.feature, parent.environment, **given, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        given = stored(row, "enabled", "needs_value", "value") | changes
        state = row.state
        return services.set_prerequisite(state.feature, state.environment, required=row.feature, **given, actor=actor)

    def remove(self, row: Any, *, actor: Actor) -> object:
        return services.remove_prerequisite(row, actor=actor)


def stored(row: Any, *names: str) -> dict[str, Any]:
    """What a row has in the database: a form has written on the one in memory."""
    return dict(type(row).objects.filter(pk=row.pk).values(*names).get())


def whom(rule: Rule) -> str:
    """Whom a rule means, in words."""
    said = [f"in segment {rule.segment}"] if rule.segment else []
    return " and ".join([*said, *([sentence(rule.conditions)] if rule.conditions is not None else [])])
