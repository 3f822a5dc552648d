"""What callers ask for, in the words of each protocol and of each rival, always for many different subjects."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.filling import Filled
from benchmarks.load import Ask, Mix
from decisions.protocols.abetterchoice.signing import signature

SUBJECTS = 1_000
PLANS = 200
"""Half of these are a segment's."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """A body with another subject each time, a thousand of them by turns: `%(user)d` and `%(plan)d` stand for them."""

    template: str

    def __call__(self) -> Iterator[bytes]:
        bodies = [(self.template % {"user": n, "plan": n % PLANS}).encode() for n in range(SUBJECTS)]
        return itertools.cycle(bodies)


def _post(path: str, template: str, *headers: tuple[str, str]) -> Ask:
    return Ask("POST", path, headers, Bodies(template))


ATTRIBUTES = '"plan":"plan-%(plan)d","country":"DE"'


def single(flags: Filled) -> dict[str, Ask]:
    """One feature for one subject, over every protocol."""
    feature, key = flags.features[-1], flags.client[0]
    return {
        "OFREP": _post(
            f"/ofrep/v1/evaluate/flags/{feature}",
            '{"context":{"targetingKey":"u-%(user)d",' + ATTRIBUTES + "}}",
            ("X-API-Key", key),
        ),
        "GO Feature Flag": _post(
            f"/v1/feature/{feature}/eval",
            '{"evaluationContext":{"key":"u-%(user)d","custom":{' + ATTRIBUTES + '}},"defaultValue":"off"}',
            ("X-API-Key", key),
        ),
        "GrowthBook API": _post(
            "/evaluate_feature",
            '{"feature_key":"' + feature + '","user_attributes":{"id":"u-%(user)d",' + ATTRIBUTES + "}}",
            ("Client-Token", key),
        ),
        "Flagsmith": Ask("GET", f"/api/v1/flags/?feature={feature}", (("X-Environment-Key", key),)),
        "ABetterChoice": _post(
            "/abc/get_feature_flags",
            '{"project_id":"' + flags.project + '","unit_id":"u-%(user)d","feature_names":["' + feature + '"],'
            '"profiles":{"plan":{"user_attrs":["plan-%(plan)d"]},"country":{"user_attrs":["DE"]}}}',
            *signed(flags),
        ),
    }


def signed(flags: Filled) -> tuple[tuple[str, str], ...]:
    """The headers that ABetterChoice's callers sign with; the servers are told that a signature never gets old."""
    moment = str(int(time.time()))
    return ("X-Ak", flags.signer), ("X-Et", moment), ("X-Es", signature(flags.signing, flags.signer, moment))


def bulk(flags: Filled) -> dict[str, Ask]:
    """Every feature for one subject."""
    key = flags.client[0]
    return {
        "OFREP": _post(
            "/ofrep/v1/evaluate/flags",
            '{"context":{"targetingKey":"u-%(user)d",' + ATTRIBUTES + "}}",
            ("X-API-Key", key),
        ),
        "GO Feature Flag": _post(
            "/v1/allflags",
            '{"evaluationContext":{"key":"u-%(user)d","custom":{' + ATTRIBUTES + "}}}",
            ("X-API-Key", key),
        ),
        "GrowthBook": _post(f"/api/eval/{key}", '{"attributes":{"id":"u-%(user)d",' + ATTRIBUTES + "}}"),
        "Flagsmith": identities(flags),
        "ABetterChoice": _post(
            "/abc/get_feature_flags",
            '{"project_id":"' + flags.project + '","unit_id":"u-%(user)d",'
            '"profiles":{"plan":{"user_attrs":["plan-%(plan)d"]},"country":{"user_attrs":["DE"]}}}',
            *signed(flags),
        ),
    }


def identities(flags: Filled) -> Ask:
    """Flagsmith's only call about a subject: all features, after one look for traits that were kept before."""
    return _post(
        "/api/v1/identities/",
        '{"identifier":"u-%(user)d","transient":true,"traits":[{"trait_key":"plan","trait_value":"plan-%(plan)d"},'
        '{"trait_key":"country","trait_value":"DE"}]}',
        ("X-Environment-Key", flags.client[0]),
    )


def documents(flags: Filled) -> dict[str, Ask]:
    """Everything that deciding elsewhere takes."""
    return {
        "Flagsmith": Ask("GET", "/api/v1/environment-document/", (("X-Environment-Key", flags.server[0]),)),
        "GrowthBook": Ask("GET", f"/api/features/{flags.client[0]}"),
        "GO Feature Flag": Ask("POST", "/v1/flag/configuration", (("X-API-Key", flags.server[0]),)),
    }


def unchanged(ask: Ask, etag: str) -> Ask:
    """The same, from somebody who has it already."""
    return Ask(ask.method, ask.path, (*ask.headers, ("If-None-Match", etag)), ask.bodies)


def all_by_growthbook(flags: Filled) -> Ask:
    """All features from the FastAPI rival; about one, it answers the same call as we do."""
    template = '{"user_attributes":{"id":"u-%(user)d",' + ATTRIBUTES + "}}"
    return _post("/evaluate_all", template, ("Client-Token", flags.client[0]))


def by_flagsmith(flags: Filled, feature: str | None = None) -> Ask:
    """One feature, or all, from the Django rival."""
    which = f',"feature":"{feature}"' if feature else ""
    template = '{"identifier":"u-%(user)d","traits":{' + ATTRIBUTES + "}" + which + "}"
    return _post("/evaluate/", template, ("X-Environment-Key", flags.client[0]))


def replay(flags: Filled, etags: Mapping[str, str]) -> Mix:
    """What a day looks like: mostly single questions, some for everything, and many who ask whether anything is new."""
    singles, all_at_once, whole = single(flags), bulk(flags), documents(flags)
    return Mix(
        (
            *((ask, 12) for ask in singles.values()),
            (all_at_once["OFREP"], 5),
            (all_at_once["GO Feature Flag"], 5),
            (all_at_once["GrowthBook"], 5),
            *((unchanged(ask, etags[name]), 7) for name, ask in whole.items()),
            *((ask, 1) for ask in whole.values()),
        )
    )


def everywhere(flags: Filled) -> Mix:
    """The same question in every environment by turns."""
    feature = flags.features[-1]
    body = '{"context":{"targetingKey":"u-%(user)d",' + ATTRIBUTES + "}}"
    asks = [_post(f"/ofrep/v1/evaluate/flags/{feature}", body, ("X-API-Key", key)) for key in flags.client]
    return Mix(tuple((ask, 1) for ask in asks))
