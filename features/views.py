"""Features over REST: find what the caller may see, call one service, answer."""

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from features import services
from features.models import Feature, FeatureState, StatusChoice
from features.serializers import FeatureChanges, FeatureQuery, FeatureSerializer, NewFeature
from tenants.models import Environment
from tenants.rest import actor_of, body_of, environment_of

if TYPE_CHECKING:
    from django.db.models import Model

LIMIT_MAX = 1_000


class FeatureViewSet(ViewSet):
    """The features of one environment."""

    @extend_schema(
        parameters=[OpenApiParameter("status", str, enum=StatusChoice.values), OpenApiParameter("limit", int)],
        responses=FeatureSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """List features in the order of their creation."""
        query = FeatureQuery.model_validate(request.query_params.dict())
        environment = environment_of(request)
        features = Feature.objects.in_project(environment.project_id).live().order_by("number")
        if query.status is not None:
            features = features.filter(pk__in=services.features_with(status_named(query.status), environment))
        if query.limit < 1:
            raise ValidationError("invalid query limit_range")
        states = FeatureState.objects.of_features(features[: min(query.limit, LIMIT_MAX)], environment.pk)
        return Response(FeatureSerializer(states, many=True).data)

    @extend_schema(request=NewFeature, responses=FeatureSerializer)
    def create(self, request: Request) -> Response:
        """Create a feature, off everywhere."""
        body = body_of(request, NewFeature)
        environment = environment_of(request)
        feature = services.create_feature(environment.project, key=body.key, name=body.name, actor=actor_of(request))
        return shown(services.state_of(feature, environment))

    @extend_schema(responses=FeatureSerializer)
    def retrieve(self, request: Request, feature_id: str) -> Response:
        """One feature."""
        environment = environment_of(request)
        return shown(services.state_of(feature_at(feature_id, environment), environment))

    @extend_schema(request=FeatureChanges, responses=FeatureSerializer)
    def partial_update(self, request: Request, feature_id: str) -> Response:
        """Change a feature's name, its status, or which experiment is active."""
        body = body_of(request, FeatureChanges)
        environment = environment_of(request)
        feature = feature_at(feature_id, environment)
        changes = state_changes(body, services.state_of(feature, environment))
        actor = actor_of(request)
        return shown(services.edit_feature(feature, environment, actor=actor, name=body.name, state=changes))


def feature_at(feature_id: str, environment: Environment) -> Feature:
    """The live feature with this public id in the environment's project, or 404."""
    features = Feature.objects.in_project(environment.project_id).live()
    try:
        return get_object_or_404(features.with_public_id(feature_id))
    except Http404:
        raise Http404("feature not found") from None


def state_changes(body: FeatureChanges, state: FeatureState) -> dict[str, object]:
    """What a request changes of a state: `experiment` names its experiment, any other status clears it."""
    status = state.status if body.status is None else status_named(body.status)
    named = body.active_experiment_id
    if status != StatusChoice.EXPERIMENT:
        if named is not None and body.status is None:
            raise ValidationError("active experiment id requires experiment status")
        return {} if body.status is None else {"status": status}
    if named is None:
        if body.status is not None:
            raise ValidationError("active experiment id required")
        return {}
    return {"status": status, "active_experiment": experiment_at(named, state.environment)}


def experiment_at(experiment_id: str, environment: Environment) -> "Model":
    """The environment's experiment with this public id, or 404."""
    experiment = environment.experiments.with_public_id(experiment_id).first()
    if experiment is None:
        raise Http404("experiment not found")
    return experiment


def status_named(name: str) -> str:
    """A status by its name, or a complaint."""
    if name not in StatusChoice.values:
        raise ValidationError("invalid_status")
    return name


def shown(state: FeatureState) -> Response:
    return Response(FeatureSerializer(state).data)
