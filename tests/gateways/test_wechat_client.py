"""The WeChat client against the simulator: every endpoint, and what it makes of each refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateways.wechat import Delivery, SafetyScene, WeChatClient, WeChatRefused, WeChatSettings
from kernel.clock import SystemClock
from kernel.errors import Code, InvalidInput, NotAllowed, TooManyRequests
from tests.simulators.support import DONE, DONE_DATA, LASTING, WECHAT, Running, running_wechat

SETTINGS = WeChatSettings(appid=WECHAT.appid, secret=WECHAT.secret, request_timeout=5.0, connect_timeout=5.0)
SEND = "/cgi-bin/message/subscribe/send"


@pytest.fixture
async def wechat() -> AsyncIterator[Running]:
    async with running_wechat() as running:
        yield running


@pytest.fixture
async def client(wechat: Running) -> AsyncIterator[WeChatClient]:
    async with WeChatClient(replace(SETTINGS, base_url=wechat.url), SystemClock()) as client:
        yield client


async def subscribed(wechat: Running, template: str = DONE, openid: str | None = None) -> str:
    openid = openid or (await wechat.control("login"))["openid"]
    await wechat.control("subscribe", openid=openid, templates=[{"id": template, "accept": True}])
    return str(openid)


class TestLogin:
    async def test_a_code_gives_the_openid_once(self, wechat: Running, client: WeChatClient) -> None:
        issued = await wechat.control("login", openid="oResident")
        session = await client.login(issued["code"])
        assert session.openid == "oResident"
        assert session.unionid
        assert session.session_key not in repr(session)
        with pytest.raises(InvalidInput) as used:
            await client.login(issued["code"])
        assert used.value.code is Code.INVALID_LOGIN_CODE

    @pytest.mark.parametrize("code", ["", "0nonsense", "a b&c=d"])
    async def test_a_code_that_wechat_does_not_know_is_refused(self, client: WeChatClient, code: str) -> None:
        with pytest.raises(InvalidInput):
            await client.login(code)

    async def test_a_code_ends_after_five_minutes(self, wechat: Running, client: WeChatClient) -> None:
        issued = await wechat.control("login")
        await wechat.control("clock", seconds=301)
        with pytest.raises(InvalidInput):
            await client.login(issued["code"])

    async def test_a_user_wechat_blocks_is_not_let_in(self, wechat: Running, client: WeChatClient) -> None:
        issued = await wechat.control("login", high_risk=True)
        with pytest.raises(NotAllowed) as blocked:
            await client.login(issued["code"])
        assert blocked.value.code is Code.HIGH_RISK_USER

    async def test_a_wrong_secret_is_our_fault_and_not_the_residents(self, wechat: Running) -> None:
        wrong = replace(SETTINGS, base_url=wechat.url, secret="wrong")
        async with WeChatClient(wrong, SystemClock()) as client:
            with pytest.raises(WeChatRefused) as refused:
                await client.login((await wechat.control("login"))["code"])
        assert refused.value.error.errcode == 40125
        assert refused.value.error.rid

    async def test_too_many_calls_say_when_to_come_back(self, wechat: Running, client: WeChatClient) -> None:
        await wechat.fault("/sns/jscode2session", "refuse", errcode=45011)
        with pytest.raises(TooManyRequests) as busy:
            await client.login("0x")
        assert busy.value.fields["retry_after"] == 60


class TestSession:
    async def test_the_session_key_is_checked_by_its_signature(self, wechat: Running, client: WeChatClient) -> None:
        session = await client.login((await wechat.control("login"))["code"])
        assert await client.session_is_valid(session.openid, session.session_key)
        assert not await client.session_is_valid(session.openid, "another key")


class TestPhoneNumber:
    async def test_a_code_gives_the_number_once(self, wechat: Running, client: WeChatClient) -> None:
        issued = await wechat.control("phone", openid="oA", phone="13800138000")
        phone = await client.phone_number(issued["code"], "oA")
        assert (phone.number, phone.local_number, phone.country_code) == ("13800138000", "13800138000", "86")
        assert "13800138000" not in repr(phone)
        with pytest.raises(InvalidInput):
            await client.phone_number(issued["code"])

    async def test_the_code_of_another_user_is_refused(self, wechat: Running, client: WeChatClient) -> None:
        issued = await wechat.control("phone", openid="oA", phone="13800138000")
        with pytest.raises(InvalidInput):
            await client.phone_number(issued["code"], "oB")


class TestSubscribeMessage:
    async def test_one_consent_is_one_message(self, wechat: Running, client: WeChatClient) -> None:
        openid = await subscribed(wechat)
        first = await client.send_subscribe_message(openid, DONE, DONE_DATA, page="pages/case/detail?id=1")
        second = await client.send_subscribe_message(openid, DONE, DONE_DATA)
        assert first.delivery is Delivery.ACCEPTED
        assert first.msgid
        assert second.delivery is Delivery.NO_CONSENT
        assert not second.may_have_happened
        (sent,) = await wechat.look("sent", openid=openid)
        assert sent["data"] == DONE_DATA
        assert (sent["page"], sent["miniprogram_state"], sent["lang"]) == ("pages/case/detail?id=1", "formal", "zh_CN")

    async def test_a_lasting_consent_serves_until_it_is_withdrawn(self, wechat: Running, client: WeChatClient) -> None:
        openid = await subscribed(wechat, LASTING)
        data = {"character_string1": "A012", "thing2": "请到3号窗口"}
        for _ in range(3):
            assert (await client.send_subscribe_message(openid, LASTING, data)).delivery is Delivery.ACCEPTED
        await wechat.control("change", openid=openid, template_id=LASTING)
        assert (await client.send_subscribe_message(openid, LASTING, data)).delivery is Delivery.NO_CONSENT

    @pytest.mark.parametrize(
        ("change", "errcode", "field"),
        [
            ({"openid": "oNobody"}, 40003, None),
            ({"template_id": "unknown"}, 40037, None),
            ({"page": "pages/none"}, 41030, None),
            ({"data": DONE_DATA | {"thing1": ""}}, 47003, "thing1"),
            ({"data": {"thing1": "x"}}, 47003, "phrase2"),
            ({"data": DONE_DATA | {"phrase2": "这个词太长了吧"}}, 47003, "phrase2"),
        ],
    )
    async def test_a_wrong_message_is_refused_for_good(
        self, wechat: Running, client: WeChatClient, change: dict[str, Any], errcode: int, field: str | None
    ) -> None:
        message: dict[str, Any] = {"openid": await subscribed(wechat), "template_id": DONE, "data": DONE_DATA} | change
        outcome = await client.send_subscribe_message(**message)
        assert outcome.delivery is Delivery.REFUSED
        assert outcome.error is not None
        assert (outcome.error.errcode, outcome.error.field) == (errcode, field)
        assert "rid" not in outcome.error.errmsg

    async def test_two_sends_to_one_user_at_a_time_are_told_to_wait(
        self, wechat: Running, client: WeChatClient
    ) -> None:
        import asyncio

        openid = await subscribed(wechat)
        await subscribed(wechat, openid=openid)
        await client.access_token()
        outcomes = await asyncio.gather(*(client.send_subscribe_message(openid, DONE, DONE_DATA) for _ in range(2)))
        assert sorted(outcome.delivery for outcome in outcomes) == [Delivery.ACCEPTED, Delivery.RETRY]
        assert [outcome.retry_after for outcome in outcomes if outcome.delivery is Delivery.RETRY] == [1.0]

    async def test_a_wrong_secret_keeps_the_message_for_later(self, wechat: Running) -> None:
        openid = await subscribed(wechat)
        wrong = replace(SETTINGS, base_url=wechat.url, secret="wrong")
        async with WeChatClient(wrong, SystemClock()) as client:
            outcome = await client.send_subscribe_message(openid, DONE, DONE_DATA)
        assert outcome.delivery is Delivery.RETRY
        assert outcome.retry_after == 300

    @pytest.mark.parametrize(("errcode", "delivery"), [(43107, Delivery.REFUSED), (45009, Delivery.RETRY)])
    async def test_a_ban_is_final_and_a_quota_is_not(
        self, wechat: Running, client: WeChatClient, errcode: int, delivery: Delivery
    ) -> None:
        await wechat.fault(SEND, "refuse", errcode=errcode)
        assert (await client.send_subscribe_message("oA", DONE, DONE_DATA)).delivery is delivery


class TestCustomerService:
    async def test_a_message_opens_the_window_for_five_answers(self, wechat: Running, client: WeChatClient) -> None:
        openid = (await wechat.control("login"))["openid"]
        closed = await client.send_custom_message(openid, "text", {"content": "您好"})
        await wechat.control("message", openid=openid, content="在吗")
        answers = [await client.send_custom_message(openid, "text", {"content": "您好"}) for _ in range(6)]
        assert closed.error is not None
        assert closed.error.errcode == 45015
        assert closed.delivery is Delivery.NO_CONSENT
        assert [answer.delivery for answer in answers] == [Delivery.ACCEPTED] * 5 + [Delivery.NO_CONSENT]
        assert answers[-1].error is not None
        assert answers[-1].error.errcode == 45047

    async def test_entering_the_chat_allows_two_within_a_minute(self, wechat: Running, client: WeChatClient) -> None:
        await wechat.control("enter", openid="oA")
        assert (await client.send_custom_message("oA", "text", {"content": "一"})).delivery is Delivery.ACCEPTED
        await wechat.control("clock", seconds=timedelta(minutes=2).total_seconds())
        assert (await client.send_custom_message("oA", "text", {"content": "二"})).delivery is Delivery.NO_CONSENT


class TestContentCheck:
    async def test_risky_words_are_found_because_the_body_is_real_utf8(
        self, wechat: Running, client: WeChatClient
    ) -> None:
        session = await client.login((await wechat.control("login"))["code"])
        risky = await client.check_text(session.openid, "这里可以赌博", SafetyScene.COMMENT, nickname="路人")
        good = await client.check_text(session.openid, "窗口态度很好", SafetyScene.COMMENT)
        assert (risky.suggest, risky.label, risky.passed) == ("risky", 20006, False)
        assert good.passed
        assert good.trace_id

    async def test_a_user_not_seen_for_two_hours_cannot_be_checked(self, wechat: Running, client: WeChatClient) -> None:
        session = await client.login((await wechat.control("login"))["code"])
        await client.access_token()
        await wechat.control("clock", seconds=2 * 3600 - 200)
        assert (await client.check_text(session.openid, "好", SafetyScene.FORUM)).passed
        await wechat.control("clock", seconds=300)
        with pytest.raises(WeChatRefused) as refused:
            await client.check_text(session.openid, "好", SafetyScene.FORUM)
        assert refused.value.error.errcode == 61010


class TestMiniCode:
    async def test_a_code_is_an_image(self, client: WeChatClient) -> None:
        assert (await client.mini_code("s=BK123", "pages/index/index")).startswith(b"\x89PNG\r\n")

    @pytest.mark.parametrize(
        ("scene", "page", "errcode"),
        [("中文", "pages/index/index", 40169), ("a" * 33, "pages/index/index", 40169), ("a", "pages/none", 41030)],
    )
    async def test_a_wrong_scene_or_page_is_refused(
        self, client: WeChatClient, scene: str, page: str, errcode: int
    ) -> None:
        with pytest.raises(WeChatRefused) as refused:
            await client.mini_code(scene, page)
        assert refused.value.error.errcode == errcode
