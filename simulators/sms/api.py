"""The SendSms action of sms.tencentcloudapi.com, signature v3 included.

Sources: cloud.tencent.com/document/api/382/55981 (SendSms) and /382/52072 (signature v3).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any, cast

from tornado.httputil import HTTPHeaders

from simulators.callbacks import deliver
from simulators.control import ControlHandler, Endpoint
from simulators.sms.world import Refusal, SmsWorld, national

SKEW = 300  # seconds between the client's clock and Tencent's
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/(\w+)/tc3_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)


class SendSms(Endpoint):
    @property
    def world(self) -> SmsWorld:
        return cast(SmsWorld, self.simulator.world)

    def refusal(self, errcode: str | int | None) -> dict[str, Any]:
        return _error(str(errcode or "InternalError"), "refused on demand")

    async def act(self) -> dict[str, Any]:
        try:
            self._check_signature()
            body = self._body()
            return {"Response": {"SendStatusSet": self._send(body), "RequestId": str(uuid.uuid4())}}
        except Refusal as refusal:
            return _error(refusal.code, refusal.message)

    def _check_signature(self) -> None:
        headers, settings = self.request.headers, self.world.settings
        match = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
        stamp = headers.get("X-TC-Timestamp", "")
        if match is None or not stamp.isdigit():
            raise Refusal("AuthFailure.InvalidAuthorization", "the Authorization header is invalid")
        secret_id, day, service, names, signature = match.groups()
        if secret_id != settings.secret_id:
            raise Refusal("AuthFailure.SecretIdNotFound", "the SecretId is not found")
        if abs(int(stamp) - self.world.clock.now().timestamp()) > SKEW:
            raise Refusal("AuthFailure.SignatureExpire", "the signature has expired")
        expected_day = datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%d")
        if day != expected_day or service != "sms" or not {"content-type", "host"} <= set(names.split(";")):
            raise Refusal("AuthFailure.SignatureFailure", "the credential scope or the signed headers are wrong")
        expected = _signature(settings.secret_key, int(stamp), day, names, headers, self.request.body)
        if not hmac.compare_digest(expected, signature):
            raise Refusal("AuthFailure.SignatureFailure", "the provided credentials could not be validated")

    def _body(self) -> dict[str, Any]:
        headers = self.request.headers
        if headers.get("X-TC-Action") != "SendSms":
            raise Refusal("InvalidAction", "the request action is invalid")
        if headers.get("X-TC-Version") != "2021-01-11":
            raise Refusal("NoSuchVersion", "the API version does not exist")
        if not headers.get("X-TC-Region"):
            raise Refusal("MissingParameter", "the request is missing Region")
        try:
            body = json.loads(self.request.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refusal("InternalError.JsonParseFail", "the body is not JSON")
        return body

    def _send(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        phones = body.get("PhoneNumberSet")
        if not isinstance(phones, list) or not phones:
            raise Refusal("MissingParameter.EmptyPhoneNumberSet", "the number list is empty")
        if len(phones) > 200:
            raise Refusal("LimitExceeded.PhoneNumberCountLimit", "more than 200 numbers")
        if body.get("SmsSdkAppId") != self.world.settings.sdk_app_id:
            raise Refusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "the SdkAppId is not yours")
        context = str(body.get("SessionContext") or "")
        if len(context.encode()) >= 512:
            raise Refusal("InvalidParameterValue.ContentLengthLimit", "SessionContext is too long")
        return [self._status(str(phone), body, context) for phone in phones]

    def _status(self, phone: str, body: dict[str, Any], context: str) -> dict[str, Any]:
        status = {"SerialNo": "", "PhoneNumber": phone, "Fee": 0, "SessionContext": context, "IsoCode": ""}
        if number := national(phone):
            status["PhoneNumber"] = f"+86{number}"
        try:
            entry = self.world.send_one(phone, body)
        except Refusal as refusal:
            return status | {"Code": refusal.code, "Message": refusal.message}
        self.control.start(self._report(entry))
        good = {"SerialNo": entry["serial"], "Fee": entry["fee"], "IsoCode": "CN"}
        return status | good | {"Code": "Ok", "Message": "send success"}

    async def _report(self, entry: dict[str, Any]) -> None:
        """The receipt, some time after the message; the phone sees nothing of it."""
        settings = self.world.settings
        await asyncio.sleep(settings.receipt_seconds)
        receipt = self.world.receipt(entry)
        await deliver(
            self.control,
            self.world.callback_url,
            json.dumps(receipt, ensure_ascii=False).encode(),
            "application/json",
            _taken,
            what={"phone": entry["phone"], "receipt": receipt},
            repeats=settings.receipt_repeats,
            pause=settings.receipt_pause,
        )


class Verdict(ControlHandler):
    """POST /control/verdict {phone, report_status: SUCCESS|FAIL, errmsg?, description?}: what the carrier will say."""

    def post(self) -> None:
        body = self.body()
        number = national(self.need(body, "phone")) or ""
        cast(SmsWorld, self.simulator.world).verdicts[number] = body
        self.reply({"phone": number})


class Blacklist(ControlHandler):
    """POST /control/blacklist {phone, listed=true}: the person has unsubscribed from short messages."""

    def post(self) -> None:
        body = self.body()
        number, world = national(self.need(body, "phone")) or "", cast(SmsWorld, self.simulator.world)
        (world.blacklist.discard if body.get("listed") is False else world.blacklist.add)(number)
        self.reply({"phone": number})


def _signature(secret: str, stamp: int, day: str, names: str, headers: HTTPHeaders, body: bytes) -> str:
    lines = []
    for name in names.split(";"):
        value = headers.get(name, "").strip()
        # Content-Type and Host are signed as sent, X-TC-Action in lower case.
        lines.append(f"{name}:{value.lower() if name == 'x-tc-action' else value}\n")
    request = "\n".join(["POST", "/", "", "".join(lines), names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/sms/tc3_request"
    text = "\n".join(["TC3-HMAC-SHA256", str(stamp), scope, hashlib.sha256(request.encode()).hexdigest()])
    key = hmac.digest(f"TC3{secret}".encode(), day.encode(), "sha256")
    key = hmac.digest(hmac.digest(key, b"sms", "sha256"), b"tc3_request", "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _taken(answer: bytes) -> bool:
    try:
        value = json.loads(answer)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("result") == 0


def _error(code: str, message: str) -> dict[str, Any]:
    return {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": str(uuid.uuid4())}}


ROUTES: list[Any] = [("/", SendSms), ("/control/verdict", Verdict), ("/control/blacklist", Blacklist)]
