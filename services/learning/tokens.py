"""Feedback is taken only for answers that we gave, to whom we gave them: a token signs text and candidates.

Who sends another text, another item or somebody else's token teaches nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from kernel.clock import local_day
from kernel.errors import Code, InvalidInput

MAC_BYTES = 16


class Given(Struct, frozen=True, array_like=True):
    """What a token says: the text answered, the items shown, when (seconds)."""

    text: str
    items: list[str]
    at: int


class AnswerTokens:
    """``key``: 32 secret bytes, the same in all processes."""

    def __init__(self, key: bytes, keep: timedelta) -> None:
        self._key = key
        self._keep = keep

    def make(self, caller: str, text: str, items: Sequence[str], now: datetime) -> str:
        payload = msgspec.json.encode(Given(text, list(items), int(now.timestamp())))
        return f"{_text(payload)}.{_text(self._mac(caller, payload))}"

    def read(self, caller: str, token: str, now: datetime) -> Given:
        """Raises InvalidInput FEEDBACK_REFUSED for a token that is not ours, not this caller's, or too old."""
        head, _, tail = token.partition(".")
        try:
            payload, mac = _bytes(head), _bytes(tail)
        except (binascii.Error, ValueError):
            raise InvalidInput(Code.FEEDBACK_REFUSED, field="$.answer") from None
        if not hmac.compare_digest(mac, self._mac(caller, payload)):
            raise InvalidInput(Code.FEEDBACK_REFUSED, field="$.answer")
        given = msgspec.json.decode(payload, type=Given)
        if not 0 <= now.timestamp() - given.at + 1 <= self._keep.total_seconds() + 1:
            raise InvalidInput(Code.FEEDBACK_REFUSED, field="$.answer")
        return given

    def voter(self, caller: str, now: datetime) -> str:
        """A name for who votes that is another one each day: people can be counted, not followed."""
        said = f"voter\n{local_day(now).isoformat()}\n{caller}".encode()
        return hmac.digest(self._key, said, "sha256")[:8].hex()

    def _mac(self, caller: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, b"answer\n" + caller.encode() + b"\n" + payload, "sha256")[:MAC_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
