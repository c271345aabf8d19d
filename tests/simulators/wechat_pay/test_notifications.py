"""Notifications as they leave the simulator: signed, encrypted, repeated, and lost, doubled, late or out of order."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from tornado.httputil import HTTPServerRequest
from wechatpayv3 import utils
from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType

from gateways.wechat_pay import NotificationRefused, RefusalReason, TransactionSuccess
from simulators.wechat_pay.notifier import SCHEDULE
from tests.simulators.wechat_pay.support import (
    APPID,
    MCHID,
    OPENID,
    Pay,
    client_settings,
    keys,
    merchant,
    running_pay,
    until,
)


async def ended(pay: Pay) -> list[dict[str, Any]]:
    async def all_ended() -> bool:
        return all(one["state"] != "pending" for one in await pay.look("notifications"))

    await until(all_ended)
    return list(await pay.look("notifications"))


def number(pay: Pay, request: HTTPServerRequest) -> str:
    event = pay.reader.open(request.headers, request.body)
    assert isinstance(event, TransactionSuccess)
    return event.order.out_trade_no


class TestTheLibraryAsWitness:
    async def test_it_verifies_and_decrypts_what_the_simulator_sends(self, pay: Pay) -> None:
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await shop.has(1)
        (request,) = shop.requests
        headers = request.headers
        assert utils.rsa_verify(
            headers["Wechatpay-Timestamp"],
            headers["Wechatpay-Nonce"],
            request.body.decode(),
            headers["Wechatpay-Signature"],
            utils.load_public_key(keys().public_key),
        )
        envelope = json.loads(request.body)
        resource = envelope["resource"]
        plain = utils.aes_decrypt(
            resource["nonce"], resource["ciphertext"], resource["associated_data"], keys().apiv3_key
        )
        fields = json.loads(plain, parse_float=lambda text: pytest.fail(f"{text} is a float"))
        assert fields["amount"] == {
            "total": 1230,
            "payer_total": 1230,
            "currency": "CNY",
            "payer_currency": "CNY",
        }
        assert (fields["out_trade_no"], fields["payer"]["openid"]) == ("WH0001", OPENID)

    async def test_its_callback_and_ours_read_the_same(self, pay: Pay) -> None:
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await shop.has(1)
            await pay.refund("WH0001", "R1", 30, notify_url=shop.url)
            await shop.has(2)
        settings = client_settings()
        library = AsyncWeChatPay(
            WeChatPayType.MINIPROG,
            MCHID,
            settings.merchant_private_key,
            settings.merchant_serial,
            APPID,
            settings.apiv3_key,
            public_key=settings.public_key,
            public_key_id=settings.public_key_id,
        )
        paid, refunded = (library.callback(dict(request.headers), request.body) for request in shop.requests)
        ours, our_refund = (pay.reader.open(request.headers, request.body) for request in shop.requests)
        assert paid["id"] == ours.notification_id
        assert paid["event_type"] == "TRANSACTION.SUCCESS"
        assert paid["resource"]["transaction_id"] == ours.order.transaction_id
        assert refunded["event_type"] == "REFUND.SUCCESS"
        assert refunded["resource"]["refund_status"] == our_refund.refund.state
        assert refunded["resource"]["amount"]["refund"] == our_refund.refund.amount == 30


class TestSchedule:
    def test_fifteen_repetitions_take_a_day_and_four_minutes(self) -> None:
        assert len(SCHEDULE) == 15
        assert sum(SCHEDULE) == 24 * 3600 + 4 * 60

    async def test_what_is_never_taken_is_given_up_after_sixteen_attempts(self, pay: Pay) -> None:
        async with merchant(lambda _: 500) as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            (told,) = await ended(pay)
        assert told["state"] == "given_up"
        assert len(shop.requests) == len(told["attempts"]) == 16
        events = [pay.reader.open(request.headers, request.body) for request in shop.requests]
        assert len({event.notification_id for event in events}) == 1
        assert len({event.nonce for event in events}) == 16

    @pytest.mark.parametrize("status", [200, 204])
    async def test_it_stops_at_success(self, pay: Pay, status: int) -> None:
        answers = [500, 404, 302, status]
        async with merchant(lambda _: answers.pop(0)) as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            (told,) = await ended(pay)
            await asyncio.sleep(0.05)
        assert told["state"] == "taken"
        assert [attempt["status"] for attempt in told["attempts"]] == [500, 404, 302, status]
        assert len(shop.requests) == 4

    async def test_the_pauses_keep_their_proportions(self) -> None:
        factor = 10_000.0
        came: list[float] = []

        def answer(_: HTTPServerRequest) -> int:
            came.append(asyncio.get_running_loop().time())
            return 500 if len(came) < 8 else 204

        async with running_pay(time_factor=factor) as pay, merchant(answer) as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await ended(pay)
        pauses = [later - earlier for earlier, later in pairwise(came)]
        assert len(pauses) == 7
        assert all(pause >= documented / factor for pause, documented in zip(pauses, SCHEDULE, strict=False))

    async def test_no_answer_within_the_time_is_no_success(self) -> None:
        async with running_pay(answer_within=0.1) as pay:

            async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read(-1)
                writer.close()

            server = await asyncio.start_server(silent, "127.0.0.1", 0)
            await pay.paid("WH0001", notify_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/notify")

            async def is_tried_twice() -> bool:
                (told,) = await pay.look("notifications")
                return len(told["attempts"]) >= 2

            await until(is_tried_twice)
            (told,) = await pay.look("notifications")
            assert told["attempts"][0]["status"] == 599 or told["attempts"][0]["answer"] == "HTTPTimeoutError"
            assert not told["attempts"][0]["taken"]
            await pay.control("reset")
            server.close()
            await server.wait_closed()


class TestFaults:
    async def test_lost_is_never_sent_and_the_query_tells(self, pay: Pay) -> None:
        await pay.control("notification_faults", kind="lose")
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            (told,) = await ended(pay)
            await asyncio.sleep(0.05)
            assert not shop.requests
        assert told["state"] == "lost"
        assert (await pay.wechat.query("WH0001")).is_paid

    async def test_dropped_comes_with_the_next_attempt(self, pay: Pay) -> None:
        await pay.fault("callback", "drop")
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            (told,) = await ended(pay)
        assert told["faults"] == ["drop"]
        assert (len(shop.requests), len(told["attempts"])) == (1, 2)

    @pytest.mark.parametrize("kind", ["repeat", "twice"])
    async def test_repeated_comes_twice_with_one_id_and_two_nonces(self, pay: Pay, kind: str) -> None:
        await pay.control("notification_faults", kind=kind)
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await shop.has(2)
        first, second = (pay.reader.open(request.headers, request.body) for request in shop.requests)
        assert first.notification_id == second.notification_id
        assert first.nonce != second.nonce

    async def test_delayed_comes_later(self, pay: Pay) -> None:
        await pay.control("notification_faults", kind="delay", seconds=3)
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await asyncio.sleep(0.1)
            assert not shop.requests
            await shop.has(1)

    async def test_reordered_comes_after_the_next(self, pay: Pay) -> None:
        await pay.control("notification_faults", kind="reorder", out_trade_no="WH0001")
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await pay.paid("WH0002", notify_url=shop.url)
            await shop.has(2)
            assert [number(pay, request) for request in shop.requests] == ["WH0002", "WH0001"]

    async def test_reordered_with_nothing_to_follow_comes_in_the_end(self, pay: Pay) -> None:
        await pay.control("notification_faults", kind="reorder", seconds=0.05)
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await shop.has(1)

    async def test_a_fault_waits_for_what_it_is_meant_for(self, pay: Pay) -> None:
        await pay.control("notification_faults", kind="lose", event_type="REFUND.SUCCESS", count=2)
        await pay.paid("WH0001", notify_url="http://127.0.0.1:9/x")
        for refund in ("R1", "R2", "R3"):
            await pay.refund("WH0001", refund, 1)
            pay.later(minutes=1)

            async def is_told(refund: str = refund) -> bool:
                return bool(await pay.look("notifications", out_refund_no=refund))

            await until(is_told)
        assert [one["faults"] for one in await pay.look("notifications")] == [[], ["lose"], ["lose"], []]

    async def test_callbacks_may_all_be_sent_elsewhere(self, pay: Pay) -> None:
        async with merchant() as shop:
            await pay.control("callback", url=shop.url)
            await pay.paid("WH0001", notify_url="https://weihai.example/pay")
            await shop.has(1)


class TestProbes:
    async def test_probes_come_beside_genuine_ones_and_are_refused(self) -> None:
        async with running_pay(probe_every=2) as pay:
            refused: list[RefusalReason] = []

            def answer(request: HTTPServerRequest) -> int:
                try:
                    pay.reader.open(request.headers, request.body)
                except NotificationRefused as refusal:
                    refused.append(refusal.reason)
                    return refusal.status
                return 204

            async with merchant(answer) as shop:
                for trade in ("WH0001", "WH0002", "WH0003", "WH0004"):
                    await pay.paid(trade, notify_url=shop.url)
                told = await ended(pay)
        assert refused == [RefusalReason.PROBE] * 2
        assert [len(one["attempts"]) for one in told] == [1, 2, 1, 2]
        probes = [attempt for one in told for attempt in one["attempts"] if attempt["probe"]]
        assert [probe["taken"] for probe in probes] == [False, False]

    async def test_a_probe_on_demand_shows_a_merchant_that_takes_everything(self, pay: Pay) -> None:
        async with merchant() as careless:
            assert (await pay.control("probe", url=careless.url))["taken"] is True
        async with merchant(lambda _: 401) as careful:
            assert (await pay.control("probe", url=careful.url))["taken"] is False


async def test_every_payment_is_told_or_can_be_asked_for(pay: Pay) -> None:
    """Lost, dropped, doubled, out of order: what is not told is known to the query."""
    kinds = ("lose", "drop", "twice", "repeat", "reorder")
    async with merchant() as shop:
        for trade in range(99):
            await pay.control("notification_faults", kind=kinds[trade % 5], out_trade_no=f"WH{trade:06d}")
            await pay.paid(f"WH{trade:06d}", notify_url=shop.url)
        told = await ended(pay)
        lost = {one["out_trade_no"] for one in told if one["state"] == "lost"}
        heard = {number(pay, request) for request in shop.requests}
        assert lost | heard == {f"WH{trade:06d}" for trade in range(99)}
        assert not lost & heard
        assert len(lost) == 20
        for trade_no in lost:
            assert (await pay.wechat.query(trade_no)).is_paid
    assert len({one["id"] for one in told}) == 99
    assert all(datetime.fromisoformat(attempt["at"]) for one in told for attempt in one["attempts"])
