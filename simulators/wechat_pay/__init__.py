"""WeChat Pay, API v3, for one merchant: orders, refunds, bills, notifications, and the resident who pays."""

from __future__ import annotations

from kernel.clock import Clock, SystemClock
from simulators.control import Control, MovableClock
from simulators.wechat_pay import api, phone
from simulators.wechat_pay.api import WeChatPaySimulator
from simulators.wechat_pay.keys import Keys, generate
from simulators.wechat_pay.world import WeChatPaySimSettings, WeChatPayWorld

__all__ = ["Keys", "WeChatPaySimSettings", "WeChatPaySimulator", "generate", "make_app"]


def make_app(settings: WeChatPaySimSettings, clock: Clock | None = None) -> WeChatPaySimulator:
    """The simulator as a Tornado application; see simulators.control.serve.

    ``clock`` tells the time of orders and bills, and stamps notifications. Requests and answers are signed by the
    system's time, whatever the clock, because the merchant's library signs by that.
    """
    base = clock or SystemClock()
    control = Control(MovableClock(base))
    return WeChatPaySimulator(WeChatPayWorld(settings, control.clock, base), control, [*api.ROUTES, *phone.ROUTES])
