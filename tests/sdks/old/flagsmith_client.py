"""A program for any version of Flagsmith's client for Python: what it is told, and what it decides itself."""

import json
import sys
from typing import Any

from flagsmith import Flagsmith


def seen(client: Any, identifier: str, traits: dict[str, Any], **options: Any) -> dict[str, Any]:
    flags = client.get_identity_flags(identifier, traits, **options).all_flags()
    return {flag.feature_name: [flag.enabled, flag.value] for flag in flags}


def main() -> None:
    told = json.load(sys.stdin)
    at = {"environment_key": told["key"], "api_url": told["api_url"]}
    remote, local = Flagsmith(**at), Flagsmith(**at, enable_local_evaluation=True)
    answers = [
        {"remote": seen(remote, identifier, traits), "local": seen(local, identifier, traits)}
        for identifier, traits in told["identities"]
    ]
    json.dump(answers, sys.stdout)


main()
