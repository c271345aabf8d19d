"""Only in a demo: what WeChat's app would do for a page in a browser, passed on to the simulators.

A proxy of four named endpoints, and not CORS on the simulators' control: with CORS any page open in the same browser
could make the simulators fail, forget or sign in as anybody; this way they stay closed to browsers, the page talks to
its own origin alone (its content security policy allows no other), and nothing exists at all outside a demo.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec

from gateways.simulated_phone import ACTIONS, SimulatedPhone
from handlers.base import JSON, BaseHandler, Frame
from handlers.decoding import decode_body
from kernel.errors import BanshiError, Code, NotAllowed, TooLarge

MAX_BODY = 8 * 1024


class DemoHandler(BaseHandler):
    SUPPORTED_METHODS = ("GET", "POST")

    def initialize(self, frame: Frame, phone: SimulatedPhone) -> None:  # type: ignore[override]
        super().initialize(frame)
        self.phone = phone

    def check_caller(self) -> None:
        """Only this machine, and only our own pages: another site's script cannot set this content type unasked."""
        if not ipaddress.ip_address(self.request.remote_ip or "::").is_loopback:
            raise NotAllowed
        if self.request.method == "POST" and not self.request.headers.get("Content-Type", "").startswith(
            "application/json"
        ):
            raise NotAllowed

    def reply(self, body: Any) -> None:
        self.set_header("Content-Type", JSON)
        self.finish(msgspec.json.encode(body))


class Config(DemoHandler):
    """Tells the H5 pages that the stand-in layer has somebody to talk to."""

    def get(self) -> None:
        try:
            self.check_caller()
        except BanshiError as error:
            self.answer_error(error)
            return
        self.reply({"stand_in": True})


class Phone(DemoHandler):
    async def post(self, action: str) -> None:
        try:
            self.check_caller()
            if action not in ACTIONS:
                raise BanshiError(Code.ROUTE_NOT_FOUND)
            if len(self.request.body) > MAX_BODY:
                raise TooLarge(limit=MAX_BODY)
            self.reply(await self.phone.act(action, decode_body(self.request.body, dict[str, Any])))
        except BanshiError as error:
            self.answer_error(error)


def rules(frame: Frame, phone: SimulatedPhone) -> list[Any]:
    given = {"frame": frame, "phone": phone}
    return [(r"/demo/config\.json", Config, given), (r"/demo/wechat/([a-z-]+)", Phone, given)]
