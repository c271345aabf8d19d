"""WeChat Pay's notifications: what arrives at our callback, verified, decrypted and given one shape.

The library's own verifier is not used: it checks no time, and wants a Wechatpay-Signature-Type header that WeChat Pay
does not promise. Here, in this order: size, headers, probe, time, serial, signature, form, decryption, content. Every
fault is a NotificationRefused with its reason; nothing is decrypted or parsed before the signature holds.

WeChat Pay wants 200 or 204 within 5 seconds, repeats for a day what is answered otherwise, and **does not promise to
deliver**: whoever waits for a payment also queries. A repetition has the same notification ``id`` with a new nonce and
signature; a replay by somebody who recorded a request has the same ``nonce``. Whoever acts deduplicates by both, for
at least the 300 seconds in which a recorded request would pass.

Source: pay.weixin.qq.com/doc/v3/merchant, 如何验证签名, 如何解密回调报文, 支付成功通知, 退款结果通知.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateways.wechat_pay.reading import read_instant, read_order, read_refund
from gateways.wechat_pay.records import Order, Refund, RefundState, TradeState, WeChatPaySettings
from kernel.clock import Clock
from kernel.errors import BanshiError, Code

MAX_SKEW = 300  # seconds between WeChat Pay's clock and ours, as its documentation demands of the merchant
# A genuine notification has 1 to 2 KB.
MAX_BODY_BYTES = 64 * 1024
# Probes: signatures that must be found wrong; a merchant that accepts one is told that its verification is broken.
PROBE_PREFIX = "WECHATPAY/SIGNTEST/"
# Any 4xx or 5xx has this body; it does not tell the sender which check failed.
FAILURE_BODY = '{"code":"FAIL","message":"失败"}'.encode()


class RefusalReason(StrEnum):
    """Which check a notification has failed. The first block has no proof of its sender, the second is WeChat Pay's."""

    TOO_LARGE = "too_large"
    HEADER_MISSING = "header_missing"
    PROBE = "probe"
    BAD_TIMESTAMP = "bad_timestamp"
    SKEWED = "skewed"
    UNKNOWN_SERIAL = "unknown_serial"
    BAD_SIGNATURE = "bad_signature"

    NOT_UNDERSTOOD = "not_understood"
    NOT_DECRYPTED = "not_decrypted"
    UNKNOWN_EVENT = "unknown_event"
    OTHER_MERCHANT = "other_merchant"


_TOO_LARGE = frozenset({RefusalReason.TOO_LARGE})
_AUTHENTIC = frozenset(
    {
        RefusalReason.NOT_UNDERSTOOD,
        RefusalReason.NOT_DECRYPTED,
        RefusalReason.UNKNOWN_EVENT,
        RefusalReason.OTHER_MERCHANT,
    }
)


class NotificationRefused(BanshiError):
    """Answer with ``status`` (401, 413 or 400) and FAILURE_BODY. ``reason`` and ``detail_for_log`` are for the log.

    PROBE is everyday traffic. A reason for which ``authentic`` is True needs somebody's attention: it came from WeChat
    Pay, or from somebody with its key, and could not be used.
    """

    def __init__(self, reason: RefusalReason, detail_for_log: str = "") -> None:
        self.reason, self.detail_for_log = reason, detail_for_log
        self.authentic = reason in _AUTHENTIC
        code = Code.TOO_LARGE if reason in _TOO_LARGE else Code.BAD_SIGNATURE
        super().__init__(Code.INVALID_INPUT if self.authentic else code)

    def __str__(self) -> str:
        return f"wechat_pay notification refused: {self.reason} {self.detail_for_log}".rstrip()


@dataclass(frozen=True, slots=True)
class TransactionSuccess:
    """An order was paid. ``order.is_paid`` holds. ``nonce`` is the request's, ``notification_id`` the same in each
    repetition."""

    notification_id: str
    nonce: str
    created_at: datetime
    order: Order


@dataclass(frozen=True, slots=True)
class _RefundEvent:
    notification_id: str
    nonce: str
    created_at: datetime
    refund: Refund


class RefundSuccess(_RefundEvent):
    """The money is back with the payer."""

    __slots__ = ()


class RefundAbnormal(_RefundEvent):
    """The payer's account does not take the money: it waits for somebody on the merchant platform."""

    __slots__ = ()


class RefundClosed(_RefundEvent):
    """The refund was given up; the money stays with the merchant."""

    __slots__ = ()


PayEvent = TransactionSuccess | RefundSuccess | RefundAbnormal | RefundClosed

_REFUND_EVENTS: dict[str, tuple[type[_RefundEvent], RefundState]] = {
    "REFUND.SUCCESS": (RefundSuccess, RefundState.SUCCESS),
    "REFUND.ABNORMAL": (RefundAbnormal, RefundState.ABNORMAL),
    "REFUND.CLOSED": (RefundClosed, RefundState.CLOSED),
}
_PAID_EVENT = "TRANSACTION.SUCCESS"


class NotificationReader:
    """The receiving end of one merchant's notifications. Pure: no I/O, no memory. Raises ValueError for a wrong key."""

    def __init__(self, settings: WeChatPaySettings, clock: Clock) -> None:
        key = load_pem_public_key(settings.public_key.encode())
        if not isinstance(key, RSAPublicKey):
            raise ValueError("public_key is not an RSA key")
        self._public_key = key
        self._cipher = AESGCM(settings.apiv3_key.encode())
        self._settings = settings
        self._clock = clock

    def open(self, headers: Mapping[str, str], body: bytes) -> PayEvent:
        """The event in one POST; ``body`` exactly as received. Header names in any case.

        Raises NotificationRefused for anything else, and nothing but that.
        """
        if len(body) > MAX_BODY_BYTES:
            raise NotificationRefused(RefusalReason.TOO_LARGE)
        nonce = self._verify({name.lower(): value for name, value in headers.items()}, body)
        envelope = _json(body)
        plaintext = self._decrypt(envelope)
        try:
            return self._event(envelope, plaintext, nonce)
        except ValueError as error:
            raise NotificationRefused(RefusalReason.NOT_UNDERSTOOD, str(error)) from error

    def _verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """The nonce of a request that WeChat Pay signed within the last minutes."""
        names = ("timestamp", "nonce", "serial", "signature")
        stamp, nonce, serial, signature = (headers.get(f"wechatpay-{name}", "") for name in names)
        if not (stamp and nonce and serial and signature):
            raise NotificationRefused(RefusalReason.HEADER_MISSING)
        if signature.startswith(PROBE_PREFIX):
            raise NotificationRefused(RefusalReason.PROBE)
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            raise NotificationRefused(RefusalReason.BAD_TIMESTAMP)
        if abs(self._clock.now().timestamp() - int(stamp)) > MAX_SKEW:
            raise NotificationRefused(RefusalReason.SKEWED)
        if serial != self._settings.public_key_id:
            raise NotificationRefused(RefusalReason.UNKNOWN_SERIAL)
        message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
        try:
            self._public_key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotificationRefused(RefusalReason.BAD_SIGNATURE) from error
        return nonce

    def _decrypt(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        resource = envelope.get("resource")
        if envelope.get("resource_type") != "encrypt-resource" or not isinstance(resource, dict):
            raise NotificationRefused(RefusalReason.NOT_UNDERSTOOD, "resource")
        if resource.get("algorithm") != "AEAD_AES_256_GCM":
            raise NotificationRefused(RefusalReason.NOT_UNDERSTOOD, "algorithm")
        parts = (resource.get("nonce"), resource.get("ciphertext"), resource.get("associated_data") or "")
        if not all(isinstance(part, str) for part in parts):
            raise NotificationRefused(RefusalReason.NOT_UNDERSTOOD, "nonce, ciphertext or associated_data")
        nonce, ciphertext, associated = (str(part) for part in parts)
        try:
            data = base64.b64decode(ciphertext, validate=True)
            plain = self._cipher.decrypt(nonce.encode(), data, associated.encode())
        except (InvalidTag, binascii.Error, ValueError) as error:
            # Signed by WeChat Pay and not decrypted: the APIv3 key here is not the one set on the merchant platform.
            raise NotificationRefused(RefusalReason.NOT_DECRYPTED) from error
        return _json(plain)

    def _event(self, envelope: Mapping[str, Any], fields: Mapping[str, Any], nonce: str) -> PayEvent:
        notification_id, kind = envelope.get("id"), envelope.get("event_type")
        if not isinstance(notification_id, str) or not notification_id:
            raise ValueError("no id")
        created_at = read_instant(envelope.get("create_time"))
        if fields.get("mchid") != self._settings.mchid:
            raise NotificationRefused(RefusalReason.OTHER_MERCHANT)
        if kind == _PAID_EVENT:
            order = read_order(fields, mchid=self._settings.mchid, appid=self._settings.appid)
            if order.state is not TradeState.SUCCESS:
                raise ValueError(f"{kind} with {order.state}")
            return TransactionSuccess(notification_id, nonce, created_at, order)
        if not isinstance(kind, str) or kind not in _REFUND_EVENTS:
            raise NotificationRefused(RefusalReason.UNKNOWN_EVENT, str(kind))
        event, state = _REFUND_EVENTS[kind]
        refund = read_refund(fields, state_key="refund_status")
        if refund.state is not state:
            raise ValueError(f"{kind} with {refund.state}")
        return event(notification_id, nonce, created_at, refund)  # type: ignore[return-value]


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotificationRefused(RefusalReason.NOT_UNDERSTOOD, "not JSON") from error
    if not isinstance(value, dict):
        raise NotificationRefused(RefusalReason.NOT_UNDERSTOOD, "not a JSON object")
    return value
