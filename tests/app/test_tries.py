"""What `make run` prints can be pasted into a shell, and every line of it works."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from app.management.commands.demo import demo
from app.tries import tries
from benchmarks.process import Server

STANDS_IN = Path(__file__).with_name("curl_by_python.py")


def shell(lines: list[str]) -> str:
    """Run lines in a shell, with a `curl` that needs no program of that name."""
    function = f'curl() {{ "{sys.executable}" "{STANDS_IN}" "$@"; }}'
    script = "\n".join(["set -e", function, *lines])
    ran = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.django_db(transaction=True)
def test_every_line_that_is_printed_works(
    start_server: Callable[..., Server], settings: Settings, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    settings.OPEN_ENVIRONMENT = ""
    call_command("bootstrap")
    found = demo()
    server = start_server(workers=1, SECRET_KEY=settings.SECRET_KEY)

    for title, lines in tries(
        f"http://127.0.0.1:{server.port}", found["environments"]["development"], found["project"]["key"]
    ):
        said = shell(lines).splitlines()
        calls = [line for line in lines if line.startswith("curl")]
        answers = [line for line in said if line.startswith("200 ")]
        assert len(answers) == len(calls), (title, said)
        assert '"ret_code":1' not in "".join(said).replace('"ret_code":100', "")
