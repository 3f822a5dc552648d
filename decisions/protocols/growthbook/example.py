"""One feature, asked for as GrowthBook's SDKs ask that let the server decide."""

from functools import partial
from typing import Any
from urllib.parse import quote

from decisions.protocols._base import Example, Question, Told


def example(question: Question) -> Example:
    """POST /api/eval/{client_key}, which answers all features at once."""
    named = {"id": question.subject_key} if question.subject_key else {}
    return Example(
        f"/api/eval/{quote(question.key, safe='')}",
        {"attributes": {**question.attributes, **named}},
        (),
        partial(told, question.feature_key),
    )


def told(feature_key: str, answer: Any) -> Told:
    """The variation is in the exposure that comes with a value; whoever takes part in nothing has none."""
    feature = answer["features"].get(feature_key)
    if feature is None:
        return Told(None, "unknown feature")
    tracks = [track for rule in feature.get("rules", ()) for track in rule["tracks"]]
    own = [track["result"]["key"] for track in tracks if track["result"]["featureId"] == feature_key]
    return Told(feature["defaultValue"], "experiment" if own else "", own[0] if own else None)
