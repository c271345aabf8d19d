"""Supervision, from the parts."""

from __future__ import annotations

from server.wiring.parts import Parts
from services.supervision.actions import Supervision
from services.supervision.queries import SupervisionQueries
from services.supervision.store import SupervisionStore


def build(parts: Parts) -> tuple[Supervision, SupervisionQueries, SupervisionStore]:
    store = SupervisionStore(parts.database, parts.clock, parts.ids)
    return Supervision(store, parts.clock, parts.ids), SupervisionQueries(store), store
