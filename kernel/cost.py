"""What a request costs: the database commands that are sent while it is answered.

Counted where they are sent, told where the request ends; between the two stands only the task's context, which the
tasks that a request starts inherit. What a process does on its own account belongs to no request and is not counted.
"""

from __future__ import annotations

from contextvars import ContextVar


class Cost:
    """Of one request, so far."""

    __slots__ = ("commands",)

    def __init__(self) -> None:
        self.commands = 0


COST: ContextVar[Cost | None] = ContextVar("cost", default=None)
