"""Experiments, variants and layers over the management API: find what the caller may see, call one service, answer."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from experiments import services
from experiments.api_filters import ExperimentFilter, LayerFilter
from experiments.api_serializers import (
    ExperimentShape,
    HoldoutShape,
    LayerShape,
    ListedLayerShape,
    NewExperimentShape,
    NewLayerShape,
    NewVariantShape,
    ShippedShape,
    SlotsShape,
    VariantShape,
)
from experiments.models import Experiment, Layer, Variant
from features.api_base import IF_MATCH, EditingViewSet
from features.models import Feature, Segment
from tenants.models import Environment, Project


class ExperimentApi(EditingViewSet):
    """Experiments, each on a feature in an environment."""

    model = Experiment
    serializer_class = ExperimentShape
    filterset_class = ExperimentFilter
    ordering_fields = ("name", "status", "created_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("environment").prefetch_related("slot_ranges")

    def edited(self) -> Experiment:
        """The experiment that the path names, where the caller may edit it."""
        experiment: Experiment = self.editable(self.get_object())
        return experiment

    @extend_schema(request=NewExperimentShape, responses={201: ExperimentShape})
    def create(self, request: Request) -> Response:
        """Create an experiment, as a draft without variants."""
        details = self.linked(self.validated(NewExperimentShape), feature=Feature, audience=Segment)
        environment = self.editable(self.related(Environment, details.pop("environment")))
        feature = details.pop("feature")
        experiment = services.create_experiment(feature, environment, actor=self.actor(), **details)
        return self.stored(experiment, status=201)

    @extend_schema(request=ExperimentShape, responses=ExperimentShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change a name, a seed, a percentage, the audience, or what subjects are bucketed by."""
        experiment = self.edited()
        changes = self.linked(self.validated(ExperimentShape, partial=self.is_partial()), audience=Segment)
        return self.stored(services.update_experiment(self.expect_version(experiment), actor=self.actor(), **changes))

    @extend_schema(request=None, responses=ExperimentShape)
    def start(self, request: Request, pk: int) -> Response:
        """Set an experiment running, if it can assign anybody."""
        return self.stored(services.start(self.edited(), actor=self.actor()))

    @extend_schema(request=None, responses=ExperimentShape)
    def pause(self, request: Request, pk: int) -> Response:
        """Stop assigning: everybody gets the control until it runs again."""
        return self.stored(services.pause(self.edited(), actor=self.actor()))

    @extend_schema(request=None, responses=ExperimentShape)
    def conclude(self, request: Request, pk: int) -> Response:
        """End an experiment."""
        return self.stored(services.conclude(self.edited(), actor=self.actor()))

    @extend_schema(request=ShippedShape, responses=ExperimentShape)
    def ship(self, request: Request, pk: int) -> Response:
        """End an experiment, and give everybody what one of its variants serves."""
        experiment = self.edited()
        variant = self.related(Variant, self.validated(ShippedShape)["variant"])
        return self.stored(services.ship(experiment, variant=variant, actor=self.actor()))

    @extend_schema(request=SlotsShape, responses=ExperimentShape)
    def slots(self, request: Request, pk: int) -> Response:
        """Put an experiment into a layer, or make what it holds there larger or smaller."""
        experiment = self.edited()
        given = self.linked(self.validated(SlotsShape), layer=Layer)
        return self.stored(services.hold_slots(experiment, actor=self.actor(), **given))

    @extend_schema(request=None, responses=ExperimentShape)
    def release(self, request: Request, pk: int) -> Response:
        """Take an experiment out of its layer."""
        return self.stored(services.release_slots(self.edited(), actor=self.actor()))


class VariantsApi(EditingViewSet):
    """The arms of an experiment."""

    model = Variant
    serializer_class = VariantShape

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(experiment=self.related(Experiment, self.kwargs["experiment_id"]))

    @extend_schema(request=NewVariantShape, responses={201: VariantShape})
    def create(self, request: Request, experiment_id: int) -> Response:
        """Add an arm to an experiment."""
        experiment = self.editable(self.related(Experiment, experiment_id))
        variant = services.create_variant(experiment, actor=self.actor(), **self.validated(NewVariantShape))
        return self.stored(variant, status=201)


class VariantApi(EditingViewSet):
    """One arm."""

    model = Variant
    serializer_class = VariantShape

    @extend_schema(request=VariantShape, responses=VariantShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change an arm's weight, control mark, value or payload."""
        variant = self.editable(self.get_object())
        changes = self.validated(VariantShape, partial=self.is_partial())
        return self.stored(services.update_variant(self.expect_version(variant), actor=self.actor(), **changes))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Take an arm away from an experiment that is not running."""
        services.remove_variant(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)


class LayerApi(EditingViewSet):
    """Layers of a project."""

    model = Layer
    serializer_class = LayerShape
    list_serializer_class = ListedLayerShape
    filterset_class = LayerFilter
    ordering_fields = ("name", "key", "created_at")

    @extend_schema(request=NewLayerShape, responses={201: LayerShape})
    def create(self, request: Request) -> Response:
        """Create a layer, all of its slots free."""
        details = self.validated(NewLayerShape)
        project = self.editable(self.related(Project, details.pop("project")))
        return self.stored(services.create_layer(project, actor=self.actor(), **details), status=201)

    @extend_schema(request=ListedLayerShape, responses=LayerShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Rename a layer."""
        layer = self.editable(self.get_object())
        changes = self.validated(ListedLayerShape, partial=self.is_partial())
        return self.stored(services.update_layer(self.expect_version(layer), actor=self.actor(), **changes))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Remove a layer of which nobody holds a slot."""
        services.delete_layer(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)

    @extend_schema(request=HoldoutShape, responses=LayerShape)
    def holdout(self, request: Request, pk: int) -> Response:
        """Reserve slots for nobody in one environment; it takes the right to edit there."""
        layer, given = self.get_object(), self.validated(HoldoutShape)
        environment = self.editable(self.related(Environment, given["environment"]))
        services.set_holdout(layer, environment, slots=given["slots"], actor=self.actor())
        return self.stored(layer)
