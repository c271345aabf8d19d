"""What every SMS operator's gateway offers, and what became of one short message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateways.outcomes import Delivery

# The state allots 11 digits beginning with 1; which second digits are in use changes, so it is not checked here.
_MAINLAND = re.compile(r"(?:\+86)?(1\d{10})")


class PhoneFormatError(ValueError):
    """Not a mainland mobile number: nothing has been sent."""


@dataclass(frozen=True, slots=True)
class SmsOutcome:
    """The fate of one short message to one number.

    ``serial`` is the operator's id, under which the receipt comes (Tencent SerialNo, Aliyun BizId). ``parts`` is the
    number of messages charged. ``code`` and ``message`` are the operator's own. ``retry_after`` (seconds) goes with
    RETRY only. ``session_context`` comes back as given.
    """

    delivery: Delivery
    phone: str = field(repr=False)
    session_context: str
    serial: str | None = None
    parts: int = 0
    code: str = ""
    message: str = ""
    request_id: str = ""
    retry_after: float | None = None

    @property
    def may_have_happened(self) -> bool:
        return self.delivery.may_have_happened


class SmsGateway(Protocol):
    """One operator. Never sends twice by itself, never raises for the operator's part."""

    async def send(self, phone: str, template_id: str, params: Sequence[str], session_context: str) -> SmsOutcome:
        """Send one approved template. ``phone`` mainland, with or without +86; ``params`` in the template's order;
        ``session_context`` under 512 bytes, returned in the outcome. Raises PhoneFormatError (a ValueError)."""
        ...

    def close(self) -> None: ...


def e164(phone: str) -> str:
    """``+8613800138000``. Raises PhoneFormatError for anything but a mainland mobile number."""
    match = _MAINLAND.fullmatch(phone.strip())
    if match is None:
        raise PhoneFormatError("not a mainland mobile number")
    return "+86" + match.group(1)
