"""The log of changes over the management API: who changed what, newest first.

The log stands below the tenants and knows no people: who may come here is said where this is wired, in app/urls.py.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from audits.filters import ChangeFilter
from audits.models import Change
from decisions.engine.validate import INTEGER_MAX


class ChangeShape(serializers.ModelSerializer[Change]):
    """One edit: what the fields that it changed were, and are. `hash` follows from all of it and `previous_hash`."""

    project = serializers.IntegerField(source="project_id", read_only=True)
    environment = serializers.IntegerField(source="environment_id", read_only=True, allow_null=True)

    class Meta:
        model = Change
        fields = [
            "id",
            "project",
            "environment",
            "number",
            "created_at",
            "actor",
            "actor_name",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "before",
            "after",
            "request_id",
            "reason",
            "previous_hash",
            "hash",
        ]
        read_only_fields = fields


class ChangePages(CursorPagination):
    """Pages that begin where the last one ended, whatever was logged meanwhile; `limit` says how long."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 1_000
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        if cursor and cursor.position is not None and not is_id(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor


def is_id(text: str) -> bool:
    """Whether this could be the id of a row; more digits than Python converts are none."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(INTEGER_MAX)) and int(text) <= INTEGER_MAX


class ChangeApi(GenericViewSet[Change]):
    """Edits of what the caller may see."""

    serializer_class = ChangeShape
    pagination_class = ChangePages
    filterset_class = ChangeFilter

    def get_queryset(self) -> Any:
        is_fake = getattr(self, "swagger_fake_view", False)
        return Change.objects.none() if is_fake else Change.objects.visible_to(self.request.user)

    def list(self, request: Request) -> Response:
        """List changes, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One change."""
        change = self.get_object()
        return Response(self.get_serializer(change).data, headers={"ETag": f'"{change.hash}"'})
