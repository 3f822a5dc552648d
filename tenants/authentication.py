"""Who calls over REST, and which environment they mean. Every request ends with an `Access` in `request.auth`."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.request import Request

from audits.services import REASON_LENGTH, Actor
from tenants.credentials import digest
from tenants.models import ApiToken, Credential, Environment
from tenants.roles import RIGHTS, Kind, Right, Role
from tenants.uses import note_use

ENVIRONMENT_HEADER = "X-Environment-Id"
REASON_HEADER, REASON_FIELD = "X-Change-Reason", "_reason"


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may do, where, and as whom. Without an environment there are no rights in one."""

    actor: Actor
    rights: frozenset[Right]
    environment: Environment | None = None


class EnvironmentKeyAuthentication(BaseAuthentication):
    """`X-Environment-Key`: a key to one environment. Without any credential, the open environment if there is one."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Access] | None:
        key = request.headers.get("X-Environment-Key")
        if key:
            return AnonymousUser(), self.by_key(key, request)
        if request.headers.get("Authorization") or settings.SESSION_COOKIE_NAME in request.COOKIES:
            return None
        environment = open_environment()
        if environment is None:
            return None
        return AnonymousUser(), Access(Actor("open", "anybody", _request_id(request)), RIGHTS[Kind.MANAGE], environment)

    def by_key(self, key: str, request: Request) -> Access:
        found = Credential.objects.live().filter(digest=digest(key)).select_related("environment__project").first()
        if found is None:
            raise AuthenticationFailed("environment key unknown")
        note_use(found)
        actor = Actor(f"credential:{found.pk}", str(found), _request_id(request), _reason(request))
        return Access(actor, RIGHTS[found.kind], found.environment)

    def authenticate_header(self, request: Request) -> str:
        return "X-Environment-Key"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token …`: a person's token, with the person's rights."""

    def authenticate(self, request: Request) -> "tuple[object, Access] | None":
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token":
            return None
        token = ApiToken.objects.live().filter(digest=digest(key.strip())).select_related("user").first()
        if token is None:
            raise AuthenticationFailed("token unknown")
        return token.user, access_of(token.user, request)

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class PersonAuthentication(SessionAuthentication):
    """The admin's session, with its CSRF protection."""

    def authenticate(self, request: Request) -> "tuple[object, Access] | None":
        found = super().authenticate(request)
        return (found[0], access_of(found[0], request)) if found else None


def access_of(user: object, request: Request) -> Access:
    """A person's rights in the environment that the request names; without a name, in the open one if there is one."""
    actor = actor_of(user, request)
    named = request.headers.get(ENVIRONMENT_HEADER)
    if named is None:
        opened = open_environment()
        return Access(actor, RIGHTS[Kind.MANAGE] if opened else frozenset(), opened)
    environment = None
    if named.isascii() and named.isdigit() and len(named) < 19:
        environment = Environment.objects.visible_to(user).select_related("project").filter(pk=int(named)).first()
    if environment is None:
        raise NotFound(f"environment {named!r} not found")
    return Access(actor, rights_of(user, environment), environment)


def open_environment() -> Environment | None:
    """The environment that anybody may use without a key; only where the settings name one."""
    return Environment.objects.named(settings.OPEN_ENVIRONMENT).select_related("project").first()


def rights_of(user: object, environment: Environment) -> frozenset[Right]:
    """Everything that a person may do in an environment."""
    rights = RIGHTS[Role.ADMIN]
    here = Environment.objects.filter(pk=environment.pk)
    return frozenset(right for right in rights if here.permitting(user, right).exists())


def actor_of(user: object, request: Request | HttpRequest) -> Actor:
    """A person, for the log."""
    return Actor(f"user:{user.pk}", str(user), _request_id(request), _reason(request))  # type: ignore[attr-defined]


def _request_id(request: Request | HttpRequest) -> str:
    """The caller's own name for the request, if it is fit to be stored."""
    given = request.headers.get("X-Request-Id", "")
    return given[:255] if given.isprintable() else ""


def _reason(request: Request | HttpRequest) -> str:
    """Why the caller edits, if it says so: in a header, or beside the admin's button."""
    is_api = isinstance(request, Request)
    given = request.headers.get(REASON_HEADER, "") or ("" if is_api else request.POST.get(REASON_FIELD, ""))
    return "".join(character if character.isprintable() else " " for character in given).strip()[:REASON_LENGTH]
