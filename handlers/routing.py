"""Routes as data: each names its right, its limit class and its idempotency; one that does not cannot be written.

An endpoint is a function. Its annotations are the contract: ``body`` is the JSON body, ``query`` the query string, any
other argument a part of the path, the return annotation the answer. The OpenAPI document is made from the same data.

    async def confirm(call: Call, booking_id: str) -> BookingView: ...

    ROUTES = [Route("POST", "/api/bookings/{booking_id}/confirm", confirm, right=RESIDENT, ...)]
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, get_type_hints

from kernel.errors import Code


class Caller(StrEnum):
    """What kind of caller a route is for."""

    ANYONE = "anyone"  # no session asked; one that is given is used
    RESIDENT = "resident"  # a resident's session
    STAFF = "staff"  # a staff session with one of the roles named
    SIGNED = "signed"  # an outside system; the endpoint verifies its signature or secret itself
    OPERATOR = "operator"  # loopback, or the metrics token


@dataclass(frozen=True)
class Right:
    """Who may call a route: the kind of caller and, for staff, the roles; for residents, the assurance level.

    ``enrolling``: also for staff who have yet to enrol the second factor that is asked of them.
    """

    caller: Caller
    roles: frozenset[str] = frozenset()
    level: int = 0
    enrolling: bool = False


ANYONE = Right(Caller.ANYONE)
RESIDENT = Right(Caller.RESIDENT)
REAL_NAME = Right(Caller.RESIDENT, level=2)
SIGNED = Right(Caller.SIGNED)
OPERATOR = Right(Caller.OPERATOR)


def staff(*roles: str) -> Right:
    """Staff with any of the roles; with none named, any signed-in staff."""
    return Right(Caller.STAFF, frozenset(roles))


# What a member of staff needs to be let in at all.
ENROLLING_STAFF = Right(Caller.STAFF, enrolling=True)


class Limit(StrEnum):
    """Limit class: how often one caller may call; the numbers are settings."""

    READ = "read"
    ASK = "ask"
    WRITE = "write"
    CHAT = "chat"
    LOGIN = "login"
    CALLBACK = "callback"
    NONE = "none"  # health checks only


class Idempotency(StrEnum):
    """What happens when the same call arrives twice."""

    SAFE = "safe"  # reads: nothing changes
    NATURAL = "natural"  # the second call finds the work done
    KEY = "key"  # an Idempotency-Key header repeats the first answer


class Raw:
    """An answer that is no JSON: bytes with their content type."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self, body: bytes | str, content_type: str, headers: dict[str, str] | None = None, status: int = 200
    ) -> None:
        self.body = body
        self.content_type = content_type
        self.headers = headers or {}
        self.status = status


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    endpoint: Callable[..., Awaitable[Any]]
    right: Right
    limit: Limit
    idempotency: Idempotency
    summary: str
    # Errors beyond those that every route can answer; listed in the OpenAPI document.
    errors: tuple[Code, ...] = ()
    status: int = 200
    # What a Raw answer is, for the document.
    content_type: str = ""
    # A body that is not JSON (callbacks): the endpoint reads ``call.body`` itself.
    raw_body: bool = False
    # A file, as multipart/form-data with one part "file" (handlers/uploads.py): its body may be as large as a file may
    # (``Frame.file_limit``), where all others keep to ``Frame.body_limit``, and is only received from who may send it.
    upload: bool = False
    parameters: dict[str, Any] = field(init=False)
    answer: Any = field(init=False)

    def __post_init__(self) -> None:
        hints = get_type_hints(self.endpoint)
        object.__setattr__(self, "answer", hints.pop("return", None))
        names = [name for name in inspect.signature(self.endpoint).parameters if name != "call"]
        object.__setattr__(self, "parameters", {name: hints[name] for name in names})
        self._check()

    def _check(self) -> None:
        """A route that contradicts its own function or its method stops the start."""
        where = f"{self.method} {self.path}"
        in_path = set(path_names(self.path))
        in_function = set(self.parameters) - {"body", "query"}
        if in_path != in_function:
            raise ValueError(f"{where}: path names {sorted(in_path)}, function takes {sorted(in_function)}")
        if (self.method == "GET") != (self.idempotency is Idempotency.SAFE):
            raise ValueError(f"{where}: GET and only GET is safe")
        if self.method == "GET" and "body" in self.parameters:
            raise ValueError(f"{where}: a GET has no body")
        if self.upload and ("body" in self.parameters or self.idempotency is Idempotency.KEY):
            raise ValueError(f"{where}: an upload has no JSON body, and its content is its key")
        if self.limit is Limit.NONE and self.right.caller is not Caller.OPERATOR and "body" in self.parameters:
            raise ValueError(f"{where}: takes a body without a limit")

    @property
    def path_has_names(self) -> bool:
        return bool(path_names(self.path))

    @property
    def name(self) -> str:
        """The label in metrics and logs."""
        return f"{self.method} {self.path}"


def path_names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


# A pattern for words that somebody has to write: blanks are none.
WORDS = r"\S"


def pattern(path: str) -> str:
    """'/api/items/{code}' -> a regular expression with named groups."""
    parts = re.split(r"(\{\w+\})", path)
    return "".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in parts)
