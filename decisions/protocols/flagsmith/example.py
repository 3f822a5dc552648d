"""One flag, asked for as Flagsmith's SDKs ask."""

from typing import Any
from urllib.parse import quote

from decisions.protocols._base import Example, Question, Told


def example(question: Question) -> Example:
    """POST /api/v1/identities/, for one flag; the identity is transient, so that nothing is kept of it."""
    traits = [{"trait_key": name, "trait_value": value} for name, value in question.attributes.items()]
    return Example(
        f"/api/v1/identities/?feature={quote(question.feature_key, safe='')}",
        {"identifier": question.subject_key, "traits": traits, "transient": True},
        (("X-Environment-Key", question.key),),
        told,
    )


def told(answer: Any) -> Told:
    """Objects and lists travel as text."""
    return Told(answer["feature_state_value"], answer["reason"], answer["variant"])
