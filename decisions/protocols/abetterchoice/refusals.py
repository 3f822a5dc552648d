"""Refusals in ABetterChoice's envelope: its SDKs read `ret_code`, and take any status but 2xx for a broken network."""

from collections.abc import Callable
from typing import Any

from decisions.protocols._base import Kind, Refusal, Reply
from decisions.protocols.abetterchoice.signing import AS_IT_IS, NO_PERMISSION

SUCCESS, DENIED, LIMITED, NO_PROJECT, BROKEN, INVALID = 100, 101, 102, 103, 104, 105
RET_CODES = {
    Kind.UNAUTHENTICATED: DENIED,
    Kind.FORBIDDEN: DENIED,
    Kind.TOO_MANY: LIMITED,
    Kind.INTERNAL: BROKEN,
    Kind.UNAVAILABLE: BROKEN,
    Kind.TOO_BUSY: BROKEN,
}
MESSAGES = {DENIED: NO_PERMISSION, LIMITED: "traffic limit", BROKEN: "server error"}
RETRY = (("Retry-After", "1"),)


class NoProject(Refusal):
    """The project is missing, or is not the key's."""


def refuser(*, strict_status: bool) -> Callable[[Refusal], Reply]:
    """`{"ret_code", "msg"}`, with both kinds of nothing for typed clients; with status 200 unless told otherwise."""

    def refuse(refusal: Refusal) -> Reply:
        body: dict[str, Any] = {"ret_code": ret_code(refusal), "msg": message(refusal), "exp_data": {}, "data": {}}
        is_strict = strict_status or refusal.kind is Kind.METHOD_NOT_ALLOWED
        return Reply(
            body, status=refusal.status if is_strict else 200, headers=RETRY if refusal.kind is Kind.UNAVAILABLE else ()
        )

    return refuse


def ret_code(refusal: Refusal) -> int:
    return NO_PROJECT if isinstance(refusal, NoProject) else RET_CODES.get(refusal.kind, INVALID)


def message(refusal: Refusal) -> str:
    """What went wrong. Who may not know more is told no more."""
    code = ret_code(refusal)
    if refusal.details == AS_IT_IS:
        return refusal.detail
    return MESSAGES.get(code) or f"invalid param: {refusal.detail}"
