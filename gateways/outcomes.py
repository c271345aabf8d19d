"""What became of one message that was handed to the outside world.

A message must never go out twice for one cause, so the answer to "may I send it again?" is a value and not a guess.
"""

from __future__ import annotations

from enum import StrEnum


class Delivery(StrEnum):
    """The fate of one send. ``may_have_happened`` is the question a sender asks before it does anything else."""

    ACCEPTED = "accepted"  # the upstream took the message and named it
    NO_CONSENT = "no_consent"  # the person has not, or no longer, opened this channel: use another one
    REFUSED = "refused"  # final: the same message will be refused again; somebody must change something
    RETRY = "retry"  # certainly not sent; the same message may be sent later, after ``retry_after`` seconds
    UNKNOWN = "unknown"  # no usable answer: it may have gone out, so it is never sent again

    @property
    def may_have_happened(self) -> bool:
        return self in (Delivery.ACCEPTED, Delivery.UNKNOWN)
