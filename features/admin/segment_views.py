"""What the page of a segment asks while somebody builds one: words to offer, what it says, whom it means."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from audits import theme
from decisions.engine.conditions.sentences import sentence
from features.admin.matches import matches
from features.admin.vocabulary import TYPES, operators, vocabulary
from features.models import Rule, Segment
from features.services.segments import complaints_about, condition_complaints, uses_of
from tenants.admin_base import primary_key
from tenants.models import Environment, Project

NOTHING: dict[str, Any] = {"segments": [], "attributes": []}


@require_GET
def vocabulary_view(request: HttpRequest) -> HttpResponse:
    """What the builder of conditions offers for a project; without one, its operators."""
    if not request.GET.get("project"):
        return JsonResponse({"types": TYPES, "operators": operators(), **NOTHING})
    return JsonResponse(vocabulary(_visible(Project, request, request.GET["project"]).pk, request.user))


@require_POST
def reading_view(request: HttpRequest) -> HttpResponse:
    """What conditions say in words, and everything that is wrong with them. Stores nothing."""
    project = _visible(Project, request, request.POST.get("project"))
    try:
        tree = theme.JsonField().to_python(request.POST.get("conditions", ""))
    except ValidationError as error:
        return JsonResponse({"sentence": "…", "complaints": error.messages})
    segment = _edited(request, project)
    if segment is None:
        complaints = condition_complaints(tree, project.pk)
    else:
        segment.conditions = tree
        complaints = complaints_about(segment)
    return JsonResponse({"sentence": sentence(tree), "complaints": complaints})


@require_POST
def matches_view(request: HttpRequest) -> HttpResponse:
    """Whom conditions mean among an environment's newest identities, as a part of a page. Stores nothing."""
    environment = _visible(Environment, request, request.POST.get("environment"))
    try:
        tree = theme.JsonField().to_python(request.POST.get("conditions", ""))
    except ValidationError as error:
        return _tried(request, {"complaints": error.messages})
    segment = _edited(request, environment.project)
    own = {segment.key: tree} if segment else {}
    if complaints := condition_complaints(tree, environment.project_id):
        return _tried(request, {"complaints": complaints})
    return _tried(request, {"matches": matches(tree, environment, own)})


def panels(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    """What stands below a segment's form: whom it means, and who uses it, as far as a person may see."""
    visible: Any = Environment.objects.visible_to(request.user).filter(project=segment.project_id).order_by("pk")
    environments = list(visible)
    asked = primary_key(request.GET.get("environment", ""))
    chosen = next((row for row in environments if row.pk == asked), environments[0] if environments else None)
    shown, everything = uses(segment, request.user)
    return {
        "environments": environments,
        "chosen": chosen,
        "matches": matches(segment.conditions, chosen) if chosen else None,
        "uses": shown,
        "hidden_uses": everything - len(shown),
    }


def uses(segment: Segment, user: Any) -> tuple[list[dict[str, str]], int]:
    """Links to the users of a segment that a person may see, and how many users there are."""
    rows: list[Any] = uses_of(segment)
    seen = {
        (model, row.pk)
        for model in {type(row) for row in rows}
        for row in model.objects.visible_to(user).filter(pk__in=[row.pk for row in rows if type(row) is model])
    }
    return [_use(row) for row in rows if (type(row), row.pk) in seen], len(rows)


def _use(row: Any) -> dict[str, str]:
    if isinstance(row, Rule):
        page = reverse("admin:features_featurestate_change", args=[row.state_id])
        where = f"{row.state.feature} in {row.state.environment}"
        return {"kind": "Rule", "name": f"{row}", "where": where, "link": page}
    page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    where = str(getattr(row, "environment", ""))
    return {"kind": str(row._meta.verbose_name).capitalize(), "name": str(row), "where": where, "link": page}


def _visible(model: Any, request: HttpRequest, key: Any) -> Any:
    """A row that the person may see; 404 if there is none, whoever it belongs to."""
    row = model.objects.visible_to(request.user).filter(pk=primary_key(key)).first()
    if row is None:
        raise Http404
    return row


def _edited(request: HttpRequest, project: Project) -> Segment | None:
    """The segment that is being edited, if it is one of the project."""
    return Segment.objects.in_project(project.pk).filter(pk=primary_key(request.POST.get("segment", ""))).first()


def _tried(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "admin/features/segment/matches.html", context)
