"""Where tenants are found in the management API, below /api/v1/."""

from typing import Any

from django.urls import path

from tenants.views import CredentialApi, EnvironmentApi, MemberApi, OrganisationApi, ProjectApi, TokenApi

ROWS: dict[str, Any] = {"get": "list", "post": "create"}
ROW: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "update"}

urlpatterns = [
    path("organisations/", OrganisationApi.as_view(ROWS)),
    path("organisations/<int:pk>/", OrganisationApi.as_view({"get": "retrieve", "patch": "update"})),
    path("projects/", ProjectApi.as_view(ROWS)),
    path("projects/<int:pk>/", ProjectApi.as_view(ROW)),
    path("environments/", EnvironmentApi.as_view(ROWS)),
    path("environments/<int:pk>/", EnvironmentApi.as_view(ROW)),
    path("credentials/", CredentialApi.as_view(ROWS)),
    path("credentials/<int:pk>/", CredentialApi.as_view({"get": "retrieve", "patch": "update"})),
    path("credentials/<int:pk>/rotate/", CredentialApi.as_view({"post": "rotate"})),
    path("credentials/<int:pk>/revoke/", CredentialApi.as_view({"post": "revoke"})),
    path("members/", MemberApi.as_view(ROWS)),
    path("members/<int:pk>/", MemberApi.as_view({"get": "retrieve", "patch": "update", "delete": "destroy"})),
    path("tokens/", TokenApi.as_view(ROWS)),
    path("tokens/<int:pk>/", TokenApi.as_view({"get": "retrieve", "delete": "destroy"})),
]
