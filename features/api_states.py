"""A feature in one environment over the management API: its state, rules, overrides and prerequisites."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from features import services
from features.api_base import IF_MATCH, EditingViewSet, StateBound
from features.api_serializers import (
    OverrideShape,
    PrerequisiteShape,
    RolloutShape,
    RuleOrderShape,
    RuleShape,
    StateShape,
    ToggleShape,
)
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment, StatusChoice
from features.services.states import locked_state


class StateApi(StateBound):
    """What a feature does in one environment."""

    model = FeatureState
    serializer_class = StateShape

    @extend_schema(responses=StateShape)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What a feature does in one environment."""
        return self.shown(services.state_of(*self.place()))

    @extend_schema(request=StateShape, responses=StateShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, feature_id: int, environment_id: int) -> Response:
        """Change a status, values, a percentage, a schedule or the active experiment."""
        feature, environment = self.edited_place()
        changes = self.linked(self.validated(StateShape, partial=self.is_partial()), active_experiment=experiments())
        self.expect_version(services.state_of(feature, environment))
        return self.stored(services.set_state(feature, environment, actor=self.actor(), **changes))

    @extend_schema(request=ToggleShape, responses=StateShape)
    @transaction.atomic
    def toggle(self, request: Request, feature_id: int, environment_id: int) -> Response:
        """Turn a feature on or off; without a status, off if it is anything but off."""
        feature, environment = self.edited_place()
        is_off = locked_state(feature, environment).status == StatusChoice.OFF
        status = self.validated(ToggleShape).get("status", StatusChoice.ON if is_off else StatusChoice.OFF)
        return self.stored(services.switch(feature, environment, status=status, actor=self.actor()))

    @extend_schema(request=RolloutShape, responses=StateShape)
    def rollout(self, request: Request, feature_id: int, environment_id: int) -> Response:
        """Set how many of the subjects get the on value."""
        feature, environment = self.edited_place()
        percent = self.validated(RolloutShape)["percent"]
        return self.stored(services.set_rollout(feature, environment, percent=percent, actor=self.actor()))


class StatePartApi(StateBound):
    """What belongs to a state, listed under it."""

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("state")
        if "feature_id" not in self.kwargs or getattr(self, "swagger_fake_view", False):
            return rows
        feature, environment = self.place()
        return rows.filter(state__feature=feature, state__environment=environment)


class RulesApi(StatePartApi):
    """The rules of a state, in the order in which they are tried."""

    model = Rule
    serializer_class = RuleShape

    @extend_schema(request=RuleShape, responses={201: RuleShape})
    def create(self, request: Request, feature_id: int, environment_id: int) -> Response:
        """Add a rule, tried after those that are there already."""
        feature, environment = self.edited_place()
        details = self.linked(self.validated(RuleShape), segment=Segment, experiment=experiments())
        return self.stored(services.create_rule(feature, environment, actor=self.actor(), **details), status=201)

    @extend_schema(request=RuleOrderShape, responses=RuleShape(many=True))
    def reorder(self, request: Request, feature_id: int, environment_id: int) -> Response:
        """Put all rules of a state in a new order."""
        feature, environment = self.edited_place()
        keys = self.validated(RuleOrderShape)["keys"]
        rules = services.reorder_rules(feature, environment, keys=keys, actor=self.actor())
        return Response(self.get_serializer(rules, many=True).data)


class RuleApi(EditingViewSet):
    """One rule."""

    model = Rule
    serializer_class = RuleShape

    @extend_schema(request=RuleShape, responses=RuleShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change whom a rule means, and what it serves."""
        rule = self.editable(self.get_object())
        found = self.validated(RuleShape, partial=self.is_partial())
        changes = self.linked(found, segment=Segment, experiment=experiments())
        locked_state(rule.state.feature, rule.state.environment)  # the service locks it first as well
        return self.stored(services.update_rule(self.expect_version(rule), actor=self.actor(), **changes))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Remove a rule."""
        services.delete_rule(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)


class OverrideApi(StatePartApi):
    """What single subjects get. PUT makes an override, or replaces one: then it needs `If-Match`."""

    model = Override
    serializer_class = OverrideShape
    lookup_field = "identifier"

    @extend_schema(request=OverrideShape, responses={200: OverrideShape, 201: OverrideShape}, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, feature_id: int, environment_id: int, identifier: str) -> Response:
        """Set what a subject gets."""
        feature, environment = self.edited_place()
        values = self.validated(OverrideShape)
        found = locked_state(feature, environment).overrides.filter(identifier=identifier).first()
        if found:
            self.expect_version(found)
        override = services.set_override(feature, environment, identifier=identifier, actor=self.actor(), **values)
        return self.stored(override, status=200 if found else 201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, feature_id: int, environment_id: int, identifier: str) -> Response:
        """Let a subject get what everybody gets."""
        services.remove_override(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)


class PrerequisiteApi(StatePartApi):
    """Features that this one waits for. PUT adds one, or replaces what is asked of it: then it needs `If-Match`."""

    model = Prerequisite
    serializer_class = PrerequisiteShape

    def get_object(self) -> Prerequisite:
        required = self.related(Feature, self.kwargs["required_id"])
        found: Prerequisite = get_object_or_404(self.get_queryset(), feature=required)
        return found

    @extend_schema(
        request=PrerequisiteShape, responses={200: PrerequisiteShape, 201: PrerequisiteShape}, parameters=[IF_MATCH]
    )
    @transaction.atomic
    def update(self, request: Request, feature_id: int, environment_id: int, required_id: int) -> Response:
        """Set what another feature must answer first."""
        (feature, environment), required = self.edited_place(), self.related(Feature, required_id)
        values = self.validated(PrerequisiteShape)
        found = locked_state(feature, environment).prerequisites.filter(feature=required).first()
        if found:
            self.expect_version(found)
        row = services.set_prerequisite(feature, environment, required=required, actor=self.actor(), **values)
        return self.stored(row, status=200 if found else 201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, feature_id: int, environment_id: int, required_id: int) -> Response:
        """Wait for a feature no longer."""
        services.remove_prerequisite(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)


def experiments() -> type[Any]:
    """The model that a state names its experiment by: it stands in an app above this one."""
    model = FeatureState._meta.get_field("active_experiment").related_model
    assert isinstance(model, type)  # noqa: S101
    return model
