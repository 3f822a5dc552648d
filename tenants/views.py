"""Tenants over the management API: find what the caller may see, call one service, answer."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models, transaction
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import services
from tenants.api import IF_MATCH, ManagementViewSet
from tenants.filters import CredentialFilter, EnvironmentFilter, MembershipFilter, OrganisationFilter, ProjectFilter
from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project
from tenants.roles import Right
from tenants.serializers import (
    CredentialShape,
    EnvironmentShape,
    IssuedCredentialShape,
    IssuedTokenShape,
    MembershipShape,
    NewCredentialShape,
    NewEnvironmentShape,
    NewMembershipShape,
    NewOrganisationShape,
    NewProjectShape,
    OrganisationShape,
    ProjectShape,
    RotationShape,
    TokenShape,
)


class TenantViewSet(ManagementViewSet):
    """What is edited here takes the right to administer."""

    edit_right = Right.ADMINISTER

    def issued(self, row: models.Model, key: str) -> Response:
        """A new key, which no cache may keep: it is shown only now."""
        data = {**self.get_serializer(row).data, "key": key}
        return Response(data, status=201, headers={"Cache-Control": "no-store"})


class OrganisationApi(TenantViewSet):
    """Tenants that the caller has a role in."""

    model = Organisation
    serializer_class = OrganisationShape
    filterset_class = OrganisationFilter
    ordering_fields = ("name", "key", "created_at")

    @extend_schema(request=NewOrganisationShape, responses={201: OrganisationShape})
    def create(self, request: Request) -> Response:
        """Create a tenant; only superusers do."""
        if not getattr(request.user, "is_superuser", False):
            raise PermissionDenied("only superusers create organisations")
        details = self.validated(NewOrganisationShape)
        return self.stored(services.create_organisation(actor=self.actor(), **details), status=201)

    @extend_schema(request=OrganisationShape, responses=OrganisationShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Rename a tenant."""
        organisation = self.editable(self.get_object())
        changes = self.validated(OrganisationShape, partial=self.is_partial())
        organisation = self.expect_version(organisation)
        return self.stored(services.update_organisation(organisation, actor=self.actor(), **changes))


class ProjectApi(TenantViewSet):
    """Projects: the products of an organisation."""

    model = Project
    serializer_class = ProjectShape
    filterset_class = ProjectFilter
    ordering_fields = ("name", "key", "created_at")

    @extend_schema(request=NewProjectShape, responses={201: ProjectShape})
    def create(self, request: Request) -> Response:
        """Create a project, without environments."""
        details = self.validated(NewProjectShape)
        organisation = self.editable(self.related(Organisation, details.pop("organisation")))
        return self.stored(services.create_project(organisation, actor=self.actor(), **details), status=201)

    @extend_schema(request=ProjectShape, responses=ProjectShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change a project's key, name or default bucketing."""
        project = self.editable(self.get_object())
        changes = self.validated(ProjectShape, partial=self.is_partial())
        return self.stored(services.update_project(self.expect_version(project), actor=self.actor(), **changes))


class EnvironmentApi(TenantViewSet):
    """Environments of a project."""

    model = Environment
    serializer_class = EnvironmentShape
    filterset_class = EnvironmentFilter
    ordering_fields = ("name", "key", "created_at", "changed_at")

    @extend_schema(request=NewEnvironmentShape, responses={201: EnvironmentShape})
    def create(self, request: Request) -> Response:
        """Create an environment, in which every feature is off."""
        details = self.validated(NewEnvironmentShape)
        project = self.editable(self.related(Project, details.pop("project")))
        return self.stored(services.create_environment(project, actor=self.actor(), **details), status=201)

    @extend_schema(request=EnvironmentShape, responses=EnvironmentShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change an environment's key, name or settings."""
        environment = self.editable(self.get_object())
        changes = self.validated(EnvironmentShape, partial=self.is_partial())
        environment = self.expect_version(environment)
        return self.stored(services.update_environment(environment, actor=self.actor(), **changes))


class CredentialApi(TenantViewSet):
    """Keys to environments: issued, rotated, renamed, revoked; never shown again and never deleted."""

    model = Credential
    serializer_class = CredentialShape
    filterset_class = CredentialFilter
    ordering_fields = ("name", "kind", "created_at", "expires_at", "last_used_at")

    @extend_schema(request=NewCredentialShape, responses={201: IssuedCredentialShape})
    def create(self, request: Request) -> Response:
        """Issue a key. This answer is the only one that shows it."""
        details = self.validated(NewCredentialShape)
        environment = self.editable(self.related(Environment, details.pop("environment")))
        return self.issued(*services.issue_credential(environment, actor=self.actor(), **details))

    @extend_schema(request=CredentialShape, responses=CredentialShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Rename a key, set when it expires, or keep documents from it."""
        credential = self.editable(self.get_object())
        changes = self.validated(CredentialShape, partial=self.is_partial())
        return self.stored(services.update_credential(self.expect_version(credential), actor=self.actor(), **changes))

    @extend_schema(request=RotationShape, responses={201: IssuedCredentialShape})
    def rotate(self, request: Request, pk: int) -> Response:
        """Issue a second key of the same kind; the old one expires when the overlap has passed."""
        credential = self.editable(self.get_object())
        given = self.validated(RotationShape)
        overlap = timedelta(seconds=given.pop("overlap_seconds"))
        return self.issued(*services.rotate_credential(credential, overlap=overlap, actor=self.actor(), **given))

    @extend_schema(request=None, responses=CredentialShape)
    def revoke(self, request: Request, pk: int) -> Response:
        """End a key, at once and for ever."""
        return self.stored(services.revoke_credential(self.editable(self.get_object()), actor=self.actor()))


class MemberApi(TenantViewSet):
    """Who has which role where. Members of an organisation see it; its administrators change it."""

    model = Membership
    serializer_class = MembershipShape
    filterset_class = MembershipFilter
    ordering_fields = ("role", "created_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("user")

    @extend_schema(request=NewMembershipShape, responses={201: MembershipShape})
    def create(self, request: Request) -> Response:
        """Give a person a role, or another one than they had there."""
        given = self.validated(NewMembershipShape)
        place = self.linked(given, organisation=Organisation, project=Project, environment=Environment)
        organisation = self.editable(place.pop("organisation"))
        user = person_named(place.pop("username"))
        return self.stored(services.set_role(user, organisation, actor=self.actor(), **place), status=201)

    @extend_schema(request=MembershipShape, responses=MembershipShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change a role."""
        member = self.expect_version(self.editable(self.get_object()))
        role = self.validated(MembershipShape, partial=self.is_partial()).get("role", member.role)
        place = {"project": member.project, "environment": member.environment}
        return self.stored(services.set_role(member.user, member.organisation, role=role, actor=self.actor(), **place))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Take a role away."""
        services.remove_member(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)


class TokenApi(TenantViewSet):
    """One's own tokens for this API. They do what their person may do."""

    model = ApiToken
    serializer_class = TokenShape
    ordering_fields = ("name", "created_at", "expires_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(user=self.request.user.pk)

    @extend_schema(request=TokenShape, responses={201: IssuedTokenShape})
    def create(self, request: Request) -> Response:
        """Issue a token. This answer is the only one that shows it."""
        return self.issued(*services.issue_api_token(request.user, **self.validated(TokenShape)))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """End a token."""
        services.revoke_api_token(self.get_object())
        return Response(status=204)


def person_named(username: str) -> Any:
    """Somebody who may log in, by user name."""
    person = get_user_model().objects.filter(is_active=True, username=username).first()
    if person is None:
        raise ValidationError({"username": "Nobody who may log in has this user name."})
    return person
