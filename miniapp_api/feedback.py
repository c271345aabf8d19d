"""What a resident says about an answer: this one, none of these, it helped, it did not."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import ANYONE, Idempotency, Limit, Route
from kernel.errors import Code
from services.learning.model import SignalKind


class FeedbackRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``answer``: the ``feedback`` of the answer meant, which is taken for a day and only from who was answered.
    ``item``: one of those shown; none for ``none_of_these``."""

    answer: Annotated[str, Meta(min_length=1, max_length=2000)]
    kind: Literal["chosen", "none_of_these", "helpful", "not_helpful"]
    item: Annotated[str, Meta(max_length=12)] = ""


class FeedbackAnswer(Struct, kw_only=True):
    """``counted``: false when the caller has judged an answer to the same words today; the first word counts."""

    counted: bool


async def feedback(call: Call, body: FeedbackRequest) -> FeedbackAnswer:
    """Counts a vote. It changes nothing by itself: enough of them become a proposal that somebody reviews."""
    kind = SignalKind(body.kind)
    return FeedbackAnswer(counted=await call.city.learning.do_feedback(call.caller, body.answer, kind, body.item))


ROUTES = [
    Route(
        "POST", "/api/feedback", feedback, ANYONE, Limit.WRITE, Idempotency.NATURAL, "Judge an answer",
        (Code.FEEDBACK_REFUSED,),
    ),
]  # fmt: skip
