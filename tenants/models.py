"""Whose it is: organisations, their projects and environments, the people in them and the keys to them."""

from secrets import token_urlsafe

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from tenants.querysets import (
    ApiTokenQuerySet,
    CredentialQuerySet,
    EnvironmentQuerySet,
    MembershipQuerySet,
    OrganisationQuerySet,
    ProjectQuerySet,
)
from tenants.roles import Kind, Role


def validate_key(value: str) -> None:
    """A key that may stand in a URL."""
    if complaint := validate.key(value):
        raise ValidationError(complaint.capitalize() + ".", code="invalid")


def validate_name(value: str) -> None:
    """A title that people can see."""
    if complaint := validate.name(value):
        raise ValidationError(complaint.capitalize() + ".", code="invalid")


def validate_text(value: str) -> None:
    """Text that both databases store."""
    if complaint := validate.text(value, length=validate.JSON_TEXT):
        raise ValidationError(complaint.capitalize() + ".", code="invalid")


def new_public_id() -> str:
    """A name for an environment that tells nothing about it."""
    return token_urlsafe(16)


class Organisation(models.Model):
    """A tenant. Nothing of one organisation is ever seen from another."""

    key = models.CharField(max_length=validate.KEY_LENGTH, unique=True, validators=[validate_key])
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """One product of an organisation: its features, seen in several environments."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="projects")
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    bucketing = models.CharField(
        max_length=32,
        default="growthbook",
        choices=[(scheme, scheme) for scheme in SCHEMES],
        help_text="The scheme that new experiments assign their subjects by.",
    )
    feature_sequence = models.PositiveIntegerField(default=0, editable=False)
    experiment_sequence = models.PositiveIntegerField(default=0, editable=False)
    variant_sequence = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["organisation", "key"], name="project_key_in_organisation")]

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """Where features are served from. `revision` changes with everything that could change a decision."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="environments")
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    public_id = models.CharField(
        max_length=32,
        unique=True,
        default=new_public_id,
        editable=False,
        help_text="Names the environment to clients, and salts Flagsmith's hash; never another one.",
    )
    hide_disabled_flags = models.BooleanField(
        default=False, help_text="Features that are off are left out of lists, where a protocol lets them be."
    )
    hide_sensitive_data = models.BooleanField(
        default=False, help_text="Answers leave out ids, descriptions and traits, where a protocol lets them be."
    )
    allow_client_traits = models.BooleanField(
        default=True, help_text="Client keys may set the traits of identities; otherwise theirs are ignored."
    )
    persist_traits = models.BooleanField(
        default=True, help_text="Traits are kept and count the next time; otherwise only for the call that sends them."
    )
    is_protected = models.BooleanField(
        default=False, help_text="People are asked to confirm what they switch here, as they should be in production."
    )
    revision = models.CharField(max_length=32, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        ordering = ["project", "id"]
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="environment_key_in_project")]

    def __str__(self) -> str:
        return f"{self.project} · {self.name}"


class Membership(models.Model):
    """A person's role in an organisation, or in one project or environment of it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships")
    environment = models.ForeignKey(
        Environment, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["organisation", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation"],
                condition=Q(project=None, environment=None),
                name="one_role_in_organisation",
            ),
            models.UniqueConstraint(
                fields=["user", "project"], condition=Q(environment=None), name="one_role_in_project"
            ),
            models.UniqueConstraint(fields=["user", "environment"], name="one_role_in_environment"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.environment or self.project or self.organisation}"

    def clean(self) -> None:
        if self.environment and self.project and self.environment.project_id != self.project_id:
            raise ValidationError({"environment": "This environment is not one of the project's."})
        if self.environment and not self.project:
            raise ValidationError({"project": "A role in an environment names the project too."})
        if self.project and self.project.organisation_id != self.organisation_id:
            raise ValidationError({"project": "This project is not one of the organisation's."})


class Credential(models.Model):
    """A key to one environment. Only its digest is stored; a signing key is also kept sealed, to check signatures."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="credentials")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.CLIENT)
    name = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False, help_text="How the key begins, to tell it from others.")
    sealed = models.TextField(blank=True, editable=False)
    encryption_key = models.CharField(
        max_length=24,
        blank=True,
        editable=False,
        help_text="Documents for GrowthBook's SDKs are encrypted with it: 16 bytes in base64, known to every client.",
    )
    is_remote_only = models.BooleanField(
        default=False, help_text="Gets decisions, but no document to decide with: who is targeted stays here."
    )
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ["environment", "kind", "id"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(kind=Kind.SIGNING), name="signing_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} key {self.hint}…"


class ApiToken(models.Model):
    """A person's token for the management API. It can do what the person can."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["user", "id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
