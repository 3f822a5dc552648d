"""Where experiments and variants are found. These paths have no trailing slash."""

from django.urls import path

from experiments.views import ExperimentVariantViewSet, ExperimentViewSet, FeatureExperimentViewSet, VariantViewSet

of_feature = FeatureExperimentViewSet.as_view({"get": "list", "post": "create"})
experiment = ExperimentViewSet.as_view({"get": "retrieve", "patch": "partial_update"})
of_experiment = ExperimentVariantViewSet.as_view({"get": "list", "post": "create"})
variant = VariantViewSet.as_view({"patch": "partial_update"})

urlpatterns = [
    path("features/<str:feature_id>/experiments", of_feature),
    path("experiments/<str:experiment_id>", experiment),
    path("experiments/<str:experiment_id>/variants", of_experiment),
    path("variants/<str:variant_id>", variant),
]
