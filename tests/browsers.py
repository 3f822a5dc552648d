"""A Chromium to drive. Where a machine has none, Debian's package is installed, and that is said."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "No Chromium was found ({names}). The browser tests need one: run `apt-get install chromium` as root, "
    "or put one of these names on the PATH."
)


def chromium() -> str:
    """Where Chromium is. Raises RuntimeError where there is none and none can be installed.

    Several test processes ask at once: the first installs, and the others wait until that is done.
    """
    with (Path(gettempdir()) / "switchyard-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
            install()
        found = find()
    if found is None:
        raise RuntimeError(MISSING.format(names=", ".join(NAMES)))
    return found


def find() -> str | None:
    """A Chromium that is installed already."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Debian's chromium."""
    say("No Chromium is installed: installing Debian's with apt-get. This takes a minute, once.")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", *step], env=quiet, stdout=subprocess.DEVNULL, check=True)


def say(text: str) -> None:
    """To the terminal, past what captures the output of tests."""
    stream = sys.__stderr__
    if stream:
        stream.write(f"\n{text}\n")
        stream.flush()
