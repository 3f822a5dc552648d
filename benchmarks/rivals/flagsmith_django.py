"""Django REST framework in front of Flagsmith's engine, deciding by the environment document that DOCUMENT names.

A new Django project as `startproject` makes it, with one view; the document is read and mapped once, and kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only-ever-measured-and-never-reached-by-anybody",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 all of these need the settings
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from flag_engine.engine import get_evaluation_result  # noqa: E402
from flagsmith.mappers import (  # noqa: E402
    map_context_and_identity_data_to_context,
    map_environment_document_to_context,
)
from rest_framework import serializers  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed, NotFound  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

CONTEXT: Any = map_environment_document_to_context(json.loads(Path(os.environ["DOCUMENT"]).read_bytes()))


class AskSerializer(serializers.Serializer[Any]):
    """For whom, and which feature if not all."""

    identifier = serializers.CharField(max_length=512)
    traits = serializers.DictField(required=False, default=dict)
    feature = serializers.CharField(required=False)


class Evaluate(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        if request.headers.get("X-Environment-Key") != os.environ["TOKEN"]:
            raise AuthenticationFailed
        asked = AskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        flags = evaluated(asked.validated_data)
        if (feature := asked.validated_data.get("feature")) is None:
            return Response({key: answer_of(flag) for key, flag in flags.items()})
        if feature not in flags:
            raise NotFound
        return Response(answer_of(flags[feature]))


def evaluated(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The engine evaluates the whole environment, however little of it is asked for."""
    context = map_context_and_identity_data_to_context(CONTEXT, asked["identifier"], asked["traits"])
    flags: Mapping[str, Any] = get_evaluation_result(context)["flags"]
    return flags


def answer_of(flag: Mapping[str, Any]) -> dict[str, Any]:
    return {"feature": flag["name"], "enabled": flag["enabled"], "value": flag["value"], "reason": flag["reason"]}


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


urlpatterns = [path("evaluate/", Evaluate.as_view()), path("health", health)]
application = get_wsgi_application()
