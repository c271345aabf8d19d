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
        # PIPL, article 46: what is wrong is corrected. The resident gives the right name and number anew.
        Edge("release_identity", (State.ACTIVE,), State.ACTIVE, "person.identity_released", (Actor.STAFF,)),
        Edge("consent", (State.ACTIVE,), State.ACTIVE, "person.consented", _RESIDENT),
        # PIPL, article 15: as easily as it was given.
        Edge("withdraw_consent", (State.ACTIVE,), State.ACTIVE, "person.consent_withdrawn", _RESIDENT),
        # PIPL, article 47: by the person's own wish, or because the purpose has ended.
        Edge("delete", (State.ACTIVE,), State.DELETED, "person.deleted", (Actor.RESIDENT, Actor.SYSTEM)),
    ),
)
