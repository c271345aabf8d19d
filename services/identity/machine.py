"""The life of a resident's account, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kernel.machine import Actor, Edge, Machine


class State(StrEnum):
    ACTIVE = "active"
    DELETED = "deleted"


_RESIDENT = (Actor.RESIDENT,)

REGISTER: Final = Edge("register", (), State.ACTIVE, "person.registered", _RESIDENT)

PERSON: Final = Machine(
    "person",
    (State.ACTIVE,),
    (
        Edge("bind_phone", (State.ACTIVE,), State.ACTIVE, "person.phone_bound", _RESIDENT),
        Edge("verify", (State.ACTIVE,), State.ACTIVE, "person.verified", _RESIDENT),
        Edge("consent", (State.ACTIVE,), State.ACTIVE, "person.consented", _RESIDENT),
        # PIPL, article 47: by the person's own wish, or because the purpose has ended.
        Edge("delete", (State.ACTIVE,), State.DELETED, "person.deleted", (Actor.RESIDENT, Actor.SYSTEM)),
    ),
)
