"""JSON shapes of tenants over the management API. What is read-only is shown; everything else may be written."""

from rest_framework import serializers

from decisions.engine.bucketing import SCHEMES
from tenants.api import RowId, StrictSerializer
from tenants.roles import Kind, Role

OVERLAP_DAY, OVERLAP_MAX = 24 * 3600, 366 * 24 * 3600  # seconds


class OrganisationShape(StrictSerializer):
    """A tenant."""

    id = serializers.IntegerField(read_only=True)
    key = serializers.CharField(read_only=True)
    name = serializers.CharField()
    created_at = serializers.DateTimeField(read_only=True)


class NewOrganisationShape(OrganisationShape):
    """A tenant to be created: its key is for ever."""

    key = serializers.CharField()


class ProjectShape(StrictSerializer):
    """A product of an organisation."""

    id = serializers.IntegerField(read_only=True)
    organisation = RowId(read_only=True)
    key = serializers.CharField()
    name = serializers.CharField()
    bucketing = serializers.ChoiceField(list(SCHEMES), default="growthbook")
    created_at = serializers.DateTimeField(read_only=True)


class NewProjectShape(ProjectShape):
    """A project to be created: its organisation is for ever."""

    organisation = RowId()


class EnvironmentShape(StrictSerializer):
    """Where features are served from."""

    id = serializers.IntegerField(read_only=True)
    project = RowId(read_only=True)
    key = serializers.CharField()
    name = serializers.CharField()
    public_id = serializers.CharField(read_only=True)
    hide_disabled_flags = serializers.BooleanField(default=False)
    hide_sensitive_data = serializers.BooleanField(default=False)
    allow_client_traits = serializers.BooleanField(default=True)
    persist_traits = serializers.BooleanField(default=True)
    is_protected = serializers.BooleanField(default=False)
    revision = serializers.CharField(read_only=True)
    changed_at = serializers.DateTimeField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class NewEnvironmentShape(EnvironmentShape):
    """An environment to be created: its project is for ever."""

    project = RowId()


class CredentialShape(StrictSerializer):
    """A key to an environment, without the key itself."""

    id = serializers.IntegerField(read_only=True)
    environment = RowId(read_only=True)
    kind = serializers.ChoiceField(Kind.choices, read_only=True)
    name = serializers.CharField()
    hint = serializers.CharField(read_only=True)
    is_active = serializers.BooleanField(read_only=True)
    encryption_key = serializers.CharField(read_only=True)
    is_remote_only = serializers.BooleanField(default=False)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)


class NewCredentialShape(CredentialShape):
    """A key to be issued: its environment and kind are for ever."""

    environment = RowId()
    kind = serializers.ChoiceField(Kind.choices)
    is_encrypted = serializers.BooleanField(default=False, write_only=True)


class IssuedCredentialShape(CredentialShape):
    """A key as it is shown once."""

    key = serializers.CharField(read_only=True)


class RotationShape(StrictSerializer):
    """How long the old key stays good beside the new one. A new signing key needs a name of its own."""

    overlap_seconds = serializers.IntegerField(default=OVERLAP_DAY, min_value=0, max_value=OVERLAP_MAX)
    name = serializers.CharField(required=False)


class MembershipShape(StrictSerializer):
    """A person's role in an organisation, or in one project or environment of it."""

    id = serializers.IntegerField(read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)
    role = serializers.ChoiceField(Role.choices)
    organisation = RowId(read_only=True)
    project = RowId(read_only=True, allow_null=True)
    environment = RowId(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)


class NewMembershipShape(MembershipShape):
    """A role to be given: a role in an environment names its project too."""

    username = serializers.CharField()
    organisation = RowId()
    project = RowId(default=None, allow_null=True)
    environment = RowId(default=None, allow_null=True)


class TokenShape(StrictSerializer):
    """A token of one's own, without the token itself."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField()
    hint = serializers.CharField(read_only=True)
    is_active = serializers.BooleanField(read_only=True)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)


class IssuedTokenShape(TokenShape):
    """A token as it is shown once."""

    key = serializers.CharField(read_only=True)
