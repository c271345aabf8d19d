"""The demo's stand-in for WeChat's own app on a phone: four of the simulators' control endpoints, no others.

Only a demo has one. The address must be of this machine (``is_loopback``): what answers there may name any person.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateways.transport import Transport
from kernel.errors import Code, Unavailable

# What the app on the phone does when a page asks: wx.login, getPhoneNumber, wx.requestSubscribeMessage, and with the
# money of the WeChat Pay simulator wx.requestPayment.
PAY = "pay"
ACTIONS = ("login", "phone", "subscribe", PAY)
TIMEOUT = 5.0


def is_loopback(url: str) -> bool:
    """Whether an http address is of this machine, written as a number: a name could be resolved to anywhere."""
    parts = urlsplit(url)
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


class SimulatedPhone:
    """``pay_url``: the WeChat Pay simulator, empty when nothing can be paid here. Raises ValueError for an address that
    is not of this machine."""

    def __init__(self, url: str, pay_url: str = "") -> None:
        if not is_loopback(url) or (pay_url and not is_loopback(pay_url)):
            raise ValueError("the simulators of a demo are on this machine: http://127.0.0.1:<port>")
        self._wechat = _transport("wechat-simulator", url)
        self._till = _transport("wechat-pay-simulator", pay_url) if pay_url else None

    async def act(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """``action``: one of ACTIONS. Raises UpstreamUnavailable, UpstreamRefused, PAY_NOT_OFFERED; never repeats."""
        if action not in ACTIONS:
            raise ValueError(action)
        transport = self._till if action == PAY else self._wechat
        if transport is None:
            raise Unavailable(Code.PAY_NOT_OFFERED)
        headers = {"Content-Type": "application/json"}
        path = f"/control/{action}"
        answer = await transport.exchange(action, "POST", path, headers=headers, body=msgspec.json.encode(body))
        return answer.json()

    def close(self) -> None:
        self._wechat.close()
        if self._till is not None:
            self._till.close()


def _transport(name: str, url: str) -> Transport:
    return Transport(name, url, connect_timeout=1.0, request_timeout=TIMEOUT)
