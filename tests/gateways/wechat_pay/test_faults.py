"""The client when WeChat Pay does not answer, or answers what it should not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tornado.httputil import HTTPServerRequest

from gateways.wechat_pay import NoSuchOrder, PayRefused, UpstreamRefused, UpstreamUnavailable, Verdict, WeChatPayClient
from gateways.wechat_pay.connection import Connection
from gateways.wechat_pay.errors import failure, read_error
from kernel.clock import SystemClock
from tests.simulators.support import listening
from tests.simulators.wechat_pay.support import CLOSE, PREPAY, QUERY, Pay, client_settings

Call = Callable[[Pay], Coroutine[Any, Any, Any]]
CALLS: list[tuple[str, Call]] = [
    (PREPAY, lambda pay: pay.prepay("WH0001")),
    (QUERY, lambda pay: pay.wechat.query("WH0001")),
    (CLOSE, lambda pay: pay.wechat.close("WH0001")),
]


class TestNoAnswer:
    @pytest.mark.parametrize(("path", "call"), CALLS, ids=["prepay", "query", "close"])
    @pytest.mark.parametrize("kind", ["lose_answer", "http500", "drop", "delay"])
    async def test_no_answer_may_have_happened(self, pay: Pay, path: str, call: Call, kind: str) -> None:
        await pay.prepay("WH0001")
        await pay.fault(path, kind, seconds=1.2)
        async with WeChatPayClient(client_settings(pay.url, request_timeout=1.0), pay.clock) as hasty:
            with pytest.raises(UpstreamUnavailable) as failed:
                await call(replace(pay, wechat=hasty))
        assert failed.value.may_have_happened
        assert failed.value.status == 503
        await asyncio.sleep(0.3 if kind == "delay" else 0)

    async def test_a_lost_prepay_is_found_by_the_same_request(self, pay: Pay) -> None:
        await pay.fault(PREPAY, "lose_answer")
        with pytest.raises(UpstreamUnavailable):
            await pay.prepay("WH0001")
        assert (await pay.look("orders"))[0]["prepay_id"] == await pay.prepay("WH0001")

    async def test_a_lost_close_is_closed_by_the_same_request(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        await pay.fault(CLOSE, "lose_answer")
        with pytest.raises(UpstreamUnavailable):
            await pay.wechat.close("WH0001")
        await pay.wechat.close("WH0001")

    async def test_nobody_at_the_address_is_certainly_nothing(self) -> None:
        async with WeChatPayClient(client_settings("http://127.0.0.1:9"), SystemClock()) as client:
            with pytest.raises(UpstreamUnavailable) as failed:
                await client.query("WH0001")
        assert not failed.value.may_have_happened

    async def test_who_never_got_a_connection_has_certainly_sent_nothing(self, pay: Pay) -> None:
        settings = client_settings(pay.url, max_clients=1, request_timeout=1.0)
        async with WeChatPayClient(settings, SystemClock()) as client:
            await client._connection._turns.acquire()
            with pytest.raises(UpstreamUnavailable) as failed:
                await client.query("WH0001")
            assert not failed.value.may_have_happened
            client._connection._turns.release()
            with pytest.raises(NoSuchOrder):
                await client.query("WH0001")

    async def test_a_caller_that_gives_up_takes_no_connection_with_it(self, pay: Pay) -> None:
        async with WeChatPayClient(client_settings(pay.url, max_clients=1), SystemClock()) as client:
            for seconds in (0.0, 0.1):
                await pay.fault(QUERY, "delay", seconds=0.2)
                waiting = [asyncio.ensure_future(client.query(f"WH000{number}")) for number in range(3)]
                await asyncio.sleep(seconds)
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
                await pay.control("reset")
                with pytest.raises(NoSuchOrder):
                    await client.query("WH0009")
        await asyncio.sleep(0.2)

    async def test_an_answer_that_drips_ends_with_the_time_out(self) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            except ConnectionError:
                writer.close()

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        started = time.monotonic()
        settings = client_settings(f"http://127.0.0.1:{port}", request_timeout=0.3)
        async with WeChatPayClient(settings, SystemClock()) as client:
            with pytest.raises(UpstreamUnavailable) as failed:
                await client.query("WH0001")
        assert failed.value.may_have_happened
        # The thousand bytes would take fifty seconds.
        assert time.monotonic() - started < 5
        await asyncio.sleep(0.1)
        server.close()
        await server.wait_closed()


class TestStrangeAnswers:
    async def test_a_probe_in_an_answer_is_not_believed(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        await pay.control("probe", answers=1)
        with pytest.raises(UpstreamRefused) as refused:
            await pay.wechat.query("WH0001")
        assert refused.value.may_have_happened
        await pay.wechat.query("WH0001")

    async def test_an_answer_signed_by_somebody_else_is_not_believed(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        async with listening(lambda _: (200, b'{"prepay_id":"wx1"}')) as stranger:
            settings = client_settings(stranger.url.removesuffix("/callback") + "/callback?")
            async with WeChatPayClient(settings, SystemClock()) as client:
                with pytest.raises(UpstreamRefused) as refused:
                    await client.query("WH0001")
        assert refused.value.may_have_happened

    @pytest.mark.parametrize(("status", "happened"), [(302, False), (404, False), (403, False)])
    async def test_refusals_without_a_code_come_from_something_in_between(self, status: int, happened: bool) -> None:
        async with listening(lambda _: (status, b"<html>")) as proxy:  # noqa: SIM117
            async with WeChatPayClient(client_settings(proxy.url + "?"), SystemClock()) as client:
                with pytest.raises(UpstreamRefused) as refused:
                    await client.query("WH0001")
        assert refused.value.may_have_happened is happened

    async def test_an_endless_answer_is_cut_off(self) -> None:
        async with listening(lambda _: (400, b" " * 1_500_000)) as proxy:
            settings = client_settings(proxy.url + "?", max_bill_bytes=1000)
            async with WeChatPayClient(settings, SystemClock()) as client:
                with pytest.raises(UpstreamUnavailable, match="too large"):
                    await client.query("WH0001")

    async def test_requests_carry_the_key_they_want_the_answer_signed_with(self) -> None:
        seen: list[HTTPServerRequest] = []

        def answer(request: HTTPServerRequest) -> tuple[int, bytes]:
            seen.append(request)
            return 404, b'{"code":"ORDER_NOT_EXIST","message":"x"}'

        async with listening(answer) as proxy:
            settings = client_settings(proxy.url + "?")
            async with WeChatPayClient(settings, SystemClock()) as client:
                with pytest.raises(NoSuchOrder):
                    await client.query("WH0001")
        assert seen[0].headers["Wechatpay-Serial"] == settings.public_key_id
        assert seen[0].headers["Authorization"].startswith("WECHATPAY2-SHA256-RSA2048 ")


class TestCodes:
    @pytest.mark.parametrize(
        ("status", "code", "verdict"),
        [
            (500, "SYSTEMERROR", Verdict.AMBIGUOUS),
            (500, "BANKERROR", Verdict.AMBIGUOUS),
            (503, "ANYTHING", Verdict.AMBIGUOUS),
            (429, "ANYTHING", Verdict.RETRY),
            (429, "RATELIMIT_EXCEEDED", Verdict.RETRY),
            (202, "USERPAYING", Verdict.RETRY),
            (400, "PARAM_ERROR", Verdict.FINAL),
        ],
    )
    def test_codes_with_and_without_underscores_mean_the_same(self, status: int, code: str, verdict: Verdict) -> None:
        for spelling in (code, code.replace("_", "")):
            error = read_error(status, f'{{"code":"{spelling}","message":"x"}}')
            assert error is not None
            assert error.verdict is verdict

    def test_the_old_spelling_gives_the_same_exception(self) -> None:
        assert isinstance(failure("query", 404, b'{"code":"ORDERNOTEXIST","message":"x"}'), NoSuchOrder)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"code":1}', b'{"code":""}', b"\xff", b"[" * 100_000])
    def test_what_is_no_error_object_has_no_code(self, body: bytes) -> None:
        assert read_error(400, body) is None
        assert not isinstance(failure("query", 400, body), PayRefused)


class TestTheLibrary:
    """What gateways.wechat_pay.connection reaches into; a new version that moves it must be noticed."""

    async def test_its_private_attributes_are_where_we_set_them(self) -> None:
        connection = Connection(client_settings("http://127.0.0.1:9/"))
        core = connection.pay._core
        assert {"_gate_way", "_client", "_logger"} <= set(vars(core))
        assert core._gate_way == "http://127.0.0.1:9"
        assert core._logger is None
        await connection.close()

    async def test_a_proxy_in_the_environment_is_not_used(self, pay: Pay, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with WeChatPayClient(client_settings(pay.url), SystemClock()) as client:
            with pytest.raises(NoSuchOrder):
                await client.query("WH0001")

    async def test_connections_are_closed_with_the_client(self, pay: Pay) -> None:
        async with WeChatPayClient(client_settings(pay.url), SystemClock()) as client:
            pass
        with pytest.raises((UpstreamRefused, UpstreamUnavailable, httpx.HTTPError)):
            await client.query("WH0001")
