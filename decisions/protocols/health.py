"""Health, for load balancers and people: the process lives, the process can answer. Wire: docs/protocols/health.md."""

from decisions.protocols._base import Call, Protocol, Refusal, Reply, Route, no_key


def health(call: Call | None) -> Reply:
    """GET /health: this process answers."""
    return Reply({"status": "ok"})


def refuse(refusal: Refusal) -> Reply:
    return Reply({"detail": refusal.detail}, status=refusal.status)


PROTOCOL = Protocol(
    slug="health",
    title="Health",
    find_key=no_key,
    routes=(
        Route("GET", "/health", health, right=None, response=dict[str, str]),
        Route("GET", "/livez", health, right=None, response=dict[str, str]),
    ),
    refuse=refuse,
)
