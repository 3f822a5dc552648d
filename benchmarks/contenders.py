"""The servers that are measured: ours, the floors under them, and services as others would write them."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import process
from benchmarks.installation import COMMAND, ROOT, Installation
from benchmarks.process import Server

BIN = Path(sys.executable).parent
PLAIN = "benchmarks/plain.conf.py"
SETTLING = 1.0
"""Seconds that the other workers have for their start once the first one answers."""
Running = contextlib.AbstractContextManager[Server]


def edge(installation: Installation, **env: str) -> Running:
    """Switchyard's edge, as the Procfile starts it."""
    return _serve(installation, "edge", edge_command(), path="/readyz", **env)


def web(installation: Installation, **env: str) -> Running:
    """Switchyard's web process."""
    return _serve(installation, "web", COMMAND, path="/readyz", **env)


def floor(installation: Installation, **env: str) -> Running:
    """The server of both with their options, and a constant answer."""
    return _serve(installation, "floor", _gunicorn("benchmarks.floor:app", "-c", PLAIN), **env)


def granian(installation: Installation, **env: str) -> Running:
    """The fastest server that is there for Python, and a constant answer."""
    options = "--interface wsgi --host 127.0.0.1 --port $PORT --workers $WEB_CONCURRENCY --blocking-threads 32"
    rest = "--backlog 2048 --backpressure 2048 --http 1 --no-ws --log-level error benchmarks.floor:application"
    return _serve(installation, "granian", in_shell((str(BIN / "granian"), *options.split(), *rest.split())), **env)


def growthbook_fastapi(installation: Installation, **env: str) -> Running:
    """FastAPI and the GrowthBook SDK, on the web process's server."""
    target = "benchmarks.rivals.growthbook_fastapi:app"
    return _serve(installation, "growthbook-fastapi", _gunicorn(target, "-c", PLAIN), **env)


def flagsmith_django(installation: Installation, **env: str) -> Running:
    """Django REST framework and Flagsmith's engine, on gunicorn with a few threads."""
    target = "benchmarks.rivals.flagsmith_django:application"
    options = ("--worker-class", "gthread", "--threads", "4", "--keep-alive", "75", "--no-control-socket")
    command = _gunicorn(target, *options, "--bind", "127.0.0.1:$PORT", "--workers", "$WEB_CONCURRENCY")
    return _serve(installation, "flagsmith-django", in_shell(command), **env)


def nginx(installation: Installation, **env: str) -> Running:
    """nginx with a constant answer: no application at all, for those who have it."""
    directory = installation.directory
    (directory / "nginx.in").write_text(NGINX)
    fill_in = f"sed s/PORT/$PORT/\\;s/WORKERS/$WEB_CONCURRENCY/ {directory}/nginx.in > {directory}/nginx.conf &&"
    command = (fill_in, "exec", str(shutil.which("nginx")), "-c", f"{directory}/nginx.conf", "-p", str(directory))
    return _serve(installation, "nginx", ("sh", "-c", " ".join(command)), **env)


def is_installed(name: str) -> bool:
    """Everything but nginx comes with `make setup`."""
    return name != "nginx" or shutil.which("nginx") is not None


NGINX = """
daemon off; worker_processes WORKERS; pid nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
    access_log off; keepalive_requests 1000000000; default_type application/json;
    server { listen 127.0.0.1:PORT backlog=2048; location / { return 200 '{"value":"control"}'; } }
}
"""

CONTENDERS: Mapping[str, Callable[..., Running]] = {
    "edge": edge,
    "web": web,
    "floor": floor,
    "granian floor": granian,
    "FastAPI + growthbook": growthbook_fastapi,
    "Django REST + flagsmith": flagsmith_django,
    "nginx": nginx,
}


def edge_command() -> tuple[str, ...]:
    """The Procfile's command for the edge."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    (line,) = (line.partition("ENV=production ")[2] for line in lines if line.startswith("edge:"))
    return in_shell((str(BIN / line.split()[0]), *line.split()[1:]))


def in_shell(command: tuple[str, ...]) -> tuple[str, ...]:
    """With the variables of the environment filled in."""
    return ("sh", "-c", f"exec {' '.join(command)}")


def _gunicorn(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "gunicorn", *arguments)


@contextlib.contextmanager
def _serve(
    installation: Installation, name: str, command: tuple[str, ...], *, path: str = "/health", **env: str
) -> Iterator[Server]:
    used = {**installation.env, "ABC_CLOCK_SKEW": "0", "BIND": "127.0.0.1", "PYTHONPATH": str(ROOT), **env}
    log = installation.directory / f"{name}-{len(list(installation.directory.glob('*.log')))}.log"
    with process.serve(command, env=used, cwd=ROOT, log=log, path=path) as server:
        time.sleep(SETTLING)
        yield server
