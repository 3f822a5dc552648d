"""Health, for load balancers and people: the process lives, the process can answer. Wire: docs/protocols/health.md."""

from decisions.protocols._base import Host, Protocol, Refusal, Reply, Route, either_slash, no_key

ALIVE = {"status": "ok", "initialized": True}
"""What Feature Hub's callers look for, and what those of GO Feature Flag do."""


def health(host: Host) -> Reply:
    """GET /health, /livez and /health/liveness/: this process answers."""
    return Reply(ALIVE)


def ready(host: Host) -> Reply:
    """GET /readyz and /health/readiness/: this process can decide. It stays ready while the database is away."""
    return Reply({"status": "ok"}) if host.is_ready() else Reply({"status": "starting"}, status=503)


def refuse(refusal: Refusal) -> Reply:
    return Reply({"detail": refusal.detail}, status=refusal.status)


PROTOCOL = Protocol(
    slug="health",
    title="Health",
    find_key=no_key,
    routes=(
        Route("GET", "/health", health, right=None, response=dict[str, str | bool]),
        Route("GET", "/livez", health, right=None, response=dict[str, str | bool]),
        Route("GET", "/readyz", ready, right=None, response=dict[str, str]),
        *either_slash(Route("GET", "/health/liveness/", health, right=None, response=dict[str, str | bool])),
        *either_slash(Route("GET", "/health/readiness/", ready, right=None, response=dict[str, str])),
    ),
    refuse=refuse,
)
