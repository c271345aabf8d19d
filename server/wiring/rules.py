"""The city's rules, from settings."""

from __future__ import annotations

from datetime import time, timedelta

from server.settings import Settings
from services.appointments.model import Rules
from services.identity.staff.model import StaffRules
from services.notifications.policy import NotificationRules


def booking_rules(settings: Settings) -> Rules:
    return Rules(
        hold=timedelta(seconds=settings.hold_seconds),
        offer=timedelta(minutes=settings.offer_minutes),
        days_ahead=settings.booking_days,
        open_per_person=settings.bookings_per_person,
        no_shows_until_block=settings.no_shows_until_block,
        no_show_window=timedelta(days=settings.no_show_window_days),
        no_show_block=timedelta(days=settings.no_show_block_days),
        reminder_hour=settings.reminder_hour,
    )


def staff_rules(settings: Settings) -> StaffRules:
    return StaffRules(
        session_for=timedelta(hours=settings.staff_session_hours),
        idle_for=timedelta(minutes=settings.staff_idle_minutes),
        wrong_passwords=settings.staff_failures_until_lock,
        locked_for=timedelta(minutes=settings.staff_lock_minutes),
        second_factor_required=settings.staff_second_factor == "required",
    )


def notification_rules(settings: Settings) -> NotificationRules:
    return NotificationRules(
        quiet_from=time(settings.quiet_from_hour), quiet_until=time(settings.quiet_until_hour),
        sms_param_length=settings.sms_param_length,
    )  # fmt: skip
