"""Which way a message goes, and what each answer of the outside world makes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from gateways.outcomes import Delivery
from gateways.wechat import SendOutcome
from services.notifications.policy import MAX_ATTEMPTS, RETRY_WAITS, NotificationRules, retry_wait
from services.notifications.store import ValkeyPersonLeases
from tests.services.notifications.conftest import Desk, sms_outcome, wechat_error

DOWN = SendOutcome(Delivery.RETRY, reason="connection refused", retry_after=5.0)


async def test_a_message_with_consent_goes_by_wechat_and_uses_up_one_consent(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    message = await desk.notify(person)
    await desk.run()
    message = await desk.read(message)
    assert (message.state, message.channel, message.channel_ref) == ("sent", "wechat", "msgid1")
    assert [entry.to for entry in message.history] == ["queued", "sending", "sent"]
    assert await desk.credits(person) == 0
    assert desk.sms.calls == []
    [call] = desk.wechat.calls
    assert call["data"]["time3"] == "2026年11月24日 09:00"
    assert call["page"] == "pages/booking/detail?id=BK0000000000000001"


async def test_a_message_without_consent_goes_by_sms(desk: Desk) -> None:
    message = await desk.notify(desk.person("P1"))
    await desk.run()
    message = await desk.read(message)
    assert (message.state, message.channel, message.channel_ref) == ("sent", "sms", "sid1")
    assert desk.wechat.calls == []
    [call] = desk.sms.calls
    assert call["params"] == ["居民身份证补领", "11月24日（周二）09:00", "市政务服务中心", "户0930-2"]
    assert call["context"] == message.id


async def test_a_person_without_any_channel_has_it_in_the_inbox_only(desk: Desk) -> None:
    message = await desk.notify(desk.person("P1", openid=False, phone=None))
    await desk.run()
    message = await desk.read(message)
    assert message.state == "inbox_only"
    assert "no phone" in message.history[-1].note
    assert message.wake_at is None
    assert len((await desk.queries.inbox("P1")).entries) == 1


async def test_43101_empties_the_ledger_and_the_message_goes_by_sms(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person, times=3)
    desk.wechat.script = [SendOutcome(Delivery.NO_CONSENT, error=wechat_error(43101))]
    message = await desk.notify(person)
    await desk.run()
    message = await desk.read(message)
    assert (message.state, message.channel) == ("sent", "sms")
    assert await desk.credits(person) == 0
    assert len(desk.sms.calls) == 1


async def test_a_43101_does_not_take_a_consent_given_after_the_send_began(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    desk.wechat.script = [SendOutcome(Delivery.NO_CONSENT, error=wechat_error(43101))]
    desk.wechat.hold = asyncio.Event()
    await desk.notify(person)
    running = asyncio.create_task(desk.dispatcher().do_dispatch())
    while not desk.wechat.calls:
        await asyncio.sleep(0.01)
    desk.clock.advance(timedelta(seconds=1))
    await desk.accept(person)
    desk.wechat.hold.set()
    await running
    assert await desk.credits(person) == 1


async def test_wechat_down_is_tried_three_times_and_then_sms_takes_over(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    desk.wechat.default = DOWN
    message = await desk.notify(person)
    await desk.run()
    assert len(desk.wechat.calls) == 2, "the first retry is at once"
    desk.clock.advance(RETRY_WAITS[1])
    await desk.run()
    message = await desk.read(message)
    assert len(desk.wechat.calls) == 3
    assert (message.state, message.channel) == ("sent", "sms")
    assert await desk.credits(person) == 1, "what was certainly not sent costs no consent"


async def test_an_urgent_message_does_not_wait_for_wechat(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person, "WH-booking-called")
    desk.wechat.default = DOWN
    values = {
        "item_name": "护照",
        "centre_name": "市中心",
        "queue_number": "护1",
        "window": "3号窗口",
        "booking_id": "BK1",
    }
    message = await desk.notifications.do_notify(person, "booking_called", values, "EV1")
    await desk.run()
    assert len(desk.wechat.calls) == 1
    assert (await desk.read(message)).channel == "sms"


async def test_wechats_daily_quota_sends_the_message_by_sms_at_once(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    desk.wechat.default = SendOutcome(Delivery.RETRY, error=wechat_error(45009), retry_after=3600.0)
    message = await desk.notify(person)
    await desk.run()
    assert len(desk.wechat.calls) == 1
    assert (await desk.read(message)).state == "sent"


async def test_a_person_without_phone_waits_for_wechat_until_the_attempts_are_used_up_and_then_it_fails_visibly(
    desk: Desk,
) -> None:
    person = desk.person("P1", phone=None)
    await desk.accept(person)
    desk.wechat.default = DOWN
    message = await desk.notify(person)
    rules, began = NotificationRules(max_attempts=8), desk.clock.now()
    dispatcher = desk.dispatcher(rules=rules)
    for _ in range(8):
        await desk.run(dispatcher=dispatcher)
        desk.clock.advance(timedelta(seconds=300))
    message = await desk.read(message)
    assert message.state == "failed"
    assert len(desk.wechat.calls) == 8
    assert [status.id for status in await desk.queries.failures()] == [message.id]
    assert desk.clock.now() - began < timedelta(hours=1)


def test_the_retry_table_ends_after_about_six_hours() -> None:
    total = sum((retry_wait(n) for n in range(1, MAX_ATTEMPTS)), timedelta())
    assert timedelta(hours=5, minutes=55) <= total <= timedelta(hours=6, minutes=5)
    assert retry_wait(1) == timedelta()
    assert max(retry_wait(n) for n in range(1, 200)) == timedelta(seconds=300)


async def test_a_lost_answer_makes_the_message_uncertain_and_it_is_never_sent_again(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    desk.wechat.script = [SendOutcome(Delivery.UNKNOWN, reason="stream closed")]
    message = await desk.notify(person)
    await desk.run()
    for _ in range(5):
        desk.clock.advance(timedelta(hours=1))
        await desk.run()
    message = await desk.read(message)
    assert (message.state, message.wake_at) == ("uncertain", None)
    assert (len(desk.wechat.calls), len(desk.sms.calls)) == (1, 0)
    assert await desk.credits(person) == 0, "WeChat may have used the consent"
    assert [status.state for status in await desk.queries.failures()] == ["uncertain"]


async def test_a_sender_that_breaks_counts_as_a_lost_answer(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    desk.wechat.script = [RuntimeError("broken")]
    message = await desk.notify(person)
    await desk.run()
    assert (await desk.read(message)).state == "uncertain"


async def test_a_final_refusal_by_wechat_returns_the_consent_and_goes_by_sms(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    desk.wechat.script = [SendOutcome(Delivery.REFUSED, error=wechat_error(43107, "banned"))]
    message = await desk.notify(person)
    await desk.run()
    assert (await desk.read(message)).channel == "sms"
    assert await desk.credits(person) == 1


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (sms_outcome(Delivery.NO_CONSENT, "FailedOperation.PhoneNumberInBlacklist"), "inbox_only"),
        (sms_outcome(Delivery.REFUSED, "LimitExceeded.PhoneNumberDailyLimit"), "inbox_only"),
        (sms_outcome(Delivery.REFUSED, "FailedOperation.TemplateIncorrectOrUnapproved"), "failed"),
        (sms_outcome(Delivery.RETRY, "LimitExceeded.PhoneNumberThirtySecondLimit", 30.0), "queued"),
        (sms_outcome(Delivery.UNKNOWN, "InternalError.Timeout"), "uncertain"),
    ],
)
async def test_each_refusal_of_an_sms_has_its_end(desk: Desk, outcome: object, state: str) -> None:
    desk.sms.script = [outcome]  # type: ignore[list-item]
    message = await desk.notify(desk.person("P1"))
    await desk.run()
    assert (await desk.read(message)).state == state
    assert len(desk.sms.calls) == 1


async def test_an_sms_limit_of_thirty_seconds_is_waited_for(desk: Desk) -> None:
    desk.sms.script = [sms_outcome(Delivery.RETRY, "LimitExceeded.PhoneNumberThirtySecondLimit", 30.0)]
    message = await desk.notify(desk.person("P1"))
    await desk.run()
    desk.clock.advance(timedelta(seconds=29))
    assert await desk.run() == 0
    desk.clock.advance(timedelta(seconds=1))
    await desk.run()
    assert (await desk.read(message)).state == "sent"


async def test_a_sender_killed_between_claim_and_answer_leaves_it_uncertain_after_the_lease(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    message = await desk.notify(person)
    desk.wechat.hold = asyncio.Event()
    running = asyncio.create_task(desk.dispatcher().do_dispatch())
    while not desk.wechat.calls:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    desk.wechat.hold = None
    assert await desk.run() == 0, "the lease still runs"
    assert (await desk.read(message)).state == "sending"
    desk.clock.advance(NotificationRules().lease)
    await desk.run()
    assert (await desk.read(message)).state == "uncertain"
    desk.clock.advance(timedelta(hours=1))
    await desk.run()
    assert (len(desk.wechat.calls), len(desk.sms.calls)) == (1, 0)


async def test_an_answer_that_comes_after_the_lease_still_counts(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    message = await desk.notify(person)
    desk.wechat.hold = asyncio.Event()
    running = asyncio.create_task(desk.dispatcher().do_dispatch())
    while not desk.wechat.calls:
        await asyncio.sleep(0.01)
    desk.clock.advance(NotificationRules().lease)
    await desk.dispatcher().do_dispatch()
    assert (await desk.read(message)).state == "uncertain"
    desk.wechat.hold.set()
    await running
    message = await desk.read(message)
    assert (message.state, message.channel_ref, message.trouble) == ("sent", "msgid1", None)


async def test_a_message_that_is_not_urgent_waits_until_eight_in_the_morning(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=12))  # 21:00
    message = await desk.notify(desk.person("P1"), start=desk.clock.now() + timedelta(days=2))
    assert await desk.run() == 0
    desk.clock.advance(timedelta(hours=10, minutes=59))
    assert await desk.run() == 0
    desk.clock.advance(timedelta(minutes=1))
    await desk.run()
    assert (await desk.read(message)).state == "sent"


async def test_a_worker_that_comes_late_does_not_wake_people_at_night(desk: Desk) -> None:
    message = await desk.notify(desk.person("P1"), start=desk.clock.now() + timedelta(days=2))
    desk.clock.advance(timedelta(hours=13))
    await desk.run()
    message = await desk.read(message)
    assert (message.state, message.history[-1].note) == ("queued", "quiet hours")
    assert desk.sms.calls == []


async def test_an_urgent_message_goes_out_at_night(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=13))
    values = {
        "item_name": "护照",
        "centre_name": "市中心",
        "centre_address": "路1号",
        "start": desk.clock.now() + timedelta(days=1),
        "until": desk.clock.now() + timedelta(minutes=30),
        "booking_id": "BK1",
    }
    message = await desk.notifications.do_notify(desk.person("P1"), "place_offered", values, "EV1")
    await desk.run()
    assert (await desk.read(message)).state == "sent"


async def test_a_reminder_whose_time_has_passed_stays_in_the_inbox(desk: Desk) -> None:
    message = await desk.notify(
        desk.person("P1"), code="booking_reminder", start=desk.clock.now() + timedelta(minutes=30)
    )
    desk.clock.advance(timedelta(minutes=31))
    await desk.run()
    message = await desk.read(message)
    assert (message.state, message.history[-1].note) == ("inbox_only", "too late to be of use")
    assert desk.sms.calls == []


async def test_one_person_is_sent_one_message_at_a_time(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person, times=6)
    for number in range(6):
        await desk.notify(person, cause=f"EV{number}")
    at_once = most = 0

    class Counting:
        async def send_subscribe_message(self, openid, template_id, data, *, page=None):  # type: ignore[no-untyped-def]
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.02)
            at_once -= 1
            return SendOutcome(Delivery.ACCEPTED, msgid="m")

    first, second = desk.dispatcher(wechat=Counting()), desk.dispatcher(wechat=Counting())
    while sum(await asyncio.gather(first.do_dispatch(), second.do_dispatch())):
        pass
    assert most == 1
    assert await desk.credits(person) == 0


async def test_a_long_item_name_is_shortened_with_a_visible_sign(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    name = "城镇职工基本医疗保险参保人员异地就医备案登记"
    message = await desk.notify(person, item_name=name)
    await desk.run()
    value = desk.wechat.calls[0]["data"]["thing1"]
    assert len(value) == 20
    assert value.endswith("…")
    message = await desk.read(message)
    assert "shortened: thing1" in message.history[1].note
    assert name in message.body, "the inbox has it in full"


async def test_a_message_that_cannot_be_prepared_waits_and_does_not_stop_the_others(desk: Desk) -> None:
    broken, sound = await desk.notify(desk.person("P1"), "EV1"), await desk.notify(desk.person("P2"), "EV2")
    await desk.database["messages"].update_one({"_id": broken.id}, {"$set": {"template_version": 99}})
    await desk.run()
    assert (await desk.read(sound)).state == "sent"
    broken = await desk.read(broken)
    assert (broken.state, broken.failures) == ("queued", 1)


async def test_valkey_down_does_not_stop_the_messages(desk: Desk) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    message = await desk.notify(desk.person("P1"))
    await desk.run(dispatcher=desk.dispatcher(leases=ValkeyPersonLeases(nowhere)))
    await nowhere.aclose()
    assert (await desk.read(message)).state == "sent"
