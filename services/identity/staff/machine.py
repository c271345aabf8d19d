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
        Edge("set_password", (State.ACTIVE,), State.ACTIVE, "staff.password_set", _BY),
        Edge("disable", (State.ACTIVE,), State.DISABLED, "staff.disabled", _BY),
        # Usernames are never given to another person, so whoever comes back gets the old account back.
        Edge("enable", (State.DISABLED,), State.ACTIVE, "staff.enabled", _BY),
    ),
)
