"""The WeChat simulator by itself, and as seen by wechatpy's synchronous client, which is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from wechatpy import WeChatClient as TheirClient
from wechatpy.exceptions import WeChatClientException

from simulators.control import serve
from simulators.wechat import make_app
from tests.simulators.support import DONE, DONE_DATA, LASTING, WECHAT, Running, listening, running_wechat


@pytest.fixture
async def wechat() -> AsyncIterator[Running]:
    async with running_wechat() as running:
        yield running


async def token(wechat: Running, **body: Any) -> dict[str, Any]:
    full = {"grant_type": "client_credential", "appid": WECHAT.appid, "secret": WECHAT.secret} | body
    response = await wechat.client.post(f"{wechat.url}/cgi-bin/stable_token", json=full)
    answer: dict[str, Any] = response.json()
    return answer


class TestAsWechatpySeesIt:
    """wechatpy blocks, so it runs in a thread beside the simulator's loop."""

    async def test_login_message_check_and_code(self, wechat: Running) -> None:
        access = (await token(wechat))["access_token"]
        code = (await wechat.control("login", openid="oA"))["code"]
        await wechat.control("subscribe", openid="oA", templates=[{"id": DONE, "accept": True}])

        def use() -> tuple[dict[str, Any], dict[str, Any], bytes, int]:
            theirs = TheirClient(WECHAT.appid, WECHAT.secret, access_token=access, auto_retry=False)
            theirs.wxa.API_BASE_URL = f"{wechat.url}/"
            try:
                session = theirs.wxa.code_to_session(code)
                data = {key: {"value": value} for key, value in DONE_DATA.items()}
                sent = theirs.wxa.send_subscribe_message("oA", DONE, data)
                image = theirs.wxa.get_wxa_code_unlimited("s=1").content
                with pytest.raises(WeChatClientException) as refused:
                    theirs.wxa.send_subscribe_message("oA", DONE, data)
                return session, sent, image, refused.value.errcode
            finally:
                theirs._http.close()

        session, sent, image, errcode = await asyncio.to_thread(use)
        assert session["openid"] == "oA"
        assert sent["errcode"] == 0
        assert image.startswith(b"\x89PNG")
        assert errcode == 43101


class TestTokens:
    async def test_the_same_token_comes_back_with_the_time_that_is_left(self, wechat: Running) -> None:
        first = await token(wechat)
        await wechat.control("clock", seconds=1000)
        second = await token(wechat)
        assert first["access_token"] == second["access_token"]
        assert 6199 <= second["expires_in"] <= 6200

    async def test_near_its_end_a_new_one_is_given_and_both_are_good(self, wechat: Running) -> None:
        first = await token(wechat)
        await wechat.control("clock", seconds=7200 - 299)
        second = await token(wechat)
        assert first["access_token"] != second["access_token"]
        assert await self.errcode(wechat, first) == await self.errcode(wechat, second) == 40029
        await wechat.control("clock", seconds=300)
        assert await self.errcode(wechat, first) == 42001
        assert await self.errcode(wechat, second) == 40029

    async def test_force_kills_the_old_one_and_is_rationed(self, wechat: Running) -> None:
        first = await token(wechat)
        assert (await token(wechat, force_refresh=True))["access_token"] != first["access_token"]
        assert await self.errcode(wechat, first) == 40001
        assert (await token(wechat, force_refresh=True))["errcode"] == 45011
        for _ in range(19):
            await wechat.control("clock", seconds=31)
            assert "access_token" in await token(wechat, force_refresh=True)
        await wechat.control("clock", seconds=31)
        assert (await token(wechat, force_refresh=True))["errcode"] == 45009

    @pytest.mark.parametrize(
        ("change", "errcode"),
        [
            ({"grant_type": "x"}, 40002),
            ({"appid": ""}, 41002),
            ({"appid": "wx"}, 40013),
            ({"secret": ""}, 41004),
            ({"secret": "x"}, 40125),
        ],
    )
    async def test_the_app_is_checked(self, wechat: Running, change: dict[str, str], errcode: int) -> None:
        answer = await token(wechat, **change)
        assert answer["errcode"] == errcode
        assert " rid: " in answer["errmsg"]

    async def test_a_call_without_a_token_or_with_the_wrong_method_is_refused(self, wechat: Running) -> None:
        assert await self.errcode(wechat, {"access_token": ""}) == 41001
        assert (await wechat.client.get(f"{wechat.url}/cgi-bin/stable_token")).json()["errcode"] == 43002

    @staticmethod
    async def errcode(wechat: Running, issued: dict[str, Any]) -> int:
        """40029 (bad code) means that the token was good."""
        url = f"{wechat.url}/wxa/business/getuserphonenumber?access_token={issued['access_token']}"
        return int((await wechat.client.post(url, json={"code": "x"})).json()["errcode"])


class TestThePhone:
    @pytest.mark.parametrize(
        ("ids", "code"), [([], 10001), (["none"], 20001), ([DONE, LASTING], 20002), ([str(n) for n in range(6)], 20003)]
    )
    async def test_the_popup_is_refused_as_the_real_one(self, wechat: Running, ids: list[str], code: int) -> None:
        templates = [{"id": template, "accept": True} for template in ids]
        assert (await wechat.control("subscribe", openid="oA", templates=templates))["errCode"] == code

    async def test_consents_add_up_and_go_when_they_are_withdrawn(self, wechat: Running) -> None:
        for accept in (True, True, False):
            await wechat.control("subscribe", openid="oA", templates=[{"id": DONE, "accept": accept}])
        consents = {entry["template_id"]: entry for entry in await wechat.look("consents", openid="oA")}
        assert consents[DONE]["credits"] == 2
        await wechat.control("change", openid="oA", template_id=DONE)
        consents = {entry["template_id"]: entry for entry in await wechat.look("consents", openid="oA")}
        assert consents[DONE]["credits"] == 0


class TestPushes:
    async def test_a_push_is_repeated_until_it_is_taken(self, wechat: Running) -> None:
        answers = iter([(500, b""), (200, b"no"), (200, b"success")])
        async with listening(lambda _: next(answers)) as callback:
            await wechat.control("callback", url=callback.url)
            assert (await wechat.control("enter", openid="oA"))["push"] == {"delivered": True, "attempts": 3}
        assert [push["taken"] for push in await wechat.look("pushes")] == [False, False, True]

    async def test_a_push_nobody_takes_is_given_up_after_three_repeats(self, wechat: Running) -> None:
        async with listening(lambda _: (500, b"")) as callback:
            await wechat.control("callback", url=callback.url)
            assert (await wechat.control("enter", openid="oA"))["push"] == {"delivered": False, "attempts": 4}

    async def test_pushes_are_dropped_and_delayed_on_demand(self, wechat: Running) -> None:
        async with listening() as callback:
            await wechat.control("callback", url=callback.url)
            await wechat.fault("callback", "drop")
            assert (await wechat.control("enter", openid="oA"))["push"] == {"delivered": True, "attempts": 2}
            await wechat.fault("callback", "delay", seconds=1)
            await wechat.control("enter", openid="oLate", wait=False)
            await wechat.control("enter", openid="oSoon")
            async with asyncio.timeout(30):
                while len(callback.requests) < 3:
                    await asyncio.sleep(0.01)
        # The second overtakes the first: a delay beside the request is how pushes come out of order.
        assert [request.arguments["openid"][-1] for request in callback.requests[1:]] == [b"oSoon", b"oLate"]


class TestControl:
    async def test_reset_forgets_everything(self, wechat: Running) -> None:
        first = await token(wechat)
        await wechat.fault("/x", "drop")
        await wechat.control("reset")
        assert await wechat.look("faults") == []
        assert (await token(wechat))["access_token"] != first["access_token"]

    @pytest.mark.parametrize("body", [{}, {"path": "/x"}, {"path": "/x", "kind": "explode"}])
    async def test_a_fault_that_is_none_is_refused(self, wechat: Running, body: dict[str, str]) -> None:
        assert (await wechat.client.post(f"{wechat.url}/control/faults", json=body)).status_code == 400

    async def test_control_endpoints_answer_on_loopback_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serve(make_app(WECHAT)) as served:
            from tornado.httputil import HTTPServerRequest

            original = HTTPServerRequest.__init__

            def from_outside(self: HTTPServerRequest, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                self.remote_ip = "203.0.113.7"

            monkeypatch.setattr(HTTPServerRequest, "__init__", from_outside)
            import httpx

            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{served.url}/control/sent")).status_code == 403
                assert (await client.get(f"{served.url}/sns/jscode2session")).status_code == 200
