"""Where everything is found. The protocols' own paths are answered in front of Django, by the gateway."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerView

from audits.api import ChangeApi
from decisions.api import ExplainApi
from tenants.api import ManagementViewSet

# The log knows no people; it is told here to let in those that everything else does.
PEOPLE = {name: getattr(ManagementViewSet, name) for name in ("authentication_classes", "permission_classes")}

management = [
    path("environments/<int:pk>/explain/", ExplainApi.as_view({"post": "explain"})),
    path("changes/", ChangeApi.as_view({"get": "list"}, **PEOPLE)),
    path("changes/<int:pk>/", ChangeApi.as_view({"get": "retrieve"}, **PEOPLE)),
]

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("tenants.urls")),
    path("api/v1/", include(management)),
    path("", include("features.urls")),
    path("", include("experiments.urls")),
    path("", include("audits.urls")),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", SpectacularRedocView.as_view(url_name="schema")),
    path("swagger/", SpectacularSwaggerView.as_view(url_name="schema")),
]


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return _detail(404, "Not Found")


def server_error(request: HttpRequest) -> JsonResponse:
    return _detail(500, "internal error")


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return _detail(400, "bad request")


def _detail(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status, json_dumps_params={"separators": (",", ":")})


handler400, handler404, handler500 = bad_request, not_found, server_error
