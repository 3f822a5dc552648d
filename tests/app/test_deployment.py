"""What a platform runs after `git push`, run here: the Procfile's commands, in production's settings, on PostgreSQL."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from benchmarks.postgres import throwaway_postgres
from benchmarks.process import serve

ROOT = Path(__file__).parent.parent.parent
SECRET_KEY = "a-secret-that-is-long-enough-for-production-and-only-here"


def procfile() -> dict[str, str]:
    """The commands by the name of their process."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name.strip(): command.strip() for name, _, command in (line.partition(":") for line in lines if line)}


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a platform gives: a database, a secret, host names, and a router in front that speaks https."""
    with throwaway_postgres() as url:
        yield {
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET_KEY,
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "STATE_DIR": str(tmp_path / "state"),
            "WEB_CONCURRENCY": "2",
            "ADMIN_PASSWORD": "a password of the operator",
        }


def test_the_procfile_releases_and_serves_on_postgresql(environ: dict[str, str], tmp_path: Path) -> None:
    commands = procfile()

    for _repeated in range(2):
        subprocess.run(["sh", "-c", commands["release"]], cwd=ROOT, env=environ, check=True, capture_output=True)

    web = ["sh", "-c", f"exec env -u DJANGO_SETTINGS_MODULE {commands['web']}"]
    with serve(web, env=environ, cwd=ROOT, log=tmp_path / "web.log") as server:
        with urlopen(f"http://127.0.0.1:{server.port}/readyz") as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{server.port}/decisions", data=b"{}")
        with refused.value:
            assert refused.value.code == 401, "nobody is served without a key in production"
