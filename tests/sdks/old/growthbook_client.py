"""A program for any version of GrowthBook's SDK for Python: line by line, what it makes of a subject.

The first line of its input says how it is to work, the others who asks for which features; it answers with the values.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from growthbook import GrowthBook
from growthbook.common_types import FeatureRefreshStrategy, Options, UserContext
from growthbook.growthbook_client import GrowthBookClient

TOLD = json.loads(sys.stdin.readline())
AT = {"api_host": TOLD["host"], "client_key": TOLD["key"]}
if TOLD.get("decryption_key"):
    AT["decryption_key"] = TOLD["decryption_key"]


def say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def synchronous() -> None:
    """The client that fetches once, and again when its copy is old."""
    more: dict[str, Any] = {"remote_eval": True} if TOLD["mode"] == "remote" else {}
    client = GrowthBook(**AT, **more)
    if TOLD["mode"] != "remote":
        client.load_features()
    for line in sys.stdin:
        asked = json.loads(line)
        client.set_attributes(asked["attributes"])
        if TOLD["mode"] == "remote":
            client.load_features()
        say({key: client.eval_feature(key).value for key in asked["keys"]})


async def asynchronous() -> None:
    """The client that listens to the stream."""
    more: dict[str, Any] = {"remote_eval": True} if TOLD["mode"] == "async remote" else {}
    if TOLD["mode"] == "tracking":
        from growthbook.plugins import growthbook_tracking_plugin  # noqa: PLC0415  older ones have none

        more["tracking_plugins"] = [growthbook_tracking_plugin(ingestor_host=TOLD["host"], batch_size=1)]
    client = GrowthBookClient(Options(**AT, refresh_strategy=FeatureRefreshStrategy.SERVER_SENT_EVENTS, **more))
    await client.initialize()
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        user = UserContext(attributes=asked["attributes"])
        say({key: (await client.eval_feature(key, user)).value for key in asked["keys"]})


PROGRAMS: dict[str, Callable[[], None]] = {"sync": synchronous, "remote": synchronous}
PROGRAMS.get(TOLD["mode"], lambda: asyncio.run(asynchronous()))()
os._exit(0)  # its threads would stay
