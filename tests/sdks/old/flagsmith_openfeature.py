"""A program for OpenFeature's provider over Flagsmith's client: what it makes of some flags for one identity."""

import json
import sys

from flagsmith import Flagsmith
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature_flagsmith.provider import FlagsmithProvider  # type: ignore[import-not-found]  # it has its own


def main() -> None:
    told = json.load(sys.stdin)
    client = Flagsmith(environment_key=told["key"], api_url=told["api_url"])
    api.set_provider(FlagsmithProvider(client, return_value_for_disabled_flags=True))
    provider = api.get_client()
    somebody = EvaluationContext(told["identifier"], told["traits"])
    answers = {
        "beta": provider.get_boolean_value("beta", False, somebody),
        "limit": provider.get_integer_value("limit", -1, somebody),
        "theme": provider.get_object_value("theme", {}, somebody),
        "checkout": provider.get_string_value("checkout", "none", somebody),
        "unknown": provider.get_boolean_details("unknown", True, somebody).error_code,
    }
    json.dump(answers, sys.stdout)


main()
