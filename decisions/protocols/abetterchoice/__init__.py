"""ABetterChoice's HTTP API. Wire: docs/protocols/abetterchoice.md."""

from decisions.protocols._base import Protocol, Route
from decisions.protocols.abetterchoice.calls import (
    AskExperiments,
    AskFlags,
    Experiments,
    Flags,
    get_experiments,
    get_feature_flags,
)
from decisions.protocols.abetterchoice.example import example
from decisions.protocols.abetterchoice.refusals import refuser
from decisions.protocols.abetterchoice.signing import find_key, verifier

CLOCK_SKEW = 300  # seconds


def configured(*, clock_skew: int = CLOCK_SKEW, strict_status: bool = False) -> Protocol:
    """The protocol with an installation's own limits: seconds that a signature is good for (0 is for ever), and
    whether errors have their own HTTP status."""
    return Protocol(
        slug="abetterchoice",
        title="ABetterChoice",
        find_key=find_key,
        verify=verifier(clock_skew),
        routes=(
            Route("POST", "/abc/get_experiments", get_experiments, request=AskExperiments, response=Experiments),
            Route("POST", "/abc/get_feature_flags", get_feature_flags, request=AskFlags, response=Flags),
        ),
        refuse=refuser(strict_status=strict_status),
        example=example,
    )


PROTOCOL = configured()
