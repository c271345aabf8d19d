"""State machines as data: (state, action) -> next state, event, who may.

A capability declares its edges once; the actions, the 409 answers, the docs' diagrams and the tests read the same data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kernel.errors import ActionNotAllowed


class Actor(StrEnum):
    """Who makes a step."""

    RESIDENT = "resident"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Edge:
    """One step: from any of ``sources`` by ``action`` to ``target``, published as ``event``."""

    action: str
    sources: tuple[str, ...]
    target: str
    event: str
    actors: tuple[Actor, ...]


class Machine:
    """A checked set of edges. Raises ValueError at import when two edges contradict or a state is unreachable."""

    def __init__(self, name: str, initial: Iterable[str], edges: Iterable[Edge]) -> None:
        self.name: Final = name
        self.initial: Final = tuple(initial)
        self.edges: Final = tuple(edges)
        self._by_key: dict[tuple[str, str], Edge] = {}
        for edge in self.edges:
            for source in edge.sources:
                if (source, edge.action) in self._by_key:
                    raise ValueError(f"{name}: two edges for {source} --{edge.action}-->")
                self._by_key[source, edge.action] = edge
        reachable = set(self.initial)
        while grown := {e.target for e in self.edges if reachable.intersection(e.sources)} - reachable:
            reachable |= grown
        if lost := self.states - reachable:
            raise ValueError(f"{name}: unreachable states {sorted(lost)}")

    @property
    def states(self) -> frozenset[str]:
        return frozenset(self.initial) | {s for e in self.edges for s in (*e.sources, e.target)}

    @property
    def final(self) -> frozenset[str]:
        """States with no way out."""
        return self.states - {source for edge in self.edges for source in edge.sources}

    def allowed(self, state: str, actor: Actor | None = None) -> list[str]:
        """The actions open in a state, to one kind of actor or to any."""
        return sorted(
            action
            for (source, action), edge in self._by_key.items()
            if source == state and (actor is None or actor in edge.actors)
        )

    def step(self, state: str, action: str, actor: Actor) -> Edge:
        """The edge to follow. Raises ActionNotAllowed with the actions that this actor has in this state."""
        edge = self._by_key.get((state, action))
        if edge is None or actor not in edge.actors:
            raise ActionNotAllowed(state, action, self.allowed(state, actor))
        return edge

    def mermaid(self) -> str:
        """The diagram in the docs, drawn from the same data."""
        lines = ["stateDiagram-v2"]
        lines += [f"    [*] --> {state}" for state in self.initial]
        lines += [f"    {s} --> {edge.target}: {edge.action}" for edge in self.edges for s in edge.sources]
        lines += [f"    {state} --> [*]" for state in sorted(self.final)]
        return "\n".join(lines)
