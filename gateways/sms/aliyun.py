"""Aliyun SMS: SendSms, version 2017-05-25, signed with ACS3-HMAC-SHA256.

Sources: help.aliyun.com, SendSms (dysmsapi 2017-05-25) and "V3 request body and signature". Retry rule:
gateways.transport.NEVER.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from gateways.outcomes import Delivery
from gateways.sms.protocol import SmsOutcome, e164
from gateways.transport import ATTENTION_RETRY, Transport, UpstreamRefused, UpstreamUnavailable, retry_after
from kernel.clock import Clock

SYSTEM = "aliyun_sms"
ACTION, VERSION = "SendSms", "2017-05-25"
MAX_CONTEXT_BYTES = 255

# Refused for how often or for an account that somebody has to put right: seconds until the same may be tried again.
_LATER = {
    "isv.BUSINESS_LIMIT_CONTROL": 3600.0,  # 1 a minute, 5 an hour, 10 a day: which one is only in the words
    "isv.AMOUNT_NOT_ENOUGH": 3600.0,
    "isv.OUT_OF_SERVICE": 3600.0,
    "isv.DAY_LIMIT_CONTROL": 3600.0,
    "isv.MONTH_LIMIT_CONTROL": 3600.0,
    "Throttling.User": 1.0,
    "Throttling.Api": 1.0,
    "SignatureDoesNotMatch": ATTENTION_RETRY,
    "InvalidAccessKeyId.NotFound": ATTENTION_RETRY,
    "InvalidTimeStamp.Expired": 60.0,
}
_NO_CONSENT = frozenset({"isv.BLACK_KEY_CONTROL_LIMIT", "isv.MOBILE_IN_BLACK", "VALVE:D_MC"})
_UNKNOWN = frozenset({"isp.SYSTEM_ERROR", "isp.RAM_PERMISSION_TIMEOUT", "ServiceUnavailable", "InternalError"})


@dataclass(frozen=True, slots=True)
class AliyunSmsSettings:
    """One account. Aliyun names its parameters: ``parameters`` gives each template's names in the product's order.

    ``endpoint`` with its scheme; the host in it is part of what is signed. Times in seconds.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    sign_name: str
    parameters: Mapping[str, Sequence[str]]
    endpoint: str = "https://dysmsapi.aliyuncs.com"
    connect_timeout: float = 2.0
    request_timeout: float = 8.0
    max_clients: int = 50


class AliyunSms:
    """An SmsGateway. ``close()`` at the end."""

    def __init__(
        self, settings: AliyunSmsSettings, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._host = urlsplit(settings.endpoint).netloc
        self._http = Transport(
            SYSTEM,
            settings.endpoint,
            connect_timeout=settings.connect_timeout,
            request_timeout=settings.request_timeout,
            max_clients=settings.max_clients,
        )

    async def send(self, phone: str, template_id: str, params: Sequence[str], session_context: str) -> SmsOutcome:
        """See SmsGateway.send; ``session_context`` travels as OutId. Raises ValueError for a bad number, a context of
        256 bytes or more, or parameters that do not fit the template's names."""
        number = e164(phone)
        if len(session_context.encode()) > MAX_CONTEXT_BYTES:
            raise ValueError(f"session_context exceeds {MAX_CONTEXT_BYTES} bytes")
        names = self._settings.parameters.get(template_id, ())
        named = dict(zip(names, params, strict=True))
        query = canonical_query(
            {
                "PhoneNumbers": number.removeprefix("+86"),
                "SignName": self._settings.sign_name,
                "TemplateCode": template_id,
                "TemplateParam": msgspec.json.encode(named).decode(),
                "OutId": session_context,
            }
        )
        try:
            answer = await self._http.exchange(ACTION, "POST", f"/?{query}", headers=self._headers(query), body=b"")
            return _read(answer.json(), number, session_context)
        except (UpstreamUnavailable, UpstreamRefused) as failure:
            delivery = Delivery.UNKNOWN if failure.may_have_happened else Delivery.RETRY
            wait = retry_after(failure)
            return SmsOutcome(delivery, number, session_context, message=failure.reason, retry_after=wait)

    def close(self) -> None:
        self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def _headers(self, query: str) -> dict[str, str]:
        signed = {
            "host": self._host,
            "x-acs-action": ACTION,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self._random_bytes(16).hex(),
            "x-acs-version": VERSION,
        }
        settings = self._settings
        return signed | {
            "Authorization": acs3_authorization(settings.access_key_id, settings.access_key_secret, query, signed)
        }


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted, RFC 3986 encoded: what is signed is what is sent."""
    return "&".join(f"{quote(key, safe='-_.~')}={quote(parameters[key], safe='-_.~')}" for key in sorted(parameters))


def acs3_authorization(key_id: str, key_secret: str, query: str, headers: Mapping[str, str]) -> str:
    """The Authorization header of a POST to ``/`` without a body. ``headers``: what is signed, by lower-case name."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"


def _read(answer: Mapping[str, Any], number: str, context: str) -> SmsOutcome:
    code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
    request_id = str(answer.get("RequestId", ""))
    wait = _LATER.get(code)
    if code == "OK":
        delivery = Delivery.ACCEPTED
    elif code in _NO_CONSENT:
        delivery = Delivery.NO_CONSENT
    elif not code or code in _UNKNOWN:
        delivery = Delivery.UNKNOWN
    else:
        delivery = Delivery.RETRY if wait is not None else Delivery.REFUSED
    return SmsOutcome(
        delivery,
        number,
        context,
        serial=str(answer.get("BizId", "")) or None,
        code=code,
        message=message,
        request_id=request_id,
        retry_after=wait if delivery is Delivery.RETRY else None,
    )
