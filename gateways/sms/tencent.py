"""Tencent Cloud SMS: SendSms, version 2021-01-11, signed with TC3-HMAC-SHA256.

Sources: cloud.tencent.com/document/api/382/55981 (SendSms), /382/52072 (signature v3); error codes as in the official
SDK (tencentcloud.sms.v20210111.errorcodes). Retry rule: gateways.transport.NEVER.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from gateways.outcomes import Delivery
from gateways.sms.protocol import SmsOutcome, e164
from gateways.transport import ATTENTION_RETRY, Transport, UpstreamRefused, UpstreamUnavailable, retry_after
from kernel.clock import Clock

SYSTEM = "tencent_sms"
ACTION, VERSION = "SendSms", "2021-01-11"
MAX_PHONES = 200
MAX_CONTEXT_BYTES = 511
_CONTENT_TYPE = "application/json"

# Refused for how often, not for what: seconds until the same message may be tried again.
_LATER = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
    "LimitExceeded.DeliveryFrequencyLimit": 60.0,
    "LimitExceeded.PhoneNumberOneHourLimit": 3600.0,
    "LimitExceeded.AppDailyLimit": 3600.0,
    "LimitExceeded.AppMainlandChinaDailyLimit": 3600.0,
    "FailedOperation.MarketingSendTimeConstraint": 3600.0,  # marketing only from 8 to 22 o'clock
    "FailedOperation.InsufficientBalanceInSmsPackage": 3600.0,  # somebody has to buy
    "UnauthorizedOperation.ServiceSuspendDueToArrears": 3600.0,
    "InternalError.RequestTimeException": 60.0,  # our clock is wrong: refused unread
    "RequestLimitExceeded": 1.0,
}
_LATER_PREFIXES = {"AuthFailure": ATTENTION_RETRY, "RequestLimitExceeded": 1.0}  # credentials: no fault of this message
# The person opted out (TD / 退订) or the carrier keeps the number from us.
_NO_CONSENT = frozenset({"FailedOperation.PhoneNumberInBlacklist"})
# Tencent's own words for "we do not know whether it was sent".
_UNKNOWN = frozenset(
    {
        "InternalError.Timeout",
        "InternalError.SendAndRecvFail",
        "InternalError.UnknownError",
        "InternalError.OtherError",
        "InternalError.ParseBackendResponseFail",
        "InternalError",
    }
)


@dataclass(frozen=True, slots=True)
class TencentSmsSettings:
    """One SMS application. ``sign_name`` is the approved sign, without brackets. Times in seconds.

    ``endpoint`` with its scheme; the host in it is part of what is signed.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    sdk_app_id: str
    sign_name: str
    region: str = "ap-beijing"
    endpoint: str = "https://sms.tencentcloudapi.com"
    connect_timeout: float = 2.0
    request_timeout: float = 8.0
    max_clients: int = 50


class TencentSms:
    """An SmsGateway. ``close()`` at the end."""

    def __init__(self, settings: TencentSmsSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._host = urlsplit(settings.endpoint).netloc
        self._http = Transport(
            SYSTEM,
            settings.endpoint,
            connect_timeout=settings.connect_timeout,
            request_timeout=settings.request_timeout,
            max_clients=settings.max_clients,
        )

    async def send(self, phone: str, template_id: str, params: Sequence[str], session_context: str) -> SmsOutcome:
        """See SmsGateway.send. Raises ValueError for a bad number or a context of 512 bytes or more."""
        (outcome,) = await self.send_many([phone], template_id, params, session_context)
        return outcome

    async def send_many(
        self, phones: Sequence[str], template_id: str, params: Sequence[str], session_context: str
    ) -> tuple[SmsOutcome, ...]:
        """The same message to at most 200 numbers: one outcome a number, in the order given.

        Raises ValueError for a bad or repeated number, more than 200, or a context of 512 bytes or more.
        """
        numbers = [e164(phone) for phone in phones]
        if not 1 <= len(numbers) <= MAX_PHONES or len(set(numbers)) != len(numbers):
            raise ValueError(f"one to {MAX_PHONES} different numbers")
        if len(session_context.encode()) > MAX_CONTEXT_BYTES:
            raise ValueError(f"session_context exceeds {MAX_CONTEXT_BYTES} bytes")
        body = msgspec.json.encode(
            {
                "PhoneNumberSet": numbers,
                "SmsSdkAppId": self._settings.sdk_app_id,
                "SignName": self._settings.sign_name,
                "TemplateId": template_id,
                "TemplateParamSet": list(params),
                "SessionContext": session_context,
            }
        )
        try:
            answer = await self._http.exchange(ACTION, "POST", "/", headers=self._headers(body), body=body)
            return _read(answer.json(), numbers, session_context)
        except (UpstreamUnavailable, UpstreamRefused) as failure:
            delivery = Delivery.UNKNOWN if failure.may_have_happened else Delivery.RETRY
            wait = retry_after(failure)
            return tuple(
                SmsOutcome(delivery, number, session_context, message=failure.reason, retry_after=wait)
                for number in numbers
            )

    def close(self) -> None:
        self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def _headers(self, body: bytes) -> dict[str, str]:
        timestamp = int(self._clock.now().timestamp())
        signed = {"content-type": _CONTENT_TYPE, "host": self._host, "x-tc-action": ACTION.lower()}
        return {
            "Content-Type": _CONTENT_TYPE,
            "Host": self._host,
            "X-TC-Action": ACTION,
            "X-TC-Version": VERSION,
            "X-TC-Region": self._settings.region,
            "X-TC-Timestamp": str(timestamp),
            "Authorization": tc3_authorization(
                self._settings.secret_id, self._settings.secret_key, "sms", timestamp, signed, body
            ),
        }


def tc3_authorization(
    secret_id: str, secret_key: str, service: str, timestamp: int, headers: Mapping[str, str], body: bytes
) -> str:
    """The Authorization header (signature v3) of a POST to ``/``. ``headers``: what is signed, by lower-case name."""
    names = ";".join(sorted(headers))
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{canonical_headers}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = ("TC3" + secret_key).encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _read(answer: Mapping[str, Any], numbers: Sequence[str], session_context: str) -> tuple[SmsOutcome, ...]:
    """HTTP 200 means nothing yet: Response.Error refuses all, each element of SendStatusSet speaks for one number."""
    response = answer.get("Response")
    if not isinstance(response, dict):
        raise UpstreamRefused(SYSTEM, ACTION, "no Response", may_have_happened=True)
    request_id = str(response.get("RequestId", ""))
    error = response.get("Error")
    if isinstance(error, dict):
        return tuple(
            _outcome(number, session_context, str(error.get("Code", "")), str(error.get("Message", "")), request_id)
            for number in numbers
        )
    statuses: dict[str, Mapping[str, Any]] = {}
    for status in response.get("SendStatusSet") or ():
        if isinstance(status, dict):
            statuses[str(status.get("PhoneNumber", ""))] = status
    return tuple(_element(number, session_context, statuses.get(number), request_id) for number in numbers)


def _element(number: str, context: str, status: Mapping[str, Any] | None, request_id: str) -> SmsOutcome:
    if status is None:
        # Tencent answered and left this number out: it may have been sent.
        return SmsOutcome(Delivery.UNKNOWN, number, context, message="no SendStatus", request_id=request_id)
    code, message = str(status.get("Code", "")), str(status.get("Message", ""))
    if code.lower() == "ok":
        fee = status.get("Fee")
        return SmsOutcome(
            Delivery.ACCEPTED,
            number,
            context,
            serial=str(status.get("SerialNo", "")) or None,
            parts=fee if isinstance(fee, int) else 0,
            code=code,
            message=message,
            request_id=request_id,
        )
    return _outcome(number, context, code, message, request_id)


def _outcome(number: str, context: str, code: str, message: str, request_id: str) -> SmsOutcome:
    delivery, wait = Delivery.REFUSED, _LATER.get(code, _LATER_PREFIXES.get(code.partition(".")[0]))
    if code in _NO_CONSENT:
        delivery = Delivery.NO_CONSENT
    elif code in _UNKNOWN or not code:
        delivery = Delivery.UNKNOWN
    elif wait is not None:
        delivery = Delivery.RETRY
    return SmsOutcome(delivery, number, context, code=code, message=message, request_id=request_id, retry_after=wait)
