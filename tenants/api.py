"""What every view of the management API is made of: whose rows, which right, whose version, and no unknown fields.

People come with `Authorization: Token …` or the admin's session. Rows are found through `visible_to`, so that what is
another tenant's is a 404; what may be seen but not edited is a 403.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from django.db import models
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from audits.services import Actor
from decisions.engine.validate import parse_json
from tenants.authentication import PersonAuthentication, TokenAuthentication, actor_of
from tenants.querysets import TenantQuerySet
from tenants.roles import Right

Row = TypeVar("Row", bound=models.Model)


class VersionRequired(APIException):
    """A whole-object write that does not say which version it replaces."""

    status_code = 428
    default_detail = "send If-Match with the ETag of the version that you are replacing"


class VersionPassed(APIException):
    """Somebody else was faster."""

    status_code = 412
    default_detail = "this was changed in the meantime; read it again"


class StrictJSONParser(BaseParser):
    """JSON within the limits of what is stored. Raises the engine's JsonRefused."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return parse_json(stream.read())


class Pages(PageNumberPagination):
    """Pages by number; `limit` says how long."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 1_000


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a typing error must not look like success."""

    def to_internal_value(self, data: Any) -> Any:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - writable)):
            raise serializers.ValidationError({name: ["unknown field"] for name in unknown})
        return super().to_internal_value(data)


class ManagementViewSet(GenericViewSet[Any]):
    """The start of every view here. A view names its `model`, and calls one service an action."""

    authentication_classes = [TokenAuthentication, PersonAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [StrictJSONParser]
    pagination_class = Pages
    model: type[models.Model]
    edit_right = Right.EDIT

    def get_queryset(self) -> Any:
        """What the caller may see."""
        rows: TenantQuerySet[Any] = self.model._default_manager.all()  # type: ignore[assignment]
        return rows.none() if getattr(self, "swagger_fake_view", False) else rows.visible_to(self.request.user)

    def editable(self, row: Row, *, right: Right | None = None) -> Row:
        """The row itself if the caller may edit it; refused otherwise."""
        rows: TenantQuerySet[Any] = type(row)._default_manager.filter(pk=row.pk)  # type: ignore[assignment]
        if not rows.permitting(self.request.user, right or self.edit_right).exists():
            raise PermissionDenied("your role may not do that")
        return row

    def related(self, model: type[Row], pk: object) -> Row:
        """A row that the request names by id, among those that the caller may see; 404 otherwise."""
        rows: TenantQuerySet[Any] = model._default_manager.all()  # type: ignore[assignment]
        row: Row | None = rows.visible_to(self.request.user).filter(pk=pk).first() if str(pk).isdecimal() else None
        if row is None:
            raise Http404(f"{model._meta.verbose_name} not found")
        return row

    def actor(self) -> Actor:
        return actor_of(self.request.user, self.request)

    def shown(self, row: models.Model, status: int = 200) -> Response:
        """One row with its version."""
        data = self.get_serializer(row).data
        return Response(data, status=status, headers={"ETag": version_of(data)})

    def expect_version(self, row: Row) -> Row:
        """Lock a row, and refuse unless the request names the version that it has. Call it in a transaction."""
        locked = type(row)._default_manager.select_for_update().get(pk=row.pk)
        given = self.request.headers.get("If-Match")
        if given is None and self.request.method == "PUT":
            raise VersionRequired
        if given not in {None, "*", version_of(self.get_serializer(locked).data)}:
            raise VersionPassed
        return locked

    def validated(self, serializer: type[StrictSerializer], *, partial: bool = False) -> dict[str, Any]:
        """The body as the serializer reads it, or every complaint at once."""
        read = serializer(data=self.request.data, partial=partial, context=self.get_serializer_context())
        read.is_valid(raise_exception=True)
        return dict(read.validated_data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.shown(self.get_object())

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def version_of(data: Mapping[str, Any]) -> str:
    """The ETag of a representation."""
    return f'"{sha256(msgspec.json.encode(data, enc_hook=str)).hexdigest()[:16]}"'
