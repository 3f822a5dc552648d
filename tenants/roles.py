"""Who may do what: one table, read by the REST permissions, the gateway and the admin."""

from enum import StrEnum

from django.db import models


class Right(StrEnum):
    """What can be permitted."""

    WATCH = "watch"  # be told that something changed
    DECIDE = "decide"  # ask for decisions
    READ = "read"  # configuration, audits, documents for local evaluation
    EDIT = "edit"  # features and experiments
    ADMINISTER = "administer"  # projects, environments, keys and people


class Role(models.TextChoices):
    """What a member of an organisation is."""

    VIEWER = "viewer", "Viewer"
    EDITOR = "editor", "Editor"
    ADMIN = "admin", "Admin"


class Kind(models.TextChoices):
    """What a credential is for."""

    CLIENT = "client", "Client: public, reads decisions"
    SERVER = "server", "Server: secret, also reads configuration"
    MANAGE = "manage", "Manage: secret, edits this environment"
    SIGNING = "signing", "Signing: secret, signs requests"


RIGHTS: dict[str, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.EDITOR: frozenset({Right.READ, Right.EDIT}),
    Role.ADMIN: frozenset({Right.READ, Right.EDIT, Right.ADMINISTER}),
    Kind.CLIENT: frozenset({Right.WATCH, Right.DECIDE}),
    Kind.SERVER: frozenset({Right.WATCH, Right.DECIDE, Right.READ}),
    Kind.MANAGE: frozenset({Right.WATCH, Right.DECIDE, Right.READ, Right.EDIT}),
    Kind.SIGNING: frozenset({Right.DECIDE}),
}


def roles_with(right: Right) -> list[Role]:
    """The roles that carry a right."""
    return [role for role in Role if right in RIGHTS[role]]
