"""Tencent Cloud SMS as one application sees it: templates, limits, black list, what was sent.

Limits are the ones set in the console (短信频率限制策略); 0 switches one off. Variables: accounts opened after
2024-01-25 allow 6 characters by default, older ones more, and the console shows how many: ``param_length``.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kernel.clock import SHANGHAI, local_day
from simulators.control import MovableClock

_PHONE = re.compile(r"(?:\+?86|0086)?(1[3-9]\d{9})")
_URL = re.compile(r"https?://|www\.|\b[a-z0-9-]+\.(?:com|cn|net|org)\b", re.IGNORECASE)
_FIRST, _REST = 70, 67  # characters: one message, or each part of a long one


@dataclass(frozen=True)
class SmsTemplate:
    """``text`` with ``{1}``, ``{2}`` … for the parameters."""

    id: str
    text: str

    @property
    def params(self) -> int:
        return len(set(re.findall(r"\{\d+\}", self.text)))

    def fill(self, params: list[str]) -> str:
        return re.sub(r"\{(\d+)\}", lambda match: params[int(match.group(1)) - 1], self.text)


@dataclass(frozen=True)
class SmsSimSettings:
    """One SMS application and its account. ``receipt_seconds``: how long the carrier takes."""

    secret_id: str = "AKIDsimulator"  # noqa: S105
    secret_key: str = "simulator-secret"  # noqa: S105
    sdk_app_id: str = "1400000000"
    sign_name: str = "威海政务服务"
    callback_url: str = ""
    templates: tuple[SmsTemplate, ...] = ()
    per_30_seconds: int = 1
    per_hour: int = 5
    per_day: int = 10
    same_content_per_day: int = 5
    param_length: int = 20
    balance: int = 1_000_000
    blacklist: frozenset[str] = frozenset()
    receipt_seconds: float = 0.2
    receipt_repeats: int = 2
    receipt_pause: float = 1.0


class Refusal(Exception):
    """Tencent's Code and Message: for a number when raised by ``send_one``, for the whole request otherwise."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(code)


@dataclass
class SmsWorld:
    settings: SmsSimSettings
    clock: MovableClock
    callback_url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    blacklist: set[str] = field(default_factory=set)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    balance: int = 0

    def __post_init__(self) -> None:
        self.templates = {template.id: template for template in self.settings.templates}
        self.callback_url = self.callback_url or self.settings.callback_url
        self.reset()

    def reset(self) -> None:
        self.sent.clear()
        self.verdicts.clear()
        self.blacklist = set(self.settings.blacklist)
        self.balance = self.settings.balance

    def sent_to(self, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        phone = wanted.get("phone")
        number = national(phone) if phone else None
        return [
            entry
            for entry in self.sent
            if (number is None or entry["phone"] == number)
            and all(str(entry.get(key)) == value for key, value in wanted.items() if key != "phone")
        ]

    def send_one(self, phone: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send to one number; the record of it. Raises Refusal with the Code of this number's element."""
        number = national(phone)
        if number is None:
            raise Refusal("InvalidParameterValue.IncorrectPhoneNumber", "phone number format is incorrect")
        if body.get("SignName") != self.settings.sign_name:
            raise Refusal(
                "FailedOperation.SignatureIncorrectOrUnapproved", "signature is not approved or format is incorrect"
            )
        template = self.templates.get(str(body.get("TemplateId")))
        if template is None:
            raise Refusal(
                "FailedOperation.TemplateIncorrectOrUnapproved",
                "template is not approved or request content does not match the approved template content",
            )
        params = self._params(template, body.get("TemplateParamSet"))
        if number in self.blacklist:
            raise Refusal("FailedOperation.PhoneNumberInBlacklist", "the number is in the blacklist")
        content = f"【{self.settings.sign_name}】{template.fill(params)}"
        self._limits(number, content)
        fee = 1 if len(content) <= _FIRST else -(-len(content) // _REST)
        if fee > self.balance:
            raise Refusal("FailedOperation.InsufficientBalanceInSmsPackage", "insufficient balance in SMS package")
        self.balance -= fee
        now = self.clock.now()
        entry = {
            "phone": number,
            "template_id": template.id,
            "params": params,
            "content": content,
            "session_context": str(body.get("SessionContext") or ""),
            "serial": f"2640:{secrets.randbelow(10**16):016d}{int(now.timestamp())}",
            "fee": fee,
            "at": now.isoformat(),
        }
        self.sent.append(entry)
        return entry

    def _params(self, template: SmsTemplate, given: Any) -> list[str]:
        params = [str(value) for value in given or ()]
        if len(params) != template.params:
            raise Refusal(
                "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
                "request content does not match the template content",
            )
        if self.settings.param_length and any(len(value) > self.settings.param_length for value in params):
            raise Refusal("InvalidParameterValue.TemplateParameterLengthLimit", "template parameter is too long")
        if any(_URL.search(value) for value in params):
            raise Refusal(
                "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "template parameter contains a URL"
            )
        return params

    def _limits(self, number: str, content: str) -> None:
        now, settings = self.clock.now(), self.settings
        mine = [(datetime.fromisoformat(e["at"]), e["content"]) for e in self.sent if e["phone"] == number]
        today = [entry for entry in mine if local_day(entry[0]) == local_day(now)]
        same_now = sum(text == content and now - at < timedelta(seconds=30) for at, text in mine)
        hour = sum(now - at < timedelta(hours=1) for at, _ in mine)
        same_today = sum(text == content for _, text in today)
        for reached, limit, code in (
            (same_now, settings.per_30_seconds, "PhoneNumberThirtySecondLimit"),
            (hour, settings.per_hour, "PhoneNumberOneHourLimit"),
            (same_today, settings.same_content_per_day, "PhoneNumberSameContentDailyLimit"),
            (len(today), settings.per_day, "PhoneNumberDailyLimit"),
        ):
            if limit and reached >= limit:
                raise Refusal(f"LimitExceeded.{code}", f"the number of SMS messages exceeds the limit: {code}")

    def receipt(self, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the carrier reports about one message: delivered, unless /control/verdict has said otherwise."""
        verdict = self.verdicts.get(entry["phone"], {})
        stamp = self.clock.now().astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        return [
            {
                "user_receive_time": stamp,
                "nationcode": "86",
                "mobile": entry["phone"],
                "report_status": str(verdict.get("report_status", "SUCCESS")),
                "errmsg": str(verdict.get("errmsg", "DELIVRD")),
                "description": str(verdict.get("description", "用户短信送达成功")),
                "sid": entry["serial"],
            }
        ]


def national(phone: str) -> str | None:
    """The 11 digits of a mainland number, None for anything else."""
    match = _PHONE.fullmatch(phone.replace(" ", "+", 1) if phone.startswith(" ") else phone)
    return match.group(1) if match else None


def read_templates(path: Path) -> tuple[SmsTemplate, ...]:
    """The SMS templates file: a JSON array of ``{id, text}``, parameters written ``{1}``, ``{2}``."""
    return tuple(SmsTemplate(str(entry["id"]), str(entry["text"])) for entry in json.loads(path.read_text("utf-8")))
