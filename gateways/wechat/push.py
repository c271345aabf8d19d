"""WeChat's message push: what arrives at our callback, checked, decrypted and given one shape.

Only secure mode (encrypt_type=aes) is accepted: in plain mode anybody who knows the address can speak as WeChat.
WeChat waits 5 seconds for ``success`` (or an empty body) and repeats up to 3 times, and a signed request can be
replayed: whoever acts on an event deduplicates by its ``dedup_key``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

import msgspec
import xmltodict  # type: ignore[import-untyped]

from gateways.wechat.crypto import PushCipher, PushSettings, bad_signature
from gateways.wechat.events import PushEvent, event_from_json, event_from_xml
from kernel.clock import Clock
from kernel.errors import Code, InvalidInput, TooLarge

# The largest genuine push is a text message of 2048 characters; encrypted and in base64 it stays under 16 KB.
MAX_BODY_BYTES = 64 * 1024
ANSWER_DONE = b"success"

# What the parsers raise for bytes that are no message: syntax, encoding, nesting, missing or wrongly typed elements.
_NONSENSE = (
    msgspec.DecodeError,
    ExpatError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class SealedReply:
    """An encrypted answer to a push. Use the form (XML or JSON) in which the push came."""

    encrypt: str
    msg_signature: str
    timestamp: str
    nonce: str

    def xml(self) -> bytes:
        return (
            f"<xml><Encrypt><![CDATA[{self.encrypt}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{self.msg_signature}]]></MsgSignature>"
            f"<TimeStamp>{self.timestamp}</TimeStamp><Nonce><![CDATA[{self.nonce}]]></Nonce></xml>"
        ).encode()

    def json(self) -> bytes:
        return msgspec.json.encode(
            {
                "Encrypt": self.encrypt,
                "MsgSignature": self.msg_signature,
                "TimeStamp": int(self.timestamp),
                "Nonce": self.nonce,
            }
        )


class PushReceiver:
    """The receiving end of one mini-program's message push. Pure: no I/O."""

    def __init__(
        self, settings: PushSettings, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._cipher = PushCipher(settings, random_bytes)
        self._clock = clock
        self._random_bytes = random_bytes

    def check_url(self, query: Mapping[str, str]) -> bytes:
        """Answer the GET by which WeChat checks the address: the ``echostr`` to send back.

        Raises NotAuthenticated (BAD_SIGNATURE) when ``signature`` is not sha1 over token, timestamp and nonce.
        """
        signed = (query.get("timestamp", ""), query.get("nonce", ""))
        if not self._cipher.is_signed(query.get("signature", ""), *signed):
            raise bad_signature("signature of the URL check")
        return query.get("echostr", "").encode()

    def open(self, query: Mapping[str, str], body: bytes) -> PushEvent:
        """The event in one POST. ``query`` holds timestamp, nonce, encrypt_type and msg_signature.

        Raises NotAuthenticated (BAD_SIGNATURE) for anything WeChat has not encrypted for us, TooLarge above 64 KB, and
        InvalidInput when the decrypted message is no message.
        """
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge()
        if query.get("encrypt_type") != "aes":
            raise bad_signature("not in secure mode")
        encrypted = _encrypted(body)
        # msg_signature covers the ciphertext; ``signature`` covers only timestamp and nonce and proves nothing here.
        signed = (query.get("timestamp", ""), query.get("nonce", ""), encrypted)
        if not self._cipher.is_signed(query.get("msg_signature", ""), *signed):
            raise bad_signature("msg_signature")
        return read_message(self._cipher.decrypt(encrypted))

    def seal(self, message: bytes, *, timestamp: str | None = None, nonce: str | None = None) -> SealedReply:
        """Encrypt and sign an answer (XML or JSON bytes), e.g. a hand-over to customer service."""
        stamp = timestamp or str(int(self._clock.now().timestamp()))
        once = nonce or str(int.from_bytes(self._random_bytes(4), "big"))
        encrypted = self._cipher.encrypt(message)
        return SealedReply(encrypted, self._cipher.sign(stamp, once, encrypted), stamp, once)


def read_message(message: bytes) -> PushEvent:
    """The event in a decrypted message, XML or JSON. Raises InvalidInput for what is neither."""
    try:
        if message.lstrip().startswith(b"{"):
            fields = msgspec.json.decode(message)
            return event_from_json(fields)
        return event_from_xml(message)
    except _NONSENSE as error:
        raise InvalidInput(Code.INVALID_INPUT, reason=f"not a WeChat message: {type(error).__name__}") from error


def _encrypted(body: bytes) -> str:
    """The ``Encrypt`` element of the outer envelope, XML or JSON."""
    envelope: Any = None
    try:
        if body.lstrip().startswith(b"{"):
            envelope = msgspec.json.decode(body)
        else:
            # xmltodict refuses entity declarations, so the envelope cannot grow when it is parsed.
            envelope = xmltodict.parse(body)["xml"]
        encrypted = envelope["Encrypt"]
    except _NONSENSE as error:
        raise bad_signature("no Encrypt in the envelope") from error
    if not isinstance(encrypted, str):
        raise bad_signature("Encrypt is not a text")
    return encrypted
