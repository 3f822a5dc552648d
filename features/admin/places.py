"""Where a person may edit features."""

from django.http import HttpRequest

from tenants.models import Environment
from tenants.roles import Right


def editable_environments(request: HttpRequest, project_id: int) -> frozenset[int]:
    """The environments of a project in which a person may edit. One query a request and project."""
    known: dict[int, frozenset[int]] = vars(request).setdefault("editable_environments", {})
    if project_id not in known:
        rows = Environment.objects.permitting(request.user, Right.EDIT).filter(project=project_id).order_by()
        known[project_id] = frozenset(rows.values_list("pk", flat=True))
    return known[project_id]
