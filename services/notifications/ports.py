"""What this capability needs of others, no wider than it uses it: the gateways' clients and identity fit these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateways.outcomes import Delivery


class Contact(Protocol):
    """How a person can be reached now: openid, mainland mobile number. Never stored here, never logged."""

    @property
    def openid(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...


class Recipients(Protocol):
    async def contact(self, person_id: str) -> Contact:
        """An unknown or deleted person has neither openid nor phone."""
        ...


class WechatRefusal(Protocol):
    @property
    def errcode(self) -> int: ...
    @property
    def errmsg(self) -> str: ...


class WechatOutcome(Protocol):
    """gateways.wechat.SendOutcome. ``retry_after`` is in seconds."""

    @property
    def delivery(self) -> Delivery: ...
    @property
    def msgid(self) -> str | None: ...
    @property
    def error(self) -> WechatRefusal | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def retry_after(self) -> float | None: ...


class WechatSender(Protocol):
    async def send_subscribe_message(
        self, openid: str, template_id: str, data: Mapping[str, str], *, page: str | None = None
    ) -> WechatOutcome:
        """One request, never repeated by itself."""
        ...


class SmsResult(Protocol):
    """gateways.sms.SmsOutcome. ``serial`` is the operator's id, ``retry_after`` in seconds."""

    @property
    def delivery(self) -> Delivery: ...
    @property
    def serial(self) -> str | None: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def retry_after(self) -> float | None: ...


class SmsSender(Protocol):
    async def send(self, phone: str, template_id: str, params: Sequence[str], session_context: str) -> SmsResult:
        """One request, never repeated by itself. ``session_context`` is the message's id."""
        ...


class Receipt(Protocol):
    """gateways.sms.SmsReceipt: what the carrier said. ``session_context`` only where the operator returns it."""

    @property
    def serial(self) -> str: ...
    @property
    def delivered(self) -> bool: ...
    @property
    def code(self) -> str: ...
    @property
    def session_context(self) -> str | None: ...


class PersonLeases(Protocol):
    """Serialises the sends to one person over all processes (WeChat refuses concurrent ones: 43108)."""

    async def acquire(self, person_id: str) -> str | None:
        """A token, or None while somebody else is sending to this person."""
        ...

    async def release(self, person_id: str, token: str) -> None: ...
