"""The WeChat open platform for one mini-program: server API, message push, and the app on the resident's phone."""

from __future__ import annotations

from kernel.clock import Clock
from simulators.control import Control, MovableClock, Simulator
from simulators.wechat import api, phone
from simulators.wechat.pushing import Pusher
from simulators.wechat.world import Template, WeChatSimSettings, WeChatWorld, read_templates

__all__ = ["Template", "WeChatSimSettings", "make_app", "read_templates"]


def make_app(settings: WeChatSimSettings, clock: Clock | None = None) -> Simulator:
    """The simulator as a Tornado application; see simulators.control.serve."""
    control = Control(MovableClock(clock))
    world = WeChatWorld(settings, control.clock)
    pusher = Pusher(world, control)
    routes = [(path, handler, {"pusher": pusher}) for path, handler in phone.ROUTES.items()]
    return Simulator(world, control, [*api.ROUTES, *routes])
