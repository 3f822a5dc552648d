"""Stands in for curl where there is none: prints the status and the beginning of the answer, in one line a call."""

import argparse
import sys

import httpx


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("flags", nargs="*")
    parser.add_argument("-sS", action="store_true")
    parser.add_argument("-sSN", action="store_true")
    parser.add_argument("--max-time")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    asked = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in asked.H)
    method = "POST" if asked.d is not None else "GET"
    with httpx.stream(method, asked.flags[0], headers=headers, content=asked.d, timeout=10) as answer:
        first = next(answer.iter_bytes(), b"")
    sys.stdout.write(f"{answer.status_code} {first[:400]!r}\n")
    return 0 if answer.status_code == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
