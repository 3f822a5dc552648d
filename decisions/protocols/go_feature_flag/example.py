"""One feature, asked for as GO Feature Flag's clients ask."""

from typing import Any
from urllib.parse import quote

from decisions.protocols._base import Example, Question, Told


def example(question: Question) -> Example:
    """POST /v1/feature/{flag}/eval."""
    context = {"key": question.subject_key, "custom": dict(question.attributes)}
    return Example(
        f"/v1/feature/{quote(question.feature_key, safe='')}/eval",
        {"evaluationContext": context, "defaultValue": None},
        (("X-API-Key", question.key),),
        told,
    )


def told(answer: Any) -> Told:
    """An error is an answer too: with the default, and a code."""
    return Told(answer["value"], answer["errorCode"] or answer["reason"], answer["variationType"])
