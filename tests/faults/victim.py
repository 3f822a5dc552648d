"""A process whose children edit and decide until they are killed: `python -m tests.faults.victim ROUNDS FILE`.

What a child was told is written to FILE as soon as it is told, in one piece, so that the kill cannot halve it.
"""

import json
import os
import random
import signal
import sys
import threading
from time import sleep

import django

django.setup()

from django.db import connections  # noqa: E402  its settings need Django to be set up

from audits.services import SYSTEM  # noqa: E402
from decisions.process import gateway  # noqa: E402
from decisions.wsgi import respond  # noqa: E402
from features import services as features  # noqa: E402
from features.models import Feature  # noqa: E402

DECIDERS = 8
MOMENTS = (0.0, 0.12)  # seconds between the first thing that a child is told, and its end


def main() -> int:
    rounds, path = int(sys.argv[1]), sys.argv[2]
    told = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(rounds):
        connections.close_all()
        began, begun = os.pipe()
        if (child := os.fork()) == 0:
            work(number, told, begun)
        os.read(began, 1)
        sleep(random.uniform(*MOMENTS))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(began)
        os.close(begun)
    return 0


def work(number: int, told: int, begun: int) -> None:
    """Never returns."""
    gateway()
    for who in range(DECIDERS):
        threading.Thread(target=decide, args=(f"{number}-{who}", told), daemon=True).start()
    edit(number, told, begun)


def edit(number: int, told: int, begun: int) -> None:
    feature = Feature.objects.get(key="banner", project__key="open")
    for turn in range(1_000_000):
        features.update_feature(feature, name=f"name-{number}-{turn}", actor=SYSTEM)
        os.write(told, f"edit name-{number}-{turn}\n".encode())
        os.write(begun, b".")


def decide(who: str, told: int) -> None:
    front = gateway()
    match = front.find("/decisions")
    assert match is not None
    for turn in range(1_000_000):
        request_id = f"r-{who}-{turn}"
        body = json.dumps({"request_id": request_id, "feature_key": "checkout", "user_id": who}).encode()
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/decisions", "CONTENT_LENGTH": str(len(body))}
        response = respond(front, match, {**environ, "wsgi.input": Body(body)})
        if response.status == 200:
            os.write(told, f"decision {request_id}\n".encode())


class Body:
    """As a server hands one on."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def read(self, size: int) -> bytes:
        return self.body[:size]


if __name__ == "__main__":
    sys.exit(main())
