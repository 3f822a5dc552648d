"""Calls as people type them."""

import json
import shlex

from decisions.protocols._base import Example


def curl(base: str, example: Example) -> str:
    """An example as lines of shell, for the server at `base`. Only what the shell makes is left for it to read."""
    made = dict(example.in_shell)
    headers = {"Content-Type": "application/json", **dict(example.headers)}
    parts = [
        f"curl -sS {shlex.quote(base + example.target)}",
        *(_header(name, value, made.get(name)) for name, value in headers.items()),
        f"-d {shlex.quote(json.dumps(example.body, ensure_ascii=False))}",
    ]
    return "\n".join([*example.prelude, " \\\n  ".join(parts)])


def _header(name: str, value: str, made: str | None) -> str:
    return f'-H "{name}: {made}"' if made else f"-H {shlex.quote(f'{name}: {value}')}"
