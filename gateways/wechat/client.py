"""WeChat's server API for mini-programs: a thin asynchronous client of the endpoints this product uses.

Errors, besides those each method names: UpstreamUnavailable (no answer, 5xx, errcode -1), UpstreamRefused (nonsense),
TooManyRequests (45011, 45009) and WeChatRefused (any other errcode). Sends never raise these: they return a
SendOutcome, because a sender must be told whether the message may have gone out.

Retries (gateways.transport): sends and one-time codes NEVER, token fetch TOKEN_FETCH, and any call refused for its
token TOKEN_RENEWED. Source: developers.weixin.qq.com/miniprogram/dev/server/API, state of 2026-07.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from gateways.outcomes import Delivery
from gateways.transport import (
    ATTENTION_RETRY,
    TOKEN_RENEWED,
    Answer,
    Transport,
    UpstreamRefused,
    UpstreamUnavailable,
    retry_after,
)
from gateways.wechat.errors import TOKEN_CODES, Verdict, WeChatError, WeChatRefused, read_error
from gateways.wechat.records import (
    CodeVersion,
    ContentCheck,
    LoginSession,
    PhoneNumber,
    SafetyScene,
    SendOutcome,
    WeChatSettings,
)
from gateways.wechat.tokens import Token, TokenKeeper
from kernel.clock import Clock
from kernel.errors import BanshiError, Code, InvalidInput, NotAllowed, TooManyRequests

SYSTEM = "wechat"
_JSON = {"Content-Type": "application/json"}


class WeChatClient:
    """One mini-program's server side. Safe for concurrent calls on one event loop; ``close()`` at the end."""

    def __init__(self, settings: WeChatSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._http = Transport(
            SYSTEM,
            settings.base_url,
            connect_timeout=settings.connect_timeout,
            request_timeout=settings.request_timeout,
            max_clients=settings.max_clients,
        )
        self._tokens = TokenKeeper(self._fetch_token, clock)

    async def login(self, js_code: str) -> LoginSession:
        """Exchange the code of ``wx.login`` (once, within 5 minutes) for the user's openid: jscode2session.

        Raises InvalidInput (INVALID_LOGIN_CODE: 40029, 40163, 41008), NotAllowed (HIGH_RISK_USER: 40226).
        """
        query = {
            "appid": self._settings.appid,
            "secret": self._settings.secret,
            "js_code": js_code,
            "grant_type": "authorization_code",
        }
        answer = await self._http.exchange("jscode2session", "GET", "/sns/jscode2session?" + urlencode(query))
        fields = answer.json()
        error = read_error(fields)
        if error and error.errcode in (40029, 40163, 41008):
            raise InvalidInput(Code.INVALID_LOGIN_CODE, field="$.code")
        if error and error.errcode == 40226:
            raise NotAllowed(Code.HIGH_RISK_USER)
        if error:
            raise _as_exception("jscode2session", error)
        return LoginSession(
            openid=_text(answer, fields, "openid"),
            session_key=_text(answer, fields, "session_key"),
            unionid=fields.get("unionid") or None,
        )

    async def access_token(self) -> str:
        """The token in use now (stable_token), fetched when there is none."""
        return await self._tokens.current()

    async def session_is_valid(self, openid: str, session_key: str) -> bool:
        """Whether WeChat still accepts this session key: checksession. False for 87009."""
        signature = hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()
        query = {"openid": openid, "signature": signature, "sig_method": "hmac_sha256"}
        try:
            await self._call("checksession", "/wxa/checksession", query=query)
        except WeChatRefused as refused:
            if refused.error.errcode == 87009:
                return False
            raise
        return True

    async def phone_number(self, code: str, openid: str | None = None) -> PhoneNumber:
        """The number behind the code of a ``getPhoneNumber`` button (once, within 5 minutes): getuserphonenumber.

        Raises InvalidInput for a bad, used or ended code (40029, 40163).
        """
        body = {"code": code} | ({"openid": openid} if openid else {})
        try:
            answer, fields = await self._call("getuserphonenumber", "/wxa/business/getuserphonenumber", body)
        except WeChatRefused as refused:
            if refused.error.errcode in (40029, 40163):
                raise InvalidInput(detail="手机号授权已失效，请重新点击获取。", field="$.code") from refused
            raise
        info = fields.get("phone_info")
        if not isinstance(info, dict):
            raise UpstreamRefused(SYSTEM, "getuserphonenumber", "no phone_info", may_have_happened=True)
        watermark = info.get("watermark")
        if isinstance(watermark, dict) and watermark.get("appid") not in (None, self._settings.appid):
            # The watermark names the mini-program the number was given to: another one's consent is not ours.
            raise UpstreamRefused(SYSTEM, "getuserphonenumber", "watermark of another appid", may_have_happened=True)
        return PhoneNumber(
            number=_text(answer, info, "phoneNumber"),
            local_number=_text(answer, info, "purePhoneNumber"),
            country_code=str(info.get("countryCode", "86")),
        )

    async def send_subscribe_message(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        page: str | None = None,
    ) -> SendOutcome:
        """Send one subscribe message; ``data`` is ``{"thing1": "…"}``. Uses up one of the user's one-time consents.

        Never raises for WeChat's part and never sends again by itself: see SendOutcome. Sends to one user must be
        serialised by the caller (43108).
        """
        body: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {key: {"value": value} for key, value in data.items()},
            "miniprogram_state": self._settings.miniprogram_state,
            "lang": "zh_CN",
        }
        if page:
            body["page"] = page
        return await self._send("subscribe/send", "/cgi-bin/message/subscribe/send", body)

    async def send_custom_message(self, openid: str, msgtype: str, content: Mapping[str, Any]) -> SendOutcome:
        """Send one customer-service message: ``msgtype`` text, image, link, miniprogrampage or msgmenu.

        ``content`` is the object under that name, ``{"content": "您好"}`` for a text. Outside the window the user's
        last message or entry has opened: NO_CONSENT (45015, 45047).
        """
        body = {"touser": openid, "msgtype": msgtype, msgtype: dict(content)}
        return await self._send("custom/send", "/cgi-bin/message/custom/send", body)

    async def check_text(
        self, openid: str, content: str, scene: SafetyScene, *, title: str | None = None, nickname: str | None = None
    ) -> ContentCheck:
        """Have a text of at most 2500 characters judged by WeChat: msg_sec_check version 2.

        ``openid`` must have used the mini-program within two hours: WeChatRefused with 61010 otherwise.
        """
        body: dict[str, Any] = {"content": content, "version": 2, "scene": int(scene), "openid": openid}
        body |= {key: value for key, value in (("title", title), ("nickname", nickname)) if value}
        # msgspec writes real UTF-8: with \uXXXX escapes WeChat would judge the escapes and not the words.
        answer, fields = await self._call("msg_sec_check", "/wxa/msg_sec_check", body)
        result = fields.get("result")
        if not isinstance(result, dict):
            raise UpstreamRefused(SYSTEM, "msg_sec_check", "no result", may_have_happened=True)
        return ContentCheck(
            suggest=_text(answer, result, "suggest"),
            label=int(result.get("label", 0)),
            trace_id=str(fields.get("trace_id", "")),
        )

    async def mini_code(
        self, scene: str, page: str, *, width: int = 430, version: CodeVersion = "release", check_path: bool = True
    ) -> bytes:
        """The image (PNG or JPEG bytes) of a mini-program code: getwxacodeunlimit. ``width`` 280..1280 pixels.

        ``scene``: at most 32 of ``0-9A-Za-z!#$&'()*+,/:;=?@-._~``; WeChatRefused with 40169 otherwise.
        """
        body = {"scene": scene, "page": page, "width": width, "env_version": version, "check_path": check_path}
        answer, _ = await self._call("getwxacodeunlimit", "/wxa/getwxacodeunlimit", body, binary=True)
        if not answer.body:
            raise UpstreamRefused(SYSTEM, "getwxacodeunlimit", "empty image", may_have_happened=True)
        return answer.body

    def close(self) -> None:
        self._tokens.close()
        self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def _send(self, operation: str, path: str, body: Mapping[str, Any]) -> SendOutcome:
        try:
            _, fields = await self._call(operation, path, body)
        except WeChatRefused as refused:
            return _refused_send(refused)
        except _Busy as busy:
            return SendOutcome(Delivery.RETRY, error=busy.error, retry_after=busy.error.retry_after)
        except (UpstreamUnavailable, UpstreamRefused) as failure:
            delivery = Delivery.UNKNOWN if failure.may_have_happened else Delivery.RETRY
            return SendOutcome(delivery, reason=failure.reason, retry_after=retry_after(failure))
        msgid = fields.get("msgid")
        return SendOutcome(Delivery.ACCEPTED, msgid=None if msgid is None else str(msgid))

    async def _call(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        binary: bool = False,
    ) -> tuple[Answer, dict[str, Any]]:
        """One call with the token, and one more when WeChat refuses the token (TOKEN_RENEWED)."""
        token = await self._before(operation, self._tokens.current())
        for attempt in range(TOKEN_RENEWED.attempts):
            url = path + "?" + urlencode({"access_token": token} | dict(query or {}))
            answer = await self._http.exchange(
                operation,
                "GET" if body is None else "POST",
                url,
                headers=None if body is None else _JSON,
                body=None if body is None else msgspec.json.encode(body),
            )
            if binary and not answer.body.lstrip().startswith(b"{"):
                return answer, {}
            fields = answer.json()
            error = read_error(fields)
            if error is None:
                return answer, fields
            if error.errcode not in TOKEN_CODES or attempt + 1 == TOKEN_RENEWED.attempts:
                raise _as_exception(operation, error)
            token = await self._before(operation, self._tokens.replace(token))
        raise AssertionError("unreachable")

    async def _before(self, operation: str, token: Any) -> str:
        """Await a token. Whatever fails here, the operation itself has not been asked for: it is not ambiguous."""
        try:
            return str(await token)
        except (UpstreamUnavailable, UpstreamRefused) as failure:
            raise UpstreamUnavailable(
                SYSTEM, operation, f"no access token: {failure}", may_have_happened=False
            ) from failure

    async def _fetch_token(self, force: bool) -> Token:
        body = {
            "grant_type": "client_credential",
            "appid": self._settings.appid,
            "secret": self._settings.secret,
            "force_refresh": force,
        }
        answer = await self._http.exchange(
            "stable_token", "POST", "/cgi-bin/stable_token", headers=_JSON, body=msgspec.json.encode(body)
        )
        fields = answer.json()
        if error := read_error(fields):
            raise _as_exception("stable_token", error)
        seconds = fields.get("expires_in")
        if not isinstance(seconds, int) or seconds <= 0:
            raise UpstreamRefused(SYSTEM, "stable_token", "no usable expires_in", may_have_happened=True)
        return Token.lasting(_text(answer, fields, "access_token"), seconds, self._clock.now())


class _Busy(TooManyRequests):
    """45011, 45009, 43108: asked too often; nothing has happened."""

    def __init__(self, error: WeChatError) -> None:
        self.error = error
        super().__init__(error.retry_after or 1.0)


def _as_exception(operation: str, error: WeChatError) -> BanshiError:
    if error.errcode == -1:
        # "system busy, try later" is said by WeChat's front: the message was not taken.
        return UpstreamUnavailable(SYSTEM, operation, f"-1 {error.errmsg}", may_have_happened=False)
    if error.verdict is Verdict.RETRY:
        return _Busy(error)
    return WeChatRefused(operation, error)


def _refused_send(refused: WeChatRefused) -> SendOutcome:
    if refused.operation == "stable_token" or refused.error.verdict is Verdict.TOKEN:
        # A wrong secret or an address missing from the allowed list (40125, 40164) is no fault of this message.
        return SendOutcome(Delivery.RETRY, error=refused.error, reason=str(refused), retry_after=ATTENTION_RETRY)
    no_consent = refused.error.verdict is Verdict.NO_CONSENT
    return SendOutcome(
        Delivery.NO_CONSENT if no_consent else Delivery.REFUSED, error=refused.error, reason=str(refused)
    )


def _text(answer: Answer, fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise UpstreamRefused(answer.system, answer.operation, f"no {key}", may_have_happened=True)
    return value
