"""The WeChat client when WeChat does not answer: what may have happened, and that nothing is asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
from tornado.netutil import bind_sockets

from gateways.wechat import Delivery, UpstreamRefused, UpstreamUnavailable, WeChatClient, WeChatRefused
from kernel.clock import SystemClock
from kernel.errors import BanshiError
from simulators.wechat.world import WeChatWorld
from tests.gateways.test_wechat_client import SEND, SETTINGS, subscribed
from tests.simulators.support import DONE, DONE_DATA, LASTING, Running, listening, running_wechat

TOKEN = "/cgi-bin/stable_token"


@pytest.fixture
async def wechat() -> AsyncIterator[Running]:
    async with running_wechat() as running:
        yield running


@pytest.fixture
async def client(wechat: Running) -> AsyncIterator[WeChatClient]:
    async with WeChatClient(replace(SETTINGS, base_url=wechat.url), SystemClock()) as client:
        yield client


@pytest.fixture
async def hasty(wechat: Running) -> AsyncIterator[WeChatClient]:
    """Waits for a second only."""
    settings = replace(SETTINGS, base_url=wechat.url, request_timeout=1.0)
    async with WeChatClient(settings, SystemClock()) as client:
        yield client


def world(wechat: Running) -> WeChatWorld:
    return cast(WeChatWorld, wechat.served.app.world)


class TestSends:
    @pytest.mark.parametrize(("kind", "sent"), [("lose_answer", 1), ("drop", 0), ("http500", 0), ("delay", 1)])
    async def test_without_an_answer_the_message_may_have_gone_and_is_not_sent_again(
        self, wechat: Running, hasty: WeChatClient, kind: str, sent: int
    ) -> None:
        openid = await subscribed(wechat, LASTING)
        await wechat.fault(SEND, kind, seconds=1.2)
        data = {"character_string1": "A012", "thing2": "请到3号窗口"}
        outcome = await hasty.send_subscribe_message(openid, LASTING, data)
        await asyncio.sleep(0.4 if kind == "delay" else 0)
        assert outcome.delivery is Delivery.UNKNOWN
        assert outcome.may_have_happened
        assert outcome.retry_after is None
        assert len(await wechat.look("sent", openid=openid)) == sent

    async def test_a_refused_connection_is_certainly_no_send(self) -> None:
        (socket,) = bind_sockets(0, "127.0.0.1")
        port = socket.getsockname()[1]
        socket.close()
        nobody = replace(SETTINGS, base_url=f"http://127.0.0.1:{port}")
        async with WeChatClient(nobody, SystemClock()) as client:
            outcome = await client.send_subscribe_message("oA", DONE, DONE_DATA)
        assert outcome.delivery is Delivery.RETRY
        assert not outcome.may_have_happened
        assert outcome.retry_after

    async def test_a_busy_wechat_has_not_taken_the_message(self, wechat: Running, client: WeChatClient) -> None:
        await wechat.fault(SEND, "refuse")
        outcome = await client.send_subscribe_message(await subscribed(wechat), DONE, DONE_DATA)
        assert outcome.delivery is Delivery.RETRY

    async def test_without_a_token_nothing_can_have_been_sent(self, wechat: Running, client: WeChatClient) -> None:
        await wechat.fault(TOKEN, "lose_answer", count=2)
        outcome = await client.send_subscribe_message(await subscribed(wechat), DONE, DONE_DATA)
        assert outcome.delivery is Delivery.RETRY
        assert not await wechat.look("sent")


class TestReads:
    @pytest.mark.parametrize("kind", ["drop", "http500", "delay", "lose_answer"])
    async def test_no_answer_is_unavailable_and_says_what_may_have_happened(
        self, wechat: Running, hasty: WeChatClient, kind: str
    ) -> None:
        await wechat.fault("/sns/jscode2session", kind, seconds=1.2)
        with pytest.raises(UpstreamUnavailable) as failure:
            await hasty.login((await wechat.control("login"))["code"])
        assert failure.value.status == 503
        assert failure.value.may_have_happened
        await asyncio.sleep(0.3 if kind == "delay" else 0)

    @pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"[]"), (302, b""), (404, b"")])
    async def test_an_answer_that_is_no_answer_is_a_failure_of_the_upstream(self, status: int, body: bytes) -> None:
        async with (
            listening(lambda _: (status, body)) as proxy,
            WeChatClient(replace(SETTINGS, base_url=proxy.base), SystemClock()) as client,
        ):
            with pytest.raises(UpstreamRefused) as failure:
                await client.login("0x")
        assert failure.value.may_have_happened == (status == 200)


class TestTokens:
    async def test_many_calls_at_once_fetch_one_token(self, wechat: Running, client: WeChatClient) -> None:
        tokens = await asyncio.gather(*(client.access_token() for _ in range(50)))
        assert len(set(tokens)) == 1
        assert world(wechat).token_requests == 1

    async def test_a_waiter_that_gives_up_does_not_take_the_token_from_the_others(
        self, wechat: Running, client: WeChatClient
    ) -> None:
        await wechat.fault(TOKEN, "delay", seconds=0.1)
        first, second = (asyncio.ensure_future(client.access_token()) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        assert await second
        assert world(wechat).token_requests == 1

    async def test_a_token_killed_by_somebody_else_is_replaced_once_for_all(
        self, wechat: Running, client: WeChatClient
    ) -> None:
        openid = await subscribed(wechat, LASTING)
        await client.access_token()
        world(wechat).stable_token(force=True)
        before = world(wechat).token_requests
        results = await asyncio.gather(*(client.phone_number("bad") for _ in range(10)), return_exceptions=True)
        assert all(isinstance(result, BanshiError) and result.status == 400 for result in results)
        assert world(wechat).token_requests == before + 1
        outcome = await client.send_subscribe_message(openid, LASTING, {"character_string1": "A1", "thing2": "请"})
        assert outcome.delivery is Delivery.ACCEPTED

    @pytest.mark.parametrize("errcode", [40001, 40014, 42001])
    async def test_a_refused_token_costs_one_more_call(
        self, wechat: Running, client: WeChatClient, errcode: int
    ) -> None:
        await wechat.fault(SEND, "refuse", errcode=errcode)
        outcome = await client.send_subscribe_message(await subscribed(wechat), DONE, DONE_DATA)
        assert outcome.delivery is Delivery.ACCEPTED
        assert len(await wechat.look("sent")) == 1

    async def test_a_lasting_refusal_ends_after_two_calls(self, wechat: Running, client: WeChatClient) -> None:
        await wechat.fault("/wxa/business/getuserphonenumber", "refuse", errcode=40001, count=50)
        with pytest.raises(WeChatRefused) as refused:
            await client.phone_number("x")
        assert refused.value.error.errcode == 40001
        (left,) = await wechat.look("faults")
        assert left["count"] == 48
        assert world(wechat).token_requests == 3  # the first, the plain renewal, the forced one

    async def test_an_ended_token_is_renewed_before_it_is_used(self, wechat: Running) -> None:
        # Both clocks move together: the simulator's own clock is handed to the client.
        async with WeChatClient(replace(SETTINGS, base_url=wechat.url), wechat.served.app.control.clock) as client:
            first = await client.access_token()
            await wechat.control("clock", seconds=7200 - 250)
            assert await client.access_token() == first
            await wechat.control("clock", seconds=20)
            second = await client.access_token()
        assert second != first
        assert world(wechat).token_requests == 2

    async def test_a_token_endpoint_that_is_down_does_not_stop_a_token_that_is_still_good(
        self, wechat: Running
    ) -> None:
        async with WeChatClient(replace(SETTINGS, base_url=wechat.url), wechat.served.app.control.clock) as client:
            first = await client.access_token()
            await wechat.control("clock", seconds=7200 - 200)
            await wechat.fault(TOKEN, "http500", count=2)
            assert await client.access_token() == first

    async def test_a_lost_token_answer_is_asked_for_again(self, wechat: Running, client: WeChatClient) -> None:
        await wechat.fault(TOKEN, "lose_answer")
        assert await client.access_token()
        assert world(wechat).token_requests == 2
