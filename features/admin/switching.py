"""Toggles: one environment at a time, at once where it is harmless, after a question where it is not."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from audits import theme
from features import services
from features.admin.columns import cell_of, rendered
from features.models import Feature, FeatureState, StatusChoice
from tenants.authentication import actor_of
from tenants.models import Environment
from tenants.roles import Right

SWITCHED_TO = (StatusChoice.ON.value, StatusChoice.OFF.value)


class Switching:
    """For the admin of features: the address that toggles post to. A script gets JSON, a browser without one a page."""

    admin_site: Any
    get_object: Any

    def get_urls(self) -> list[URLPattern]:
        address = "<int:feature_id>/switch/<int:environment_id>/"
        mine = path(address, self.admin_site.admin_view(self.switch_view), name="features_feature_switch")
        return [mine, *super().get_urls()]  # type: ignore[misc]

    def switch_view(self, request: HttpRequest, feature_id: int, environment_id: int) -> HttpResponse:
        """Switch a feature on or off in one environment. Doing it twice changes nothing."""
        status = request.POST.get("status")
        if request.method != "POST" or status not in SWITCHED_TO:
            return HttpResponseBadRequest("Post a status, on or off.")
        feature, environment = place_of(request, feature_id, environment_id)
        state = FeatureState.objects.filter(feature=feature, environment=environment).first()
        if request.POST.get("confirmed") != "yes" and (question := question_about(environment, state, status)):
            return self._ask(request, feature, environment, status, question)
        try:
            state = services.switch(feature, environment, status=status, actor=actor_of(request.user, request))
        except ValidationError as error:
            return self._said(request, {"error": " ".join(error.messages)})
        return self._said(request, {"html": rendered(cell_of(feature, environment, state, is_editable=True))})

    def _ask(
        self, request: HttpRequest, feature: Feature, environment: Environment, status: str, question: str
    ) -> HttpResponse:
        title = f"Switch {feature} {status} in {environment.name}?"
        if wants_json(request):
            return JsonResponse({"ask": {"title": title, "text": question, "yes": f"Switch {status}"}})
        return theme.shown(
            request, "admin/features/confirm.html", title, question=question, status=status, back=back_of(request)
        )

    def _said(self, request: HttpRequest, answer: dict[str, Any]) -> HttpResponse:
        if wants_json(request):
            return JsonResponse(answer)
        if "error" in answer:
            self.message_user(request, answer["error"], "error")  # type: ignore[attr-defined]
        return HttpResponseRedirect(back_of(request))


def place_of(request: HttpRequest, feature_id: int, environment_id: int) -> tuple[Feature, Environment]:
    """A feature and an environment of one project, both to be seen, and the environment to be edited."""
    feature = Feature.objects.visible_to(request.user).live().filter(pk=feature_id).first()
    environments = Environment.objects.filter(pk=environment_id, project=feature.project_id if feature else None)
    if feature is None or not environments.visible_to(request.user).exists():
        raise Http404("There is no such feature here.")
    environment = environments.permitting(request.user, Right.EDIT).select_related("project").first()
    if environment is None:
        raise PermissionDenied("Your role does not permit edits in this environment.")
    return feature, environment


def question_about(environment: Environment, state: FeatureState | None, status: str) -> str:
    """What a person is asked before a switch; nothing where it is harmless or changes nothing."""
    now = state.status if state else StatusChoice.OFF.value
    said = []
    if now == StatusChoice.EXPERIMENT:
        said.append("An experiment is served here; it would be served to nobody any more.")
    if environment.is_protected and now != status:
        said.append(f"{environment.name} is protected: what you switch reaches its users at once.")
    return " ".join(said)


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def back_of(request: HttpRequest) -> str:
    """The page of ours that a person comes from, or the list."""
    came = request.POST.get("back") or request.headers.get("Referer", "")
    hosts = {request.get_host()}
    is_ours = url_has_allowed_host_and_scheme(came, hosts, require_https=request.is_secure())
    return came if is_ours else reverse("admin:features_feature_changelist")
