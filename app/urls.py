"""Where everything is found. The protocols' own paths are answered in front of Django, by the gateway."""

import sys

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from app.csp import REFERENCE, looser
from audits.api import ChangeApi
from decisions.api import ExplainApi
from decisions.outages import SORRY, is_away
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
    path("docs/", looser(SpectacularRedocView.as_view(url_name="schema"), REFERENCE)),
    path("swagger/", looser(SpectacularSwaggerSplitView.as_view(url_name="schema"), REFERENCE)),
]


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return _detail(404, "Not Found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Also what the middleware ran into, which has no other way to say so."""
    error = sys.exc_info()[1]
    return _unavailable(request) if error and is_away(error) else _detail(500, "internal error")


def _unavailable(request: HttpRequest) -> HttpResponse:
    """A page for people, which asks the database nothing, and a sentence for programs."""
    is_for_people = "text/html" in request.headers.get("Accept", "")
    answer = HttpResponse(render_to_string("503.html"), status=503) if is_for_people else _detail(503, SORRY)
    answer["Retry-After"] = "1"
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return _detail(400, "bad request")


def _detail(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status, json_dumps_params={"separators": (",", ":")})


handler400, handler404, handler500 = bad_request, not_found, server_error
