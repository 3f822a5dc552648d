"""One feature, asked for by OFREP."""

from typing import Any
from urllib.parse import quote

from decisions.protocols._base import Example, Question, Told


def example(question: Question) -> Example:
    """POST /ofrep/v1/evaluate/flags/{key}."""
    named = {"targetingKey": question.subject_key} if question.subject_key else {}
    return Example(
        f"/ofrep/v1/evaluate/flags/{quote(question.feature_key, safe='')}",
        {"context": {**question.attributes, **named}},
        (("Authorization", f"Bearer {question.key}"),),
        told,
    )


def told(answer: Any) -> Told:
    """Without a value the application's own default holds."""
    return Told(answer.get("value"), answer["reason"], answer.get("variant"))
