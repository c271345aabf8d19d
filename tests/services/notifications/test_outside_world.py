"""The real gateway clients against the simulators: what residents really get, under faults, races and kills."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.sms import TencentSms, TencentSmsSettings, parse_tencent, tencent_answer
from gateways.wechat import PushReceiver, PushSettings, SubscribePopup, SubscribeSent, WeChatClient, WeChatSettings
from server.embedded import free_port
from services.notifications.actions import WechatSent, read_templates
from services.notifications.dispatch import Dispatcher
from services.notifications.model import Message
from services.notifications.policy import NotificationRules
from services.notifications.registers import sms_register, wechat_register
from services.notifications.rules import RULES, consumer
from services.store import Event
from simulators import sms, wechat
from simulators.sms.world import SmsWorld
from simulators.wechat.world import WeChatWorld
from tests.services.notifications.conftest import OTHERS, TEMPLATE, VALUES, Address, Desk
from tests.simulators.support import WECHAT, Callback, Running, listening, query_of, running_sms, running_wechat

SEND = "/cgi-bin/message/subscribe/send"

PAGES = (
    "pages/booking/detail", "pages/case/detail", "pages/payment/bill", "pages/consultation/index",
    "pages/complaint/detail", "pages/account/identity",
)  # fmt: skip


@dataclass
class Outside:
    """Both simulators with Weihai's own templates, the real clients, and where the simulators push to."""

    desk: Desk
    wechat: Running
    sms: Running
    wechat_client: WeChatClient
    sms_client: TencentSms
    pushes: Callback
    receipts: Callback

    @property
    def wechat_world(self) -> WeChatWorld:
        return cast(WeChatWorld, self.wechat.served.app.world)

    @property
    def sms_world(self) -> SmsWorld:
        return cast(SmsWorld, self.sms.served.app.world)

    def dispatcher(self, wechat_client: WeChatClient | None = None) -> Dispatcher:
        return self.desk.dispatcher(wechat_client or self.wechat_client, self.sms_client)

    async def run(self, dispatcher: Dispatcher | None = None) -> None:
        await self.desk.run(dispatcher=dispatcher or self.dispatcher())

    async def subscribe(self, person: str, *template_ids: str) -> None:
        """The resident taps "accept" on the phone; WeChat pushes it; the push is taken as the callback does."""
        openid = self.desk.people.addresses[person].openid
        entries = [{"id": template_id, "accept": True} for template_id in template_ids]
        before = len(self.pushes.requests)
        await self.wechat.control("subscribe", openid=openid, templates=entries)
        for request in self.pushes.requests[before:]:
            event = self.open(request)
            assert isinstance(event, SubscribePopup)
            for choice in event.choices:
                await self.desk.notifications.do_record_consent(
                    person, choice.template_id, choice.accepted, event.dedup_key, event.at
                )
        self.desk.clock.advance(timedelta(seconds=1))

    def open(self, request: Any) -> object:
        settings = PushSettings(WECHAT.appid, WECHAT.push_token, WECHAT.encoding_aes_key)
        return PushReceiver(settings, self.desk.clock).open(query_of(request), request.body)

    async def take_receipts(self, expected: int) -> None:
        for _ in range(200):
            if len(self.receipts.requests) >= expected:
                break
            await asyncio.sleep(0.01)
        for request in self.receipts.requests:
            await self.desk.notifications.do_sms_receipts(parse_tencent(request.body))


@asynccontextmanager
async def outside_world(desk: Desk, templates: bytes) -> AsyncIterator[Outside]:
    contents = read_templates(templates)
    known = tuple(wechat.Template(**entry) for entry in wechat_register(contents))
    texts = tuple(sms.SmsTemplate(**entry) for entry in sms_register(contents))
    async with AsyncExitStack() as stack:
        pushes = await stack.enter_async_context(listening())
        receipts = await stack.enter_async_context(listening(lambda _: (200, tencent_answer())))
        weixin = await stack.enter_async_context(running_wechat(templates=known, pages=PAGES, callback_url=pushes.url))
        carrier = await stack.enter_async_context(running_sms(desk.clock, templates=texts, callback_url=receipts.url))
        client = await stack.enter_async_context(
            WeChatClient(WeChatSettings(WECHAT.appid, WECHAT.secret, weixin.url, request_timeout=2.0), desk.clock)
        )
        defaults = sms.SmsSimSettings()
        settings = TencentSmsSettings(
            defaults.secret_id,
            defaults.secret_key,
            defaults.sdk_app_id,
            defaults.sign_name,
            endpoint=carrier.url,
            request_timeout=2.0,
        )
        texter = await stack.enter_async_context(TencentSms(settings, desk.clock))
        yield Outside(desk, weixin, carrier, client, texter, pushes, receipts)


@pytest.fixture
async def outside(desk: Desk, data_folder: Path) -> AsyncIterator[Outside]:
    async with outside_world(desk, (data_folder / "templates.json").read_bytes()) as running:
        yield running


async def test_a_consent_given_on_the_phone_becomes_one_wechat_message(outside: Outside) -> None:
    desk, person = outside.desk, outside.desk.person("P1")
    await outside.subscribe(person, TEMPLATE)
    message = await desk.notify(person)
    await outside.run()
    [sent] = await outside.wechat.look("sent", openid="openid-P1")
    assert sent["data"]["thing1"] == "居民身份证补领"
    assert outside.sms_world.sent == []
    message = await desk.read(message)
    assert (message.state, message.channel_ref) == ("sent", str(sent["msgid"]))
    assert await desk.credits(person) == 0
    assert outside.wechat_world.credits["openid-P1", TEMPLATE] == 0


async def test_every_template_of_weihai_passes_wechats_and_the_operators_checks(outside: Outside) -> None:
    desk = outside.desk
    ids = [template.id for template in outside.wechat_world.settings.templates]
    long = "城镇职工基本医疗保险参保人员异地就医备案登记"
    for number, name in enumerate(sorted(RULES)):
        for way, openid, phone in (("W", True, None), ("S", False, f"138001381{number:02d}")):
            person = desk.person(f"{way}{number}", openid, phone)
            if openid:
                outside.wechat_world.user(f"openid-{person}")
                for first in range(0, len(ids), 5):  # one tap asks for at most five
                    await outside.subscribe(person, *ids[first : first + 5])
            data = VALUES | OTHERS | {"person": person, "item_name": long, "by": "staff", "window": "3"}
            data |= {"until": desk.clock.now() + timedelta(minutes=30)}
            event = Event(
                id=f"{way}{number}", name=name, aggregate="BK1", aggregate_version=1, at=desk.clock.now(), data=data
            )
            await consumer(desk.notifications).take(event)
    await outside.run()
    assert len(outside.wechat_world.sent) == len(RULES)
    assert len(outside.sms_world.sent) == len(RULES)
    assert await desk.queries.failures() == ()
    assert all(len(entry["content"]) <= 134 for entry in outside.sms_world.sent), "two parts at most"


async def test_without_consent_the_message_is_an_sms_and_its_receipt_makes_it_delivered(outside: Outside) -> None:
    message = await outside.desk.notify(outside.desk.person("P1"))
    await outside.run()
    [sent] = outside.sms_world.sent
    assert sent["session_context"] == message.id
    await outside.take_receipts(1)
    assert (await outside.desk.read(message)).state == "delivered"
    assert outside.wechat_world.sent == []


async def test_an_sms_that_did_not_arrive_is_a_visible_failure(outside: Outside) -> None:
    await outside.sms.control("verdict", phone="13800138000", report_status="FAIL", errmsg="MK:0001")
    message = await outside.desk.notify(outside.desk.person("P1"))
    await outside.run()
    await outside.take_receipts(1)
    [failure] = await outside.desk.queries.failures()
    assert (failure.id, failure.last_error) == (message.id, "MK:0001")


async def test_a_consent_that_wechat_no_longer_knows_becomes_an_sms(outside: Outside) -> None:
    person = outside.desk.person("P1")
    await outside.subscribe(person, TEMPLATE)
    outside.wechat_world.switch_off("openid-P1", TEMPLATE)  # and the push about it was lost
    message = await outside.desk.notify(person)
    await outside.run()
    assert (await outside.desk.read(message)).channel == "sms"
    assert len(outside.sms_world.sent) == 1
    assert await outside.desk.credits(person) == 0


async def test_with_wechat_down_the_message_is_retried_and_then_an_sms(outside: Outside) -> None:
    desk, person = outside.desk, outside.desk.person("P1")
    await outside.subscribe(person, TEMPLATE)
    message = await desk.notify(person)
    settings = WeChatSettings(WECHAT.appid, WECHAT.secret, f"http://127.0.0.1:{free_port()}")
    async with WeChatClient(settings, desk.clock) as nowhere:
        dispatcher = outside.dispatcher(nowhere)
        for _ in range(3):
            await outside.run(dispatcher)
            desk.clock.advance(timedelta(seconds=15))
    message = await desk.read(message)
    assert (message.state, message.channel, message.wechat_failures) == ("sent", "sms", 3)
    assert (len(outside.wechat_world.sent), len(outside.sms_world.sent)) == (0, 1)
    assert await desk.credits(person) == 1


async def test_wechat_busy_for_a_moment_is_waited_for_and_costs_one_consent(outside: Outside) -> None:
    desk, person = outside.desk, outside.desk.person("P1")
    await outside.subscribe(person, TEMPLATE)
    await outside.wechat.fault(SEND, "refuse", errcode=43108)
    message = await desk.notify(person)
    await outside.run()
    assert (await desk.read(message)).state == "queued"
    desk.clock.advance(timedelta(seconds=1))
    await outside.run()
    assert (await desk.read(message)).channel == "wechat"
    assert len(outside.wechat_world.sent) == 1


async def test_a_lost_answer_of_wechat_leaves_exactly_one_message_and_an_uncertain_state(outside: Outside) -> None:
    desk, person = outside.desk, outside.desk.person("P1")
    await outside.subscribe(person, TEMPLATE)
    await outside.wechat.fault(SEND, "lose_answer")
    message = await desk.notify(person)
    for _ in range(3):
        await outside.run()
        desk.clock.advance(timedelta(hours=1))
    assert (await desk.read(message)).state == "uncertain"
    assert (len(outside.wechat_world.sent), len(outside.sms_world.sent)) == (1, 0)
    # WeChat's own word settles it.
    [sent] = outside.wechat_world.sent
    before = len(outside.pushes.requests)
    await outside.wechat.control("sent-event", openid="openid-P1", template_id=TEMPLATE, msgid=str(sent["msgid"]))
    event = outside.open(outside.pushes.requests[before])
    assert isinstance(event, SubscribeSent)
    [result] = event.results
    told = WechatSent(result.msgid, person, result.template_id, result.error_code, result.error_status)
    assert await desk.notifications.do_wechat_sent(told)
    assert (await desk.read(message)).state == "delivered"


async def test_a_lost_answer_of_the_sms_operator_leaves_exactly_one_sms(outside: Outside) -> None:
    await outside.sms.fault("/", "lose_answer")
    message = await outside.desk.notify(outside.desk.person("P1"))
    for _ in range(3):
        await outside.run()
        outside.desk.clock.advance(timedelta(hours=1))
    assert (await outside.desk.read(message)).state == "uncertain"
    assert len(outside.sms_world.sent) == 1


async def test_a_number_on_the_black_list_keeps_the_message_in_the_inbox(outside: Outside) -> None:
    await outside.sms.control("blacklist", phone="13800138000")
    message = await outside.desk.notify(outside.desk.person("P1"))
    await outside.run()
    assert (await outside.desk.read(message)).state == "inbox_only"


async def crowd(outside: Outside, size: int, first: int = 0) -> list[Message]:
    """One message each; every second person has a consent, the others have a phone only."""
    made = []
    for number in range(first, first + size):
        person = f"P{number}"
        outside.desk.people.addresses[person] = Address(f"openid-{person}", f"139{number:08d}")
        outside.wechat_world.user(f"openid-{person}")
        if number % 2:
            outside.wechat_world.choose(f"openid-{person}", {TEMPLATE: True})
            await outside.desk.accept(person)
        made.append(await outside.desk.notify(person, f"EV{number}", booking_id=f"BK{number}"))
    return made


def sent_per_person(outside: Outside) -> Counter[str]:
    counted: Counter[str] = Counter(entry["openid"].removeprefix("openid-") for entry in outside.wechat_world.sent)
    counted.update(f"P{int(entry['phone'][3:])}" for entry in outside.sms_world.sent)
    return counted


async def test_two_dispatchers_send_each_of_two_hundred_messages_exactly_once(outside: Outside) -> None:
    made = await crowd(outside, 200)
    first, second = outside.dispatcher(), outside.dispatcher()

    async def loop(dispatcher: Dispatcher) -> None:
        idle = 0
        while idle < 3:
            idle = 0 if await dispatcher.do_dispatch(40) else idle + 1
            await asyncio.sleep(0)

    await asyncio.gather(loop(first), loop(second))
    assert sent_per_person(outside) == Counter({message.person: 1 for message in made})
    assert len(outside.wechat_world.sent) == 100
    states = Counter([(await outside.desk.read(message)).state for message in made])
    assert states == {"sent": 200}
    for message in made[1::2]:
        assert await outside.desk.credits(message.person) == 0


# A cancelled task may leave a connection half made; a process that is really killed takes its sockets with it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(3))
async def test_dispatchers_killed_at_random_points_send_nothing_twice_and_lose_nothing(
    outside: Outside, seed: int
) -> None:
    dice, made = random.Random(seed), await crowd(outside, 40)
    for _ in range(12):
        victim = asyncio.create_task(outside.dispatcher().do_dispatch(15))
        await asyncio.sleep(dice.uniform(0.01, 0.15))
        victim.cancel()
        await asyncio.gather(victim, return_exceptions=True)
    await asyncio.sleep(0.1)  # requests that the victims left on the wire
    outside.desk.clock.advance(NotificationRules().lease + timedelta(seconds=1))
    await outside.desk.valkey.flushdb()  # leases of the dead expire in real time, not on the test's clock
    # On a slow machine every message may have been in a victim's hands; these were in nobody's.
    later = await crowd(outside, 10, first=40)
    await outside.run()
    counted, states = sent_per_person(outside), Counter[str]()
    for message in made:
        message = await outside.desk.read(message)
        states[message.state] += 1
        allowed = {"sent": {1}, "uncertain": {0, 1}}[message.state]
        assert counted[message.person] in allowed, (message.state, message.history)
    assert sum(states.values()) == 40
    assert [(await outside.desk.read(message)).state for message in later] == ["sent"] * 10
    assert all(counted[message.person] == 1 for message in later)
    gc.collect()  # the left sockets are this test's, not a later one's
