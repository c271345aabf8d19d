"""A message desk on the embedded servers. The senders here are only for single decisions; the integration tests use the
real clients against the simulators."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gateways.outcomes import Delivery
from gateways.sms import SmsOutcome
from gateways.wechat import SendOutcome, WeChatError
from kernel.clock import ManualClock
from kernel.ids import Ids
from services.notifications.actions import Notifications
from services.notifications.dispatch import Dispatcher
from services.notifications.model import Message
from services.notifications.policy import NotificationRules
from services.notifications.ports import SmsSender, WechatSender
from services.notifications.queries import NotificationQueries
from services.notifications.store import (
    ConsentStore,
    EarlyReceiptStore,
    MessageStore,
    TemplateStore,
    ValkeyPersonLeases,
)
from services.store import Database
from tests.helpers import MONDAY_MORNING, create_indexes

TEMPLATE = "WH-booking-confirmed"
VALUES: dict[str, Any] = {
    "item_name": "居民身份证补领",
    "centre_name": "市政务服务中心",
    "centre_address": "文化中路86号",
    "start": MONDAY_MORNING + timedelta(days=1),
    "queue_number": "户0930-2",
    "booking_id": "BK0000000000000001",
}

# What events of cases, bills, complaints and conversations tell.
OTHERS: dict[str, Any] = {
    "case_id": "CA0000000000000001", "number": "WH20261123-04817263", "promised_days": 5, "count": 3, "granted": True,
    "bill_id": "BL0000000000000001", "title": "不动产登记费", "amount_fen": 8000, "reason": "重复缴费",
    "due_at": MONDAY_MORNING + timedelta(days=2), "conversation_id": "CV0000000000000001", "unread": True,
    "taken_back": True,
    "complaint_id": "CP0000000000000001", "kind_words": "投诉", "filed_on": "2026-11-23",
}  # fmt: skip


@dataclass(frozen=True)
class Address:
    openid: str | None = None
    phone: str | None = None


@dataclass
class People:
    """Recipients by person id; unknown people cannot be reached."""

    addresses: dict[str, Address] = field(default_factory=dict)

    async def contact(self, person_id: str) -> Address:
        return self.addresses.get(person_id, Address())


@dataclass
class ScriptedWechat:
    """Answers as told, ACCEPTED when nothing is told."""

    script: list[SendOutcome | Exception] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    default: SendOutcome | None = None

    async def send_subscribe_message(
        self, openid: str, template_id: str, data: Mapping[str, str], *, page: str | None = None
    ) -> SendOutcome:
        self.calls.append({"openid": openid, "template_id": template_id, "data": dict(data), "page": page})
        if self.hold is not None:
            await self.hold.wait()
        outcome = self.script.pop(0) if self.script else self.default
        if isinstance(outcome, Exception):
            raise outcome
        return outcome or SendOutcome(Delivery.ACCEPTED, msgid=f"msgid{len(self.calls)}")


@dataclass
class ScriptedSms:
    script: list[SmsOutcome] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def send(self, phone: str, template_id: str, params: Sequence[str], session_context: str) -> SmsOutcome:
        self.calls.append(
            {"phone": phone, "template_id": template_id, "params": list(params), "context": session_context}
        )
        if self.hold is not None:
            await self.hold.wait()
        if self.script:
            return self.script.pop(0)
        return SmsOutcome(Delivery.ACCEPTED, phone, session_context, serial=f"sid{len(self.calls)}", code="Ok")


def wechat_error(errcode: int, errmsg: str = "") -> WeChatError:
    return WeChatError(errcode, errmsg, None)


def sms_outcome(delivery: Delivery, code: str, retry_after: float | None = None) -> SmsOutcome:
    return SmsOutcome(delivery, "+8613800138000", "", code=code, retry_after=retry_after)


@dataclass
class Desk:
    database: Database
    valkey: Redis
    clock: ManualClock
    messages: MessageStore
    templates: TemplateStore
    consents: ConsentStore
    early_receipts: EarlyReceiptStore
    notifications: Notifications
    queries: NotificationQueries
    people: People = field(default_factory=People)
    wechat: ScriptedWechat = field(default_factory=ScriptedWechat)
    sms: ScriptedSms = field(default_factory=ScriptedSms)
    _accepts: int = 0

    def dispatcher(
        self,
        wechat: WechatSender | None = None,
        sms: SmsSender | None = None,
        rules: NotificationRules | None = None,
        leases: Any = None,
    ) -> Dispatcher:
        return Dispatcher(
            self.messages,
            self.templates,
            self.consents,
            self.early_receipts,
            leases or ValkeyPersonLeases(self.valkey),
            self.people,
            wechat or self.wechat,
            sms or self.sms,
            self.clock,
            rules,
        )

    def person(self, name: str, openid: bool = True, phone: str | None = "13800138000") -> str:
        self.people.addresses[name] = Address(f"openid-{name}" if openid else None, phone)
        return name

    async def accept(self, person: str, template_id: str = TEMPLATE, times: int = 1) -> None:
        for _ in range(times):
            self._accepts += 1
            ref = f"popup:openid-{person}:{self._accepts}:{template_id}"
            assert await self.notifications.do_record_consent(person, template_id, True, ref, self.clock.now())

    async def notify(self, person: str, cause: str = "EV1", code: str = "booking_confirmed", **changes: Any) -> Message:
        return await self.notifications.do_notify(person, code, VALUES | changes, cause)

    async def credits(self, person: str, template_id: str = TEMPLATE) -> int:
        consent = await self.consents.get(person, template_id)
        return 0 if consent is None else consent.credits

    async def read(self, message: Message) -> Message:
        found = await self.messages.get(message.id)
        assert found is not None
        return found

    async def run(self, rounds: int = 20, dispatcher: Dispatcher | None = None) -> int:
        """Dispatches until nothing is due at this instant."""
        dispatcher, moved = dispatcher or self.dispatcher(), 0
        for _ in range(rounds):
            step = await dispatcher.do_dispatch()
            if not step:
                return moved
            moved += step
        return moved


@pytest.fixture
async def desk(database: Database, valkey: Redis, clock: ManualClock, ids: Ids, data_folder: Path) -> Desk:
    """Weihai's own templates imported; nobody has agreed to anything yet."""
    await create_indexes(database, MessageStore, TemplateStore, ConsentStore, EarlyReceiptStore)
    messages, templates = MessageStore(database, clock, ids), TemplateStore(database)
    consents, early = ConsentStore(database), EarlyReceiptStore(database)
    notifications = Notifications(messages, templates, consents, early, clock, ids)
    await notifications.do_import_templates((data_folder / "templates.json").read_bytes())
    queries = NotificationQueries(messages, templates, consents, clock)
    return Desk(database, valkey, clock, messages, templates, consents, early, notifications, queries)
