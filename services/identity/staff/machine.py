"""The life of a staff account, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kernel.machine import Actor, Edge, Machine


class State(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


# An administrator, or a command run by whoever operates the servers.
_BY = (Actor.STAFF, Actor.SYSTEM)

CREATE: Final = Edge("create", (), State.ACTIVE, "staff.created", _BY)

STAFF: Final = Machine(
    "staff",
    (State.ACTIVE,),
    (
        Edge("set_profile", (State.ACTIVE,), State.ACTIVE, "staff.profile_set", _BY),
        Edge("begin_enrolment", (State.ACTIVE,), State.ACTIVE, "staff.enrolment_begun", _BY),
        Edge("enrol", (State.ACTIVE,), State.ACTIVE, "staff.enrolled", _BY),
        Edge("renew_recovery_codes", (State.ACTIVE,), State.ACTIVE, "staff.recovery_codes_renewed", _BY),
        Edge("reset_second_factor", (State.ACTIVE,), State.ACTIVE, "staff.second_factor_reset", _BY),
        Edge("set_password", (State.ACTIVE,), State.ACTIVE, "staff.password_set", _BY),
        Edge("disable", (State.ACTIVE,), State.DISABLED, "staff.disabled", _BY),
        # Usernames are never given to another person, so whoever comes back gets the old account back.
        Edge("enable", (State.DISABLED,), State.ACTIVE, "staff.enabled", _BY),
    ),
)
