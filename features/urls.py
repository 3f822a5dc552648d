"""Where features are found. The applications' paths have no trailing slash, those of the management API have one."""

from typing import Any

from django.urls import include, path

from features.api_states import OverrideApi, PrerequisiteApi, RuleApi, RulesApi, StateApi
from features.api_views import FeatureApi, SegmentApi
from features.environment_views import EnvironmentCloneApi, EnvironmentPromoteApi
from features.views import FeatureViewSet

ROWS: dict[str, Any] = {"get": "list", "post": "create"}
ROW: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "update"}
GIVEN: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}
IN_STATE = "features/<int:feature_id>/states/<int:environment_id>/"

management = [
    path("features/", FeatureApi.as_view(ROWS)),
    path("features/<int:pk>/", FeatureApi.as_view(ROW)),
    path("features/<int:pk>/archive/", FeatureApi.as_view({"post": "archive"})),
    path("features/<int:pk>/restore/", FeatureApi.as_view({"post": "restore"})),
    path(IN_STATE, StateApi.as_view(ROW)),
    path(IN_STATE + "toggle/", StateApi.as_view({"post": "toggle"})),
    path(IN_STATE + "rollout/", StateApi.as_view({"post": "rollout"})),
    path(IN_STATE + "rules/", RulesApi.as_view(ROWS)),
    path(IN_STATE + "rules/reorder/", RulesApi.as_view({"post": "reorder"})),
    path("rules/<int:pk>/", RuleApi.as_view({**ROW, "delete": "destroy"})),
    path(IN_STATE + "overrides/", OverrideApi.as_view({"get": "list"})),
    path(IN_STATE + "overrides/<path:identifier>/", OverrideApi.as_view(GIVEN)),
    path(IN_STATE + "prerequisites/", PrerequisiteApi.as_view({"get": "list"})),
    path(IN_STATE + "prerequisites/<int:required_id>/", PrerequisiteApi.as_view(GIVEN)),
    path("environments/<int:pk>/clone/", EnvironmentCloneApi.as_view({"post": "clone"})),
    path("environments/<int:pk>/promote/", EnvironmentPromoteApi.as_view({"post": "promote"})),
    path("segments/", SegmentApi.as_view(ROWS)),
    path("segments/<int:pk>/", SegmentApi.as_view({**ROW, "delete": "destroy"})),
]

urlpatterns = [
    path("features", FeatureViewSet.as_view({"get": "list", "post": "create"})),
    path("features/<str:feature_id>", FeatureViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("api/v1/", include(management)),
]
