"""Which project and environment a page is about: chosen at its top, and remembered until another one is."""

from typing import Any

from django.http import HttpRequest

from tenants.admin_base import primary_key
from tenants.models import Environment, Project

PARAMETER = "project"
ENVIRONMENT = "environment"


def visible_projects(request: HttpRequest) -> list[Project]:
    """The projects that a person may see. One query a request."""
    if not hasattr(request, "visible_projects"):
        rows = Project.objects.visible_to(request.user).select_related("organisation").order_by("name", "pk")
        request.visible_projects = list(rows)  # type: ignore[attr-defined]
    found: list[Project] = request.visible_projects  # type: ignore[attr-defined]
    return found


def chosen_project(request: HttpRequest) -> Project | None:
    """The project that the address names, or else the one named last, or else the first in which there is something;
    None if there is none."""
    projects = {project.pk: project for project in visible_projects(request)}
    asked = projects.get(primary_key(request.GET.get(PARAMETER, "")))
    if asked and request.session.get(PARAMETER) != asked.pk:
        request.session[PARAMETER] = asked.pk
    remembered: Any = request.session.get(PARAMETER)
    first = sorted(projects.values(), key=lambda project: not project.feature_sequence)
    return asked or projects.get(remembered) or next(iter(first), None)


def visible_environments(request: HttpRequest, project: Project) -> list[Environment]:
    """The project's environments that a person may see, in the order in which they were made. One query a request."""
    if not hasattr(request, "visible_environments"):
        request.visible_environments = {}  # type: ignore[attr-defined]
    found: dict[int, list[Environment]] = request.visible_environments  # type: ignore[attr-defined]
    if project.pk not in found:
        found[project.pk] = list(Environment.objects.visible_to(request.user).filter(project=project).order_by("pk"))
    return found[project.pk]


def chosen_environment(request: HttpRequest, project: Project) -> Environment | None:
    """The environment of the project that the address names, or else the one named last, or else the last one: people
    make them in the order in which changes travel, so that is where users are."""
    environments = {row.pk: row for row in visible_environments(request, project)}
    asked = environments.get(primary_key(request.GET.get(ENVIRONMENT, "")))
    if asked and request.session.get(ENVIRONMENT) != asked.pk:
        request.session[ENVIRONMENT] = asked.pk
    remembered: Any = request.session.get(ENVIRONMENT)
    return asked or environments.get(remembered) or next(reversed(environments.values()), None)
