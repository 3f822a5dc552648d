"""Experiments and variants over REST: find what the caller may see, call one service, answer."""

from django.core.exceptions import ValidationError
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from experiments import services
from experiments.models import Experiment, ExperimentStatus, Variant
from experiments.serializers import (
    ExperimentChanges,
    ExperimentSerializer,
    NewExperiment,
    NewVariant,
    VariantChanges,
    VariantSerializer,
)
from features.views import feature_at
from tenants.models import Environment
from tenants.rest import actor_of, body_of, environment_of


class FeatureExperimentViewSet(ViewSet):
    """The experiments on one feature."""

    @extend_schema(responses=ExperimentSerializer(many=True))
    def list(self, request: Request, feature_id: str) -> Response:
        """List a feature's experiments in the order of their creation."""
        environment = environment_of(request)
        feature = feature_at(feature_id, environment)
        rows = Experiment.objects.in_environment(environment.pk).filter(feature=feature).select_related("feature")
        return Response(ExperimentSerializer(rows.order_by("number"), many=True).data)

    @extend_schema(request=NewExperiment, responses=ExperimentSerializer)
    def create(self, request: Request, feature_id: str) -> Response:
        """Create an experiment as a draft."""
        body = body_of(request, NewExperiment)
        environment = environment_of(request)
        feature = feature_at(feature_id, environment)
        experiment = services.create_experiment(feature, environment, actor=actor_of(request), **body.model_dump())
        return Response(ExperimentSerializer(experiment).data)


class ExperimentViewSet(ViewSet):
    """One experiment."""

    @extend_schema(responses=ExperimentSerializer)
    def retrieve(self, request: Request, experiment_id: str) -> Response:
        """One experiment."""
        return Response(ExperimentSerializer(experiment_at(experiment_id, environment_of(request))).data)

    @extend_schema(request=ExperimentChanges, responses=ExperimentSerializer)
    def partial_update(self, request: Request, experiment_id: str) -> Response:
        """Change an experiment's name, seed, status or percentage."""
        body = body_of(request, ExperimentChanges)
        experiment = experiment_at(experiment_id, environment_of(request))
        changes = body.model_dump(exclude_none=True)
        if changes.get("status", ExperimentStatus.DRAFT) not in ExperimentStatus.values:
            raise ValidationError("invalid status")
        experiment = services.update_experiment(experiment, actor=actor_of(request), **changes)
        return Response(ExperimentSerializer(experiment).data)


class ExperimentVariantViewSet(ViewSet):
    """The variants of one experiment."""

    @extend_schema(responses=VariantSerializer(many=True))
    def list(self, request: Request, experiment_id: str) -> Response:
        """List an experiment's variants in the order of their creation."""
        experiment = experiment_at(experiment_id, environment_of(request))
        rows = experiment.variants.select_related("experiment").order_by("number")
        return Response(VariantSerializer(rows, many=True).data)

    @extend_schema(request=NewVariant, responses=VariantSerializer)
    def create(self, request: Request, experiment_id: str) -> Response:
        """Add a variant."""
        body = body_of(request, NewVariant)
        experiment = experiment_at(experiment_id, environment_of(request))
        variant = services.create_variant(experiment, actor=actor_of(request), **body.model_dump())
        return Response(VariantSerializer(variant).data)


class VariantViewSet(ViewSet):
    """One variant."""

    @extend_schema(request=VariantChanges, responses=VariantSerializer)
    def partial_update(self, request: Request, variant_id: str) -> Response:
        """Change a variant's weight, control mark or payload."""
        body = body_of(request, VariantChanges)
        variant = variant_at(variant_id, environment_of(request))
        variant = services.update_variant(variant, actor=actor_of(request), **body.model_dump(exclude_none=True))
        return Response(VariantSerializer(variant).data)


def experiment_at(experiment_id: str, environment: Environment) -> Experiment:
    """The environment's experiment with this public id, or 404."""
    found = Experiment.objects.in_environment(environment.pk).with_public_id(experiment_id)
    experiment = found.select_related("feature", "environment").first()
    if experiment is None:
        raise Http404("experiment not found")
    return experiment


def variant_at(variant_id: str, environment: Environment) -> Variant:
    """The environment's variant with this public id, or 404."""
    found = Variant.objects.in_environment(environment.pk).with_public_id(variant_id)
    variant = found.select_related("experiment").first()
    if variant is None:
        raise Http404("variant not found")
    return variant
