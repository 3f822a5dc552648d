"""Health, for load balancers and people: the process lives, the process can answer. Wire: docs/protocols/health.md."""

from decisions.protocols._base import Host, Protocol, Refusal, Reply, Route, no_key


def health(host: Host) -> Reply:
    """GET /health and /livez: this process answers."""
    return Reply({"status": "ok"})


def ready(host: Host) -> Reply:
    """GET /readyz: this process has read its configuration. It stays ready while the database is away."""
    return Reply({"status": "ok"}) if host.is_ready() else Reply({"status": "starting"}, status=503)


def refuse(refusal: Refusal) -> Reply:
    return Reply({"detail": refusal.detail}, status=refusal.status)


PROTOCOL = Protocol(
    slug="health",
    title="Health",
    find_key=no_key,
    routes=(
        Route("GET", "/health", health, right=None, response=dict[str, str]),
        Route("GET", "/livez", health, right=None, response=dict[str, str]),
        Route("GET", "/readyz", ready, right=None, response=dict[str, str]),
    ),
    refuse=refuse,
)
