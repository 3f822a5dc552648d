"""What every view of the management API is made of: whose rows, which right, whose version, and no unknown fields.

People come with `Authorization: Token …` or the admin's session. Rows are found through `visible_to`, so that what is
another tenant's is a 404; what may be seen but not edited is a 403.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.db import models
from django.http import Http404, HttpRequest
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from audits.services import Actor
from decisions.engine.validate import BODY_LIMIT, parse_json
from tenants.authentication import PersonAuthentication, TokenAuthentication, actor_of
from tenants.querysets import TenantQuerySet
from tenants.roles import Right
from tenants.services import take_turn

Row = TypeVar("Row", bound=models.Model)

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag of the version that is replaced; PUT needs it."
)


class VersionRequired(APIException):
    """A whole-object write that does not say which version it replaces."""

    status_code = 428
    default_detail = "send If-Match with the ETag of the version that you are replacing"


class VersionPassed(APIException):
    """Somebody else was faster."""

    status_code = 412
    default_detail = "this was changed in the meantime; read it again"


class StrictJSONParser(BaseParser):
    """JSON within the limits of what is stored. Raises the engine's JsonRefused.

    Django counts only bodies that it reads itself, so that these are counted here.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise RequestDataTooBig(f"the body is larger than {BODY_LIMIT} bytes")
        return parse_json(body)


class Pages(PageNumberPagination):
    """Pages by number; `limit` says how long."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 1_000


class Ordering(OrderingFilter):
    """`ordering=name,-created_at` by the view's `ordering_fields`, and by nothing else; ties are broken by id."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Sequence[str] | None:
        given = request.query_params.get(self.ordering_param)
        if given is None:
            return None
        names = [name.strip() for name in given.split(",")]
        if unknown := [name for name in names if name.removeprefix("-") not in view.ordering_fields]:
            allowed = ", ".join(view.ordering_fields) or "nothing"
            raise ValidationError({self.ordering_param: [f"cannot order by {unknown[0]!r}, only by {allowed}"]})
        return [*names, "pk"]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return super().get_schema_operation_parameters(view) if view.ordering_fields else []


class RowId(serializers.IntegerField):
    """Another row, by its id. The view finds it among those that the caller may see."""

    def get_attribute(self, instance: Any) -> Any:
        return getattr(instance, f"{self.field_name}_id")


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a typing error must not look like success."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        complaints = {name: [complaint] for name in data if (complaint := self._complaint(str(name)))}
        try:
            values = super().to_internal_value({name: data[name] for name in data if name not in complaints})
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**complaints, **error.detail}) from error  # type: ignore[dict-item]
        if complaints:
            raise serializers.ValidationError(complaints)
        return values

    def _complaint(self, name: str) -> str | None:
        field = self.fields.get(name)
        if field is None:
            return "unknown field"
        return "cannot be changed" if field.read_only else None


class ManagementViewSet(GenericViewSet[Any]):
    """The start of every view here. A view names its `model`, and calls one service an action."""

    authentication_classes = [TokenAuthentication, PersonAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [StrictJSONParser]
    pagination_class = Pages
    filter_backends = [DjangoFilterBackend, Ordering]
    ordering_fields: Collection[str] = ()
    model: type[models.Model]
    edit_right = Right.EDIT

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """A body that comes in chunks has no announced length, and DRF would not read it."""
        if not request.META.get("CONTENT_LENGTH"):
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return super().initialize_request(request, *args, **kwargs)

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
        take_turn(row)
        rows: TenantQuerySet[Any] = type(row)._default_manager.all()  # type: ignore[assignment]
        locked: Row = rows.locked().get(pk=row.pk)
        given = self.request.headers.get("If-Match")
        if given is None and self.request.method == "PUT":
            raise VersionRequired
        versions = {version.strip() for version in given.split(",")} if given else set()
        if given is not None and not versions & {"*", version_of(self.get_serializer(locked).data)}:
            raise VersionPassed
        return locked

    def stored(self, row: models.Model, status: int = 200) -> Response:
        """A row as the database has it now: its ETag is that of the next GET."""
        row.refresh_from_db()
        return self.shown(row, status)

    def linked(self, changes: dict[str, Any], **links: type[models.Model]) -> dict[str, Any]:
        """Changes, with rows in the place of the ids that the caller named them by."""
        named = {name: model for name, model in links.items() if changes.get(name) is not None}
        return changes | {name: self.related(model, changes[name]) for name, model in named.items()}

    def is_partial(self) -> bool:
        return self.request.method == "PATCH"

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
