"""The life of a message, as data.

``uncertain`` is not a failure and not a success: the request may have happened, so the message is never sent again.
Only somebody who knows the fate moves it on: a late answer, an SMS receipt, a WeChat sent event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kernel.machine import Actor, Edge, Machine


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    INBOX_ONLY = "inbox_only"


_SYSTEM = (Actor.SYSTEM,)

QUEUE: Final = Edge("queue", (), State.QUEUED, "message.queued", _SYSTEM)

MESSAGE: Final = Machine(
    "message",
    (State.QUEUED,),
    (
        Edge("claim", (State.QUEUED,), State.SENDING, "message.sending", _SYSTEM),
        # Not now: quiet hours, or something of ours failed before anything was asked of the outside world.
        Edge("postpone", (State.QUEUED,), State.QUEUED, "message.postponed", _SYSTEM),
        Edge("keep_in_inbox", (State.QUEUED,), State.INBOX_ONLY, "message.inbox_only", _SYSTEM),
        # Every channel refused for good, or nobody took it in all the attempts.
        Edge("give_up", (State.QUEUED,), State.FAILED, "message.failed", _SYSTEM),
        # Certainly not sent: back in the queue, for later or for the other channel.
        Edge("retry", (State.SENDING,), State.QUEUED, "message.requeued", _SYSTEM),
        Edge("lose", (State.SENDING,), State.UNCERTAIN, "message.uncertain", _SYSTEM),
        # From uncertain: the lease ran out under a slow sender, whose answer came after all.
        Edge("accept", (State.SENDING, State.UNCERTAIN), State.SENT, "message.sent", _SYSTEM),
        # From sending: a receipt may be faster than our own bookkeeping.
        Edge(
            "confirm",
            (State.SENDING, State.SENT, State.UNCERTAIN),
            State.DELIVERED,
            "message.delivered",
            _SYSTEM,
        ),
        Edge(
            "report_failure",
            (State.SENDING, State.SENT, State.UNCERTAIN),
            State.FAILED,
            "message.failed",
            _SYSTEM,
        ),
    ),
)

# Shown to the resident, and to staff who are asked "did you tell me?".
STATE_WORDS: Final = {
    State.QUEUED: "等待发送",
    State.SENDING: "正在发送",
    State.SENT: "已发出",
    State.DELIVERED: "已送达",
    State.FAILED: "未能送达，请在此查看",
    State.UNCERTAIN: "送达情况未知，请在此查看",
    State.INBOX_ONLY: "仅站内消息",
}

# States that people should look at: nobody was reached, or nobody knows.
TROUBLE: Final = frozenset({State.FAILED, State.UNCERTAIN})
