"""How edits of places and keys are taken back, by the name of the action. Named by `settings.AUDIT_REVERTS`.

Roles are not among them: who may do what is decided, not undone. A key that was revoked stays revoked.
"""

from typing import Any

from django.core.exceptions import ValidationError

from audits.models import Change
from audits.reverts import Edit, Undo, fields_back
from tenants import services
from tenants.models import Credential, Environment, Project
from tenants.roles import Right

_key_back = fields_back(Credential, Right.ADMINISTER, services.update_credential)


def key_back(change: Change, user: Any) -> Edit:
    """A key's name or expiry."""
    if "is_active" in change.before:
        raise ValidationError("A key that was revoked stays revoked; issue a new one.")
    return _key_back(change, user)


REVERTS: dict[str, Undo] = {
    "project.updated": fields_back(Project, Right.ADMINISTER, services.update_project),
    "environment.updated": fields_back(Environment, Right.ADMINISTER, services.update_environment),
    "credential.updated": key_back,
}
