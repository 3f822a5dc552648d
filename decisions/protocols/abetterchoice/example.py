"""One flag, asked for by a signed call."""

from shlex import quote
from time import time
from typing import Any

from decisions.engine.conditions.attributes import written
from decisions.engine.conditions.operators import is_scalar
from decisions.protocols._base import Example, Question, Told
from decisions.protocols.abetterchoice.answers import text
from decisions.protocols.abetterchoice.signing import signature


def example(question: Question) -> Example:
    """POST /abc/get_feature_flags, signed as of now."""
    moment, signer = str(int(time())), question.signer
    signed = signature(question.key, signer, moment)
    return Example(
        "/abc/get_feature_flags",
        {
            "project_id": question.project_key,
            "unit_id": question.subject_key,
            "feature_names": [question.feature_key],
            "profiles": {name: {"user_attrs": texts(value)} for name, value in question.attributes.items()},
        },
        (("X-Ak", signer), ("X-Et", moment), ("X-Es", signed)),
        told,
        prelude=(
            f"name={quote(signer)} token={quote(question.key)} et=$(date +%s)",
            'es=$(printf %s "$token$name$et" | md5sum | cut -c1-32)',
        ),
        in_shell=(("X-Ak", "$name"), ("X-Et", "$et"), ("X-Es", "$es")),
    )


def texts(value: Any) -> list[str]:
    """All attributes travel as lists of text."""
    return [written(one) if is_scalar(one) else text(one) for one in (value if isinstance(value, list) else [value])]


def told(answer: Any) -> Told:
    """Whoever takes part in an experiment is told of their group. Errors have no data, and a message."""
    found = next(iter((answer.get("data") or {}).values()), None)
    if found is None:
        return Told(None, answer["msg"])
    group = found["relative_experiment"]
    return Told(found["value"], "experiment" if group else "", group["group_key"] if group else None)
