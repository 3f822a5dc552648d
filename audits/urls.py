"""Where the log is found. This path has no trailing slash."""

from django.urls import path

from audits.views import AuditViewSet

urlpatterns = [path("audits", AuditViewSet.as_view({"get": "list"}))]
