"""Where features are found. These paths have no trailing slash."""

from django.urls import path

from features.views import FeatureViewSet

urlpatterns = [
    path("features", FeatureViewSet.as_view({"get": "list", "post": "create"})),
    path("features/<str:feature_id>", FeatureViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
]
