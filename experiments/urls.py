"""Where experiments are found. The applications' paths have no trailing slash, those of the management API have one."""

from typing import Any

from django.urls import include, path

from experiments.api_views import ExperimentApi, LayerApi, VariantApi, VariantsApi
from experiments.views import ExperimentVariantViewSet, ExperimentViewSet, FeatureExperimentViewSet, VariantViewSet

ROWS: dict[str, Any] = {"get": "list", "post": "create"}
ROW: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "update"}
VERBS = ("start", "pause", "conclude", "ship", "slots", "release")

of_feature = FeatureExperimentViewSet.as_view({"get": "list", "post": "create"})
experiment = ExperimentViewSet.as_view({"get": "retrieve", "patch": "partial_update"})
of_experiment = ExperimentVariantViewSet.as_view({"get": "list", "post": "create"})
variant = VariantViewSet.as_view({"patch": "partial_update"})

management = [
    path("experiments/", ExperimentApi.as_view(ROWS)),
    path("experiments/<int:pk>/", ExperimentApi.as_view(ROW)),
    *(path(f"experiments/<int:pk>/{verb}/", ExperimentApi.as_view({"post": verb})) for verb in VERBS),
    path("experiments/<int:experiment_id>/variants/", VariantsApi.as_view(ROWS)),
    path("variants/<int:pk>/", VariantApi.as_view({**ROW, "delete": "destroy"})),
    path("layers/", LayerApi.as_view(ROWS)),
    path("layers/<int:pk>/", LayerApi.as_view({**ROW, "delete": "destroy"})),
    path("layers/<int:pk>/holdout/", LayerApi.as_view({"post": "holdout"})),
]

urlpatterns = [
    path("features/<str:feature_id>/experiments", of_feature),
    path("experiments/<str:experiment_id>", experiment),
    path("experiments/<str:experiment_id>/variants", of_experiment),
    path("variants/<str:variant_id>", variant),
    path("api/v1/", include(management)),
]
