"""Which features SDKs can decide in the application's own process, and why not the others."""

from time import time
from typing import Any, NamedTuple, cast

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse

from audits import theme
from decisions.process import snapshot_of
from decisions.protocols import protocols
from decisions.protocols._base import Protocol
from decisions.snapshots import EnvironmentSnapshot
from tenants.admin_base import primary_key
from tenants.models import Environment
from tenants.roles import RIGHTS, Kind

PAGE = 100


class Column(NamedTuple):
    """A protocol that hands out documents, to which keys, and what those cannot say."""

    protocol: Protocol
    kinds: list[str]
    complaints: dict[str, list[str]]

    @property
    def remote_count(self) -> int:
        return len(self.complaints)


def local_evaluation(request: HttpRequest) -> HttpResponse:
    """GET /admin/local-evaluation/: every feature by every protocol with local evaluation."""
    visible = Environment.objects.visible_to(request.user)
    environments = list(visible.select_related("project").order_by("project__name", "pk"))
    given = request.GET.get("environment")
    chosen = [one for one in environments if not given or one.pk == primary_key(given)]
    environment = chosen[0] if chosen else None
    if given and environment is None:
        raise Http404("environment not found")
    context: dict[str, Any] = {"environments": environments, "place": environment}
    if environment:
        context |= _table(request, environment)
    return theme.shown(request, "admin/playground/local.html", "Local evaluation", **context)


def _table(request: HttpRequest, environment: Environment) -> dict[str, Any]:
    snapshot = snapshot_of(environment)
    if snapshot is None:
        raise Http404("environment not found")
    columns = columns_of(snapshot)
    text, only = request.GET.get("q", ""), request.GET.get("only", "")
    remote = {key for column in columns for key in column.complaints}
    keys = [key for key in sorted(snapshot.definitions) if text.lower() in key.lower() and (not only or key in remote)]
    page = Paginator(keys, PAGE).get_page(request.GET.get("page"))
    rows = [(key, [(column, column.complaints.get(key)) for column in columns]) for key in page.object_list]
    counts = {"remote": len(remote), "total": len(snapshot.definitions)}
    return {"columns": columns, "rows": rows, "page": page, "text": text, "only": only, **counts}


def columns_of(snapshot: EnvironmentSnapshot) -> list[Column]:
    """The columns as they are this minute, kept with the snapshot: what documents can say changes with schedules."""
    kept: dict[str, Any] = snapshot.keep("admin.local_evaluation", dict)
    minute = int(time() // 60)
    if kept.get("minute") != minute:
        columns = [column_of(protocol, snapshot) for protocol in protocols() if protocol.local_evaluation]
        kept.update(minute=minute, columns=columns)
    return cast(list[Column], kept["columns"])


def column_of(protocol: Protocol, snapshot: EnvironmentSnapshot) -> Column:
    assert protocol.local_evaluation  # noqa: S101  the others have no column
    found = protocol.local_evaluation(snapshot)
    return Column(protocol, kinds_for(protocol), {key: list(reasons) for key, reasons in found.items() if reasons})


def kinds_for(protocol: Protocol) -> list[str]:
    """The kinds of keys that get the protocol's documents. Signing keys open nothing without a signature."""
    if protocol.local_right is None:
        return []
    return [kind.value for kind in Kind if kind is not Kind.SIGNING and protocol.local_right in RIGHTS[kind]]
