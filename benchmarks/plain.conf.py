"""The web process's server and options for other applications: with uvicorn's own HTTP, without our short cut."""

from pathlib import Path
from runpy import run_path

globals().update(run_path(str(Path(__file__).parent.parent / "gunicorn.conf.py")))
worker_class = globals()["worker_class"]
worker_class.CONFIG_KWARGS = {**worker_class.CONFIG_KWARGS, "http": "httptools"}
