"""Where experiments and variants are found. These paths have no trailing slash."""

from django.urls import path

from experiments import views

urlpatterns = [
    path("features/<str:feature_id>/experiments", views.FeatureExperimentViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "experiments/<str:experiment_id>",
        views.ExperimentViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
    ),
    path("experiments/<str:experiment_id>/variants", views.ExperimentVariantViewSet.as_view({"get": "list", "post": "create"})),
    path("variants/<str:variant_id>", views.VariantViewSet.as_view({"patch": "partial_update"})),
]
