"""One line of curl for each thing that an application may ask, with keys that work."""

import json
from typing import Any

FEATURE, USER = "new_checkout", "u-123"


def tries(base: str, keys: dict[str, Any], project_key: str) -> list[tuple[str, list[str]]]:
    """Protocol by protocol: its name, and what to type. `keys` are one of each kind to an environment."""
    client, server = keys["client"], keys["server"]
    return [
        ("Flagsmith", flagsmith(base, client, server)),
        ("GrowthBook", growthbook(base, client)),
        ("GO Feature Flag", go_feature_flag(base, client, server)),
        ("OpenFeature (OFREP)", ofrep(base, client)),
        ("ABetterChoice", abetterchoice(base, keys["signing"], project_key)),
    ]


def curl(url: str, *headers: str, body: Any = None) -> str:
    """A call; with a body it is a POST of JSON."""
    sent = ["-H 'Content-Type: application/json'", f"-d '{json.dumps(body)}'"] if body is not None else []
    return " ".join(["curl -sS", f"'{url}'", *(f"-H '{header}'" for header in headers), *sent])


def stream(url: str) -> str:
    """A call whose answer goes on: a few seconds of it."""
    return f"curl -sSN --max-time 3 '{url}'"


def flagsmith(base: str, client: str, server: str) -> list[str]:
    key = f"X-Environment-Key: {client}"
    traits = [{"trait_key": "plan", "trait_value": "pro"}]
    return [
        curl(f"{base}/api/v1/flags/", key),
        curl(f"{base}/api/v1/identities/", key, body={"identifier": USER, "traits": traits}),
        curl(f"{base}/api/v1/environment-document/", f"X-Environment-Key: {server}"),
        curl(f"{base}/api/v1/analytics/flags/", key, body={FEATURE: 3}),
        stream(f"{base}/sse/environments/{client}/stream"),
    ]


def growthbook(base: str, client: str) -> list[str]:
    asked = {"feature_key": FEATURE, "user_attributes": {"id": USER}}
    return [
        curl(f"{base}/evaluate_feature", f"Client-Token: {client}", body=asked),
        curl(f"{base}/api/features/{client}"),
        curl(f"{base}/api/eval/{client}", body={"attributes": {"id": USER}}),
        stream(f"{base}/sub/{client}"),
    ]


def go_feature_flag(base: str, client: str, server: str) -> list[str]:
    key, user = f"X-API-Key: {client}", {"evaluationContext": {"key": USER, "custom": {"plan": "pro"}}}
    return [
        curl(f"{base}/v1/feature/{FEATURE}/eval", key, body=user | {"defaultValue": False}),
        curl(f"{base}/v1/allflags", key, body=user),
        curl(f"{base}/v1/flag/configuration", f"X-API-Key: {server}", body={"flags": []}),
    ]


def ofrep(base: str, client: str) -> list[str]:
    key, asked = f"Authorization: Bearer {client}", {"context": {"targetingKey": USER}}
    return [
        curl(f"{base}/ofrep/v1/evaluate/flags/{FEATURE}", key, body=asked),
        curl(f"{base}/ofrep/v1/evaluate/flags", key, body=asked),
    ]


def abetterchoice(base: str, signing: dict[str, str], project_key: str) -> list[str]:
    name, token = signing["name"], signing["token"]
    headers = f'-H "X-Ak: {name}" -H "X-Et: $et" -H "X-Es: $es"'
    signed = f"et=$(date +%s); es=$(printf %s '{token}{name}'$et | md5sum | cut -c1-32)"
    asked = {"project_id": project_key, "unit_id": USER}
    flags = json.dumps(asked | {"feature_names": [FEATURE]})
    return [
        signed,
        f"curl -sS {base}/abc/get_experiments {headers} -H 'Content-Type: application/json' -d '{json.dumps(asked)}'",
        f"curl -sS {base}/abc/get_feature_flags {headers} -H 'Content-Type: application/json' -d '{flags}'",
    ]
