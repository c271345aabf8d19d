"""The server API of api.weixin.qq.com that the product uses, with the checks of the real one.

Errors are HTTP 200 with ``errcode``; ``errmsg`` ends in `` rid: …``.
Source: developers.weixin.qq.com/miniprogram/dev/server/API, state of 2026-07.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import re
import secrets
from abc import abstractmethod
from typing import Any, cast

import segno

from simulators.control import Endpoint
from simulators.wechat.fields import complaint
from simulators.wechat.world import VISIT_LIFE, Refusal, WeChatWorld

_SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")
CUSTOM_TYPES = {"text", "image", "link", "miniprogrampage", "msgmenu"}


class WeChatEndpoint(Endpoint):
    method = "POST"
    needs_token = True

    @property
    def world(self) -> WeChatWorld:
        return cast(WeChatWorld, self.simulator.world)

    def refusal(self, errcode: str | int | None) -> dict[str, Any]:
        code = -1 if errcode is None else int(errcode)
        return _error(code, "system error" if code == -1 else "refused on demand")

    async def act(self) -> dict[str, Any] | bytes:
        try:
            if self.request.method != self.method:
                raise Refusal(43002 if self.method == "POST" else 43001, f"require {self.method} method")
            if self.needs_token:
                self.world.check_token(self.get_query_argument("access_token", ""))
            return await self.do()
        except Refusal as refusal:
            return _error(refusal.errcode, refusal.errmsg)

    @abstractmethod
    async def do(self) -> dict[str, Any] | bytes:
        """The answer to a call that may be made."""

    def body(self) -> dict[str, Any]:
        try:
            value = json.loads(self.request.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refusal(47001, "data format error")
        return value

    def check_app(self, appid: Any, secret: Any) -> None:
        if not appid:
            raise Refusal(41002, "appid missing")
        if appid != self.world.settings.appid:
            raise Refusal(40013, "invalid appid")
        if not secret:
            raise Refusal(41004, "appsecret missing")
        if secret != self.world.settings.secret:
            raise Refusal(40125, "invalid appsecret")


class CodeToSession(WeChatEndpoint):
    method = "GET"
    needs_token = False

    async def do(self) -> dict[str, Any]:
        self.check_app(self.get_query_argument("appid", ""), self.get_query_argument("secret", ""))
        if self.get_query_argument("grant_type", "authorization_code") != "authorization_code":
            raise Refusal(40002, "invalid grant_type")
        code = self.get_query_argument("js_code", "")
        if not code:
            raise Refusal(41008, "missing code")
        user = self.world.users[self.world.use_code(self.world.login_codes, code).openid]
        if user.high_risk:
            raise Refusal(40226, "code blocked")
        user.seen_at = self.world.clock.now()
        # As the real one: a success has no errcode.
        return {"session_key": user.session_key, "openid": user.openid, "unionid": user.unionid}


class StableToken(WeChatEndpoint):
    needs_token = False

    async def do(self) -> dict[str, Any]:
        body = self.body()
        self.world.token_requests += 1
        if body.get("grant_type") != "client_credential":
            raise Refusal(40002, "invalid grant_type")
        self.check_app(body.get("appid"), body.get("secret"))
        text, seconds = self.world.stable_token(body.get("force_refresh") is True)
        return {"access_token": text, "expires_in": seconds}


class CheckSession(WeChatEndpoint):
    method = "GET"

    async def do(self) -> dict[str, Any]:
        user = self.world.known(self.get_query_argument("openid", ""))
        expected = hmac.new(user.session_key.encode(), b"", hashlib.sha256).hexdigest()
        given = self.get_query_argument("signature", "")
        if self.get_query_argument("sig_method", "") != "hmac_sha256" or not hmac.compare_digest(expected, given):
            raise Refusal(87009, "invalid signature")
        return _ok()


class PhoneNumber(WeChatEndpoint):
    async def do(self) -> dict[str, Any]:
        body = self.body()
        issued = self.world.use_code(self.world.phone_codes, body.get("code"))
        if body.get("openid") not in (None, issued.openid):
            raise Refusal(40029, "code does not belong to this openid")
        stamp = int(self.world.clock.now().timestamp())
        return _ok() | {
            "phone_info": {
                "phoneNumber": issued.phone,
                "purePhoneNumber": issued.phone,
                "countryCode": "86",
                "watermark": {"timestamp": stamp, "appid": self.world.settings.appid},
            }
        }


class SubscribeSend(WeChatEndpoint):
    async def do(self) -> dict[str, Any]:
        body, world = self.body(), self.world
        user = world.known(body.get("touser"))
        template = world.templates.get(str(body.get("template_id")))
        if template is None:
            raise Refusal(40037, "invalid template_id")
        page = str(body.get("page") or "")
        if page and world.settings.pages and page.partition("?")[0] not in world.settings.pages:
            raise Refusal(41030, "invalid page")
        if words := complaint(dict(template.fields), body.get("data")):
            raise Refusal(47003, words)
        if user.openid in world.sending:
            raise Refusal(43108, "concurrent sends to one user")
        world.sending.add(user.openid)
        try:
            await asyncio.sleep(world.settings.send_seconds)
            world.use_consent(user.openid, template.id)
        finally:
            world.sending.discard(user.openid)
        msgid = secrets.randbelow(9 * 10**17) + 10**17
        values = {name: body["data"][name]["value"] for name in template.fields}
        extra = {key: body.get(key) for key in ("miniprogram_state", "lang")}
        world.record(
            "subscribe", user.openid, template_id=template.id, title=template.title, page=page or None, data=values,
            msgid=msgid, **extra,
        )  # fmt: skip
        return _ok() | {"msgid": msgid}


class CustomSend(WeChatEndpoint):
    async def do(self) -> dict[str, Any]:
        body = self.body()
        user = self.world.known(body.get("touser"))
        kind = body.get("msgtype")
        if kind not in CUSTOM_TYPES or not isinstance(body.get(kind), dict):
            raise Refusal(40008, "invalid message type")
        self.world.use_window(user)
        self.world.record("custom", user.openid, msgtype=kind, content=body[kind])
        return _ok()


class MessageSecurityCheck(WeChatEndpoint):
    async def do(self) -> dict[str, Any]:
        body = self.body()
        content, scene = body.get("content"), body.get("scene")
        if body.get("version") != 2 or scene not in (1, 2, 3, 4) or not isinstance(content, str) or not content:
            raise Refusal(40129 if scene not in (1, 2, 3, 4) else 44991, "invalid args")
        if len(content) > 2500:
            raise Refusal(44991, "content size out of limit")
        user = self.world.known(body.get("openid"))
        if self.world.clock.now() - user.seen_at > VISIT_LIFE:
            raise Refusal(61010, "code is expired")
        # The raw bytes are searched: as on the real platform, words hidden behind \\uXXXX escapes are not found.
        raw = self.request.body.decode("utf-8", "replace")
        suggest, label, word = "pass", 100, None
        for words, verdict, number in (
            (self.world.settings.review_words, "review", 10001),
            (self.world.settings.risky_words, "risky", 20006),
        ):
            found = next((word for word in words if word in raw), None)
            if found:
                suggest, label, word = verdict, number, found
        self.world.record("msg_sec_check", user.openid, content=content, suggest=suggest)
        detail: dict[str, Any] = {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label}
        if word:
            detail |= {"strategy": "keyword", "keyword": word, "level": 90}
        trace = f"{secrets.token_hex(4)}-{secrets.token_hex(8)}"
        return _ok() | {"result": {"suggest": suggest, "label": label}, "detail": [detail], "trace_id": trace}


class UnlimitedCode(WeChatEndpoint):
    media_type = "image/png"

    async def do(self) -> bytes:
        body = self.body()
        scene, page, width = body.get("scene"), body.get("page"), body.get("width", 430)
        if not isinstance(scene, str) or _SCENE.fullmatch(scene) is None:
            raise Refusal(40169, "invalid length for scene, or the data is not json string")
        pages = self.world.settings.pages
        if isinstance(page, str) and (page.startswith("/") or "?" in page):
            raise Refusal(41030, "invalid page")
        if page and pages and page not in pages and body.get("check_path", True):
            raise Refusal(41030, "invalid page")
        if not isinstance(width, int) or not 280 <= width <= 1280:
            raise Refusal(40097, "invalid args")
        code = segno.make(f"wxa://{self.world.settings.appid}/{page or ''}?scene={scene}", error="m", micro=False)
        modules = code.symbol_size(scale=1, border=2)[0]
        image = io.BytesIO()
        code.save(image, kind="png", scale=max(1, width // modules), border=2)
        return image.getvalue()


def _ok() -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "ok"}


def _error(errcode: int, errmsg: str) -> dict[str, Any]:
    rid = f"{secrets.token_hex(4)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": errcode, "errmsg": f"{errmsg} rid: {rid}"}


ROUTES: list[Any] = [
    ("/sns/jscode2session", CodeToSession),
    ("/cgi-bin/stable_token", StableToken),
    ("/wxa/checksession", CheckSession),
    ("/wxa/business/getuserphonenumber", PhoneNumber),
    ("/cgi-bin/message/subscribe/send", SubscribeSend),
    ("/cgi-bin/message/custom/send", CustomSend),
    ("/wxa/msg_sec_check", MessageSecurityCheck),
    ("/wxa/getwxacodeunlimit", UnlimitedCode),
]
