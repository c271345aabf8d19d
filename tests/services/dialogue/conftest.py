"""A dialogue that has everything it may wish for."""

from __future__ import annotations

import pytest

from tests.services.dialogue.play import Play, booked, times


@pytest.fixture
def play() -> Play:
    return Play(
        {
            "calendar": times(), "book": booked(), "bookings": [booked()], "cancel": booked(state="cancelled"),
            "move": booked(), "wait": booked(state="waiting"), "progress": [], "bills": [],
            "suggest": {"departments": ["市公安局"], "limit_days": 15, "due": "2026-12-15", "due_provisional": False},
            "complain": {"id": "CP1", "due": "2026-12-15", "limit_days": 15, "departments": []},
        }
    )  # fmt: skip
