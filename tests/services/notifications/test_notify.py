"""Making messages, the inbox, consents, receipts and sent events."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gateways.outcomes import Delivery
from gateways.sms import SmsOutcome
from gateways.wechat import SendOutcome
from kernel.errors import Code, InvalidInput, NotFound
from services.events.actions import Relay
from services.events.store import DeadLetterStore
from services.notifications.actions import ReceiptCount, WechatSent
from services.notifications.rules import RULES, consumer
from services.store import Event
from tests.services.notifications.conftest import OTHERS, TEMPLATE, VALUES, Desk


@dataclass(frozen=True)
class Report:
    serial: str
    delivered: bool = True
    code: str = "DELIVRD"
    session_context: str | None = None


# Making messages


async def test_the_same_cause_makes_one_message_even_when_asked_by_many_at_once(desk: Desk) -> None:
    made = await asyncio.gather(*(desk.notify("P1") for _ in range(20)))
    assert len({message.id for message in made}) == 1
    assert len(await desk.queries.by_cause("EV1")) == 1


async def test_one_cause_may_tell_two_people(desk: Desk) -> None:
    assert (await desk.notify("P1")).id != (await desk.notify("P2")).id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"surname": "王"}, "$.values.surname"),
        ({"item_name": None}, "$.values.item_name"),
        ({"item_name": "  "}, "$.values.item_name"),
        ({"item_name": 5}, "$.values.item_name"),
        ({"start": "2026-11-24 09:00"}, "$.values.start"),
    ],
)
async def test_an_unknown_missing_or_wrong_value_is_refused_and_named(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await desk.notify("P1", **change)
    assert caught.value.fields["field"] == field
    assert await desk.queries.by_cause("EV1") == ()


async def test_an_unknown_template_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        await desk.notify("P1", code="no_such_template")


async def test_state_history_and_event_are_written_together(desk: Desk) -> None:
    await desk.notify(desk.person("P1"))
    await desk.run()
    [document] = await desk.database["messages"].find({}).to_list()
    assert [entry["to"] for entry in document["history"]] == ["queued", "sending", "sent"]
    assert [event["name"] for event in document["outgoing"]] == ["message.queued", "message.sending", "message.sent"]


async def test_a_stored_message_holds_no_contact_data(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    await desk.notify(person)
    await desk.notify(person, "EV2")
    await desk.run()
    everything = str(await desk.database["messages"].find({}).to_list())
    everything += str(await desk.database["message_consents"].find({}).to_list())
    assert "13800138000" not in everything
    assert "openid-P1" not in everything


async def test_a_message_for_later_is_neither_sent_nor_shown_before_its_time(desk: Desk) -> None:
    later = desk.clock.now() + timedelta(hours=2)
    await desk.notifications.do_notify(desk.person("P1"), "booking_confirmed", VALUES, "EV1", not_before=later)
    assert await desk.run() == 0
    assert (await desk.queries.inbox("P1")).entries == ()
    assert await desk.queries.unread("P1") == 0
    desk.clock.set(later)
    await desk.run()
    assert len(desk.sms.calls) == 1
    assert await desk.queries.unread("P1") == 1


# Templates


async def test_a_repeated_push_counts_once(desk: Desk) -> None:
    at = desk.clock.now()
    answers = await asyncio.gather(
        *(desk.notifications.do_record_consent("P1", TEMPLATE, True, "popup:o1:1", at) for _ in range(10))
    )
    assert answers.count(True) == 1
    assert await desk.credits("P1") == 1


async def test_a_reject_takes_nothing_back_and_a_change_closes(desk: Desk) -> None:
    person, at = desk.person("P1"), desk.clock.now()
    await desk.accept(person)
    await desk.notifications.do_record_consent(person, TEMPLATE, False, "popup:2", at)
    assert await desk.credits(person) == 1
    assert await desk.notifications.do_record_change(person, TEMPLATE, "change:1", at)
    assert not await desk.notifications.do_record_change(person, TEMPLATE, "change:1", at)
    await desk.notify(person)
    await desk.run()
    assert (len(desk.wechat.calls), len(desk.sms.calls)) == (0, 1)
    await desk.accept(person)
    await desk.notify(person, "EV2")
    await desk.run()
    assert len(desk.wechat.calls) == 1


async def test_credits_never_go_below_zero_under_concurrency(desk: Desk) -> None:
    await desk.accept("P1", times=7)
    consent = await desk.consents.get("P1", TEMPLATE)
    assert consent is not None
    taken = await asyncio.gather(
        *(desk.consents.take_credit(consent, f"M{number}/1", desk.clock.now()) for number in range(30))
    )
    assert sum(taken) == 7
    assert await desk.credits("P1") == 0
    returned = await asyncio.gather(
        *(desk.consents.return_credit(consent, f"M{number}/1", desk.clock.now()) for number in [*range(30), *range(30)])
    )
    assert sum(returned) == 7
    assert await desk.credits("P1") == 7


async def test_a_long_term_consent_is_open_until_it_is_closed(desk: Desk, data_folder: Any) -> None:
    [template] = [
        entry
        for entry in msgspec.json.decode((data_folder / "templates.json").read_bytes())
        if entry["code"] == "booking_confirmed"
    ]
    template |= {"code": "news"}
    template["wechat"] |= {"template_id": "WH-long", "kind": "long_term"}
    await desk.notifications.do_import_templates(msgspec.json.encode([template]))
    person = desk.person("P1")
    await desk.accept(person, "WH-long")
    for number in range(3):
        await desk.notify(person, f"EV{number}", code="news")
    await desk.run()
    assert len(desk.wechat.calls) == 3
    await desk.notifications.do_record_change(person, "WH-long", "change:1", desk.clock.now())
    await desk.notify(person, "EV9", code="news")
    await desk.run()
    assert (len(desk.wechat.calls), len(desk.sms.calls)) == (3, 1)


async def test_the_mini_program_learns_what_it_may_ask_for(desk: Desk) -> None:
    await desk.accept("P1")
    subscriptions = {entry.template_id: entry for entry in await desk.queries.subscriptions("P1")}
    about_bookings = [s for s in subscriptions.values() if set(s.codes) & {"booking_confirmed", "place_offered"}]
    assert 0 < len(about_bookings) <= 5, "one tap asks for at most five"
    assert (subscriptions[TEMPLATE].credits, subscriptions[TEMPLATE].open) == (1, True)
    assert not subscriptions["WH-place-offered"].open


# Inbox


async def test_the_inbox_pages_from_new_to_old_and_misses_and_repeats_nothing(desk: Desk) -> None:
    made = []
    for number in range(7):
        made.append((await desk.notify("P1", f"EV{number}")).id)
        if number % 2:
            desk.clock.advance(timedelta(seconds=1))
    await desk.notify("P2", "EV99")
    seen: list[str] = []
    after = None
    for _ in itertools.count():
        page = await desk.queries.inbox("P1", after, limit=3)
        seen += [entry.id for entry in page.entries]
        after = page.next
        if after is None:
            break
    assert sorted(seen) == sorted(made)
    assert seen[0] == made[-1]
    entry = (await desk.queries.inbox("P1", limit=1)).entries[0]
    assert (entry.title, entry.read, entry.state) == ("预约成功", False, "等待发送")
    assert entry.why


@pytest.mark.parametrize("after", ["", "x", "1.", "９.M", "99999999999999999.M"])
async def test_a_made_up_page_is_refused(desk: Desk, after: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await desk.queries.inbox("P1", after)
    assert caught.value.fields["field"] == "$.after"


async def test_reading_counts_down_once_and_a_foreign_message_is_not_found(desk: Desk) -> None:
    message = await desk.notify("P1")
    with pytest.raises(NotFound) as caught:
        await desk.notifications.do_mark_read("P2", message.id)
    assert caught.value.code is Code.MESSAGE_NOT_FOUND
    assert await desk.queries.unread("P1") == 1
    for _ in range(2):
        await desk.notifications.do_mark_read("P1", message.id)
    assert await desk.queries.unread("P1") == 0
    await desk.run()
    entry = (await desk.queries.inbox("P1")).entries[0]
    assert entry.read, "sending does not make it unread again"
    with pytest.raises(NotFound):
        await desk.notifications.do_mark_read("P1", "MS00000000000000XX")


# Receipts and sent events


async def test_a_receipt_makes_a_message_delivered_or_failed_and_a_repeat_changes_nothing(desk: Desk) -> None:
    good, bad = await desk.notify(desk.person("P1"), "EV1"), await desk.notify(desk.person("P2"), "EV2")
    await desk.run()
    good, bad = await desk.read(good), await desk.read(bad)
    receipts = [Report(str(good.channel_ref)), Report(str(bad.channel_ref), False, "MK:0001")]
    assert await desk.notifications.do_sms_receipts(receipts) == ReceiptCount(applied=2)
    assert await desk.notifications.do_sms_receipts(receipts) == ReceiptCount(repeated=2)
    assert (await desk.read(good)).state == "delivered"
    bad = await desk.read(bad)
    assert (bad.state, bad.last_error, bad.trouble) == ("failed", "MK:0001", True)
    assert (await desk.queries.inbox("P1")).entries[0].state == "已送达（短信）"


async def test_a_receipt_that_is_faster_than_the_answer_is_not_lost(desk: Desk) -> None:
    class Fast:
        async def send(self, phone: str, template_id: str, params: Sequence[str], session_context: str) -> SmsOutcome:
            count = await desk.notifications.do_sms_receipts([Report("sid-fast")])
            assert count == ReceiptCount(unmatched=1)
            return SmsOutcome(Delivery.ACCEPTED, phone, session_context, serial="sid-fast", code="Ok")

    message = await desk.notify(desk.person("P1"))
    await desk.run(dispatcher=desk.dispatcher(sms=Fast()))
    assert (await desk.read(message)).state == "delivered"
    assert await desk.early_receipts.get("sid-fast") is None


async def test_a_receipt_with_the_messages_id_settles_an_uncertain_one(desk: Desk) -> None:
    desk.sms.script = [SmsOutcome(Delivery.UNKNOWN, "+8613800138000", "")]
    message = await desk.notify(desk.person("P1"))
    await desk.run()
    await desk.notifications.do_sms_receipts([Report("sid7", session_context=message.id)])
    message = await desk.read(message)
    assert (message.state, message.channel_ref, message.trouble) == ("delivered", "sid7", None)
    assert await desk.queries.failures() == ()


async def test_a_receipt_for_nobody_is_counted_and_kept_aside(desk: Desk) -> None:
    assert await desk.notifications.do_sms_receipts([Report("unknown")]) == ReceiptCount(unmatched=1)


async def test_a_sent_event_tells_the_fate_of_a_wechat_message(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person)
    message = await desk.notify(person)
    await desk.run()
    assert await desk.notifications.do_wechat_sent(WechatSent("msgid1", person, TEMPLATE, 1003, "system failed"))
    message = await desk.read(message)
    assert (message.state, message.last_error) == ("failed", "wechat 1003 system failed")
    assert not await desk.notifications.do_wechat_sent(WechatSent("msgid1", person, TEMPLATE, 1003, "system failed"))


async def test_a_sent_event_settles_an_uncertain_message_only_when_there_is_exactly_one(desk: Desk) -> None:
    person = desk.person("P1")
    await desk.accept(person, times=2)
    desk.wechat.default = SendOutcome(Delivery.UNKNOWN, reason="stream closed")
    first, _ = await desk.notify(person, "EV1"), await desk.notify(person, "EV2")
    await desk.run()
    assert not await desk.notifications.do_wechat_sent(WechatSent("m5", person, TEMPLATE, 0, "success"))
    await desk.notifications.do_sms_receipts([Report("s1", session_context=first.id)])
    assert await desk.notifications.do_wechat_sent(WechatSent("m5", person, TEMPLATE, 0, "success"))
    assert await desk.queries.failures() == ()


# Events become messages

DATA = {key: value for key, value in VALUES.items() if key != "booking_id"} | {"person": "P1"} | OTHERS


@pytest.mark.parametrize("name", sorted(RULES))
async def test_every_event_of_a_booking_becomes_one_message(desk: Desk, name: str) -> None:
    desk.person("P1")
    now = desk.clock.now()
    data = DATA | {"by": "staff", "window": "3", "until": now + timedelta(minutes=30), "freed_slot": "x"}
    event = Event(id="EVX", name=name, aggregate="BK1", aggregate_version=3, at=now, data=data)
    notify = consumer(desk.notifications)
    assert name in notify.events
    await notify.take(event)
    await notify.take(event)
    [status] = await desk.queries.by_cause("EVX")
    assert status.template == RULES[name].template
    await desk.run()
    assert len(desk.sms.calls) == 1
    assert "{" not in (await desk.queries.inbox("P1")).entries[0].body


@pytest.mark.parametrize("unread", [False, None])
async def test_the_end_of_a_conversation_that_was_seen_makes_no_message(desk: Desk, unread: bool | None) -> None:
    desk.person("P1")
    data = DATA | {"unread": unread}
    event = Event(
        id="EVX", name="conversation.timed_out", aggregate="CV1", aggregate_version=3, at=desk.clock.now(), data=data
    )
    await consumer(desk.notifications).take(event)
    assert not await desk.queries.by_cause("EVX")


async def test_a_message_made_by_the_relay_from_a_stored_event_has_the_times_of_shanghai(desk: Desk) -> None:
    event = Event(
        id="EVY",
        name="booking.confirmed",
        aggregate="BK1",
        aggregate_version=1,
        at=desk.clock.now(),
        data=DATA,
    )
    source = await desk.notify("P9", "EV0")  # an aggregate to hang the stored event on
    stored = msgspec.to_builtins(event, builtin_types=(type(desk.clock.now()),))
    await desk.database["messages"].update_one({"_id": source.id}, {"$set": {"outgoing": [stored]}})
    relay = Relay([desk.messages], [consumer(desk.notifications)], DeadLetterStore(desk.database), desk.clock)  # type: ignore[list-item]
    await relay.do_deliver()
    [entry] = (await desk.queries.inbox("P1")).entries
    assert "11月24日（周二）09:00" in entry.body


async def test_an_event_without_a_needed_value_is_an_error_and_not_a_wrong_message(desk: Desk) -> None:
    data = {key: value for key, value in DATA.items() if key != "start"}
    event = Event(
        id="EVZ", name="booking.confirmed", aggregate="BK1", aggregate_version=1, at=desk.clock.now(), data=data
    )
    with pytest.raises(InvalidInput):
        await consumer(desk.notifications).take(event)
