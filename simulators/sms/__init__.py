"""Tencent Cloud SMS for one application: SendSms, its limits, and the delivery receipts."""

from __future__ import annotations

from kernel.clock import Clock
from simulators.control import Control, MovableClock, Simulator
from simulators.sms import api
from simulators.sms.world import SmsSimSettings, SmsTemplate, SmsWorld, read_templates

__all__ = ["SmsSimSettings", "SmsTemplate", "make_app", "read_templates"]


def make_app(settings: SmsSimSettings, clock: Clock | None = None) -> Simulator:
    """The simulator as a Tornado application; see simulators.control.serve."""
    control = Control(MovableClock(clock))
    return Simulator(SmsWorld(settings, control.clock), control, api.ROUTES)
