"""WeChat's message push to the application: XML or JSON, signed and encrypted (secure mode), repeated until taken.

The encryption is wechatpy's, not the product's: two implementations that must agree.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, Literal
from urllib.parse import urlencode

import xmltodict  # type: ignore[import-untyped]
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import WeChatSigner

from simulators.callbacks import ANSWER_WITHIN, deliver
from simulators.control import Control
from simulators.wechat.world import WeChatWorld

Form = Literal["xml", "json"]
_NESTING = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}


class Pusher:
    """Sends events of one mini-program to its callback address."""

    def __init__(self, world: WeChatWorld, control: Control) -> None:
        settings = world.settings
        self._world, self._control = world, control
        self._crypto = WeChatCrypto(settings.push_token, settings.encoding_aes_key, settings.appid)

    async def push(self, openid: str, fields: dict[str, Any], form: Form | None = None) -> dict[str, Any]:
        """One message or event; ``fields`` without the common ones. Returns ``{delivered, attempts}``."""
        settings = self._world.settings
        used = form or settings.push_form
        stamp = int(self._world.clock.now().timestamp())
        message = {"ToUserName": "gh_0123456789ab", "FromUserName": openid, "CreateTime": stamp, **fields}
        query, body = self._seal(render(message, used), used, openid, str(stamp))
        url = self._world.callback_url
        if url:
            url += ("&" if "?" in url else "?") + urlencode(query)
        return await deliver(
            self._control,
            url,
            body,
            "application/json" if used == "json" else "text/xml",
            self._accepts,
            what={"openid": openid, "form": used, "message": message, "url": self._world.callback_url},
            repeats=settings.push_repeats,
            pause=settings.push_pause,
        )

    async def check_url(self) -> bool:
        """The check WeChat makes when the address is configured: GET with echostr, which must come back."""
        stamp, nonce, echo = str(int(self._world.clock.now().timestamp())), secrets.token_hex(5), secrets.token_hex(8)
        query = {"signature": self._sign(stamp, nonce), "timestamp": stamp, "nonce": nonce, "echostr": echo}
        client = AsyncHTTPClient(force_instance=True)
        try:
            request = HTTPRequest(
                f"{self._world.callback_url}?{urlencode(query)}",
                connect_timeout=ANSWER_WITHIN,
                request_timeout=ANSWER_WITHIN,
            )
            response = await client.fetch(request, raise_error=False)
        except Exception:
            return False
        finally:
            client.close()
        return response.code == 200 and response.body.decode("utf-8", "replace") == echo

    def _sign(self, *parts: str) -> str:
        signer = WeChatSigner()
        signer.add_data(self._world.settings.push_token, *parts)
        return str(signer.signature)

    def _seal(self, message: str, form: Form, openid: str, stamp: str) -> tuple[dict[str, str], bytes]:
        nonce = str(secrets.randbelow(10**10))
        encrypted = PrpCrypto(self._crypto.key).encrypt(message, self._world.settings.appid).decode()
        query = {
            "signature": self._sign(stamp, nonce),
            "timestamp": stamp,
            "nonce": nonce,
            "openid": openid,
            "encrypt_type": "aes",
            "msg_signature": self._sign(stamp, nonce, encrypted),
        }
        envelope = {"ToUserName": "gh_0123456789ab", "Encrypt": encrypted}
        return query, render(envelope, form).encode()

    def _accepts(self, answer: bytes) -> bool:
        """``success``, nothing, or an answer encrypted for this mini-program."""
        if answer in (b"success", b""):
            return True
        try:
            envelope = json.loads(answer) if answer.lstrip().startswith(b"{") else xmltodict.parse(answer)["xml"]
            self._crypto.decrypt_message(
                envelope, envelope["MsgSignature"], str(envelope["TimeStamp"]), envelope["Nonce"]
            )
        except (ValueError, KeyError, TypeError, InvalidSignatureException, InvalidAppIdException):
            return False
        except Exception:  # whatever expat and wechatpy make of something else
            return False
        return True


def subscribe_event(event: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"MsgType": "event", "Event": event, "List": entries}


def render(message: dict[str, Any], form: Form) -> str:
    """The two forms differ: XML nests the list, JSON has it at the top, an object when it holds one entry."""
    shaped = dict(message)
    entries = shaped.get("List")
    if form == "json":
        if isinstance(entries, list) and len(entries) == 1:
            shaped["List"] = entries[0]
        return json.dumps(shaped, ensure_ascii=False)
    if entries is not None:
        del shaped["List"]
        shaped[_NESTING[str(shaped["Event"])]] = {"List": entries}
    return str(xmltodict.unparse({"xml": shaped}, full_document=False))
