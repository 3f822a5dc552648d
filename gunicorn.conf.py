"""How the web process and the edge serve: gunicorn keeps the workers alive, uvicorn speaks HTTP in each."""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from app.env import read  # gunicorn's own script does not look in this directory yet
from app.workers import Worker, seats

env = read(os.environ)
SHARED_MEMORY = "/dev/shm"  # noqa: S108 a file without a name, which gunicorn makes safely

bind = f"{env.bind}:{env.port}"
workers = env.web_concurrency  # one a core, when the machine is ours alone
worker_class = Worker
worker_tmp_dir = SHARED_MEMORY if os.path.isdir(SHARED_MEMORY) else None  # heartbeats must not wait for a disk
keepalive = 75  # seconds; longer than the 60 that balancers wait, or they reuse connections just closed
timeout = 30
graceful_timeout = 20
backlog = 2048
control_socket_disable = True  # one path in the home directory, which two installations would share
forwarded_allow_ips = "*" if env.trusted_proxy else "127.0.0.1,::1"


def child_exit(server: Any, worker: Any) -> None:
    """A worker that died says nothing more of its connections."""
    seats.leave(worker.age)
