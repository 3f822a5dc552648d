"""Talking with an SDK that runs in a process of its own: a line there, a line back."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 10.0


class Conversation:
    """A program that answers every line of JSON with one, but for the first: that tells it how to work."""

    def __init__(self, process: "subprocess.Popen[str]", told: Mapping[str, Any]) -> None:
        self.process = process
        self._say(told)

    def ask(self, attributes: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
        """The values that a subject has there now."""
        self._say({"attributes": attributes, "keys": keys})
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def seconds_until(self, key: str, value: Any, attributes: Mapping[str, Any]) -> float:
        """How long it takes until a subject has a value; the patience, if it never does."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < PATIENCE and self.ask(attributes, [key])[key] != value:
            time.sleep(0.01)
        return passed

    def _say(self, line: Mapping[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()


@contextmanager
def conversation(*command: str, told: Mapping[str, Any], folder: Path | None = None) -> Iterator[Conversation]:
    """Run a program until the block ends."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        yield Conversation(process, told)
    finally:
        process.kill()
        process.communicate()
