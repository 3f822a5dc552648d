"""How the web process serves: gunicorn keeps the workers alive, uvicorn speaks HTTP in each."""

import os
import sys
from pathlib import Path

from uvicorn_worker import UvicornWorker

sys.path.insert(0, str(Path(__file__).parent))

from app.env import read  # gunicorn's own script does not look in this directory yet

env = read(os.environ)
SHARED_MEMORY = "/dev/shm"  # noqa: S108 a file without a name, which gunicorn makes safely


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "decisions.shortcut:ShortCut",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 15,  # streams never end by themselves: close them before gunicorn kills the worker
        "ws_max_size": 1024 * 1024,
    }


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
