"""Other versions of SDKs, each in an environment of its own that is made when it is first asked for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / ".venv/sdks"
HERE = Path(__file__).parent


def python_with(*requirements: str) -> Path:
    """A Python with these packages, such as flagsmith==3.10.0; the first of them names its environment."""
    home = FOLDER / requirements[0].replace("==", "-")
    python, stamp = home / "bin/python", home / ".installed"
    if not stamp.exists():
        run(sys.executable, "-m", "venv", str(home))
        run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)
        stamp.touch()
    return python


def node_with(*packages: str) -> Path:
    """The folder of Node's packages, with these among them."""
    home = FOLDER / "node"
    home.mkdir(parents=True, exist_ok=True)
    if missing := [name for name in packages if not (home / "node_modules" / name).exists()]:
        run("npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--silent", *missing)
    return home


def run(*command: str) -> None:
    """Raises CalledProcessError; what the command says goes where the test's own words go."""
    subprocess.run(command, check=True)


def answer_of(*command: str, told: Any, folder: Path | None = None) -> Any:
    """What a program answers in JSON to what it is told in JSON."""
    done = subprocess.run(
        command, input=json.dumps(told), capture_output=True, text=True, cwd=folder, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout)
