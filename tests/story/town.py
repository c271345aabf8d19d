"""A town whose parts are processes of their own, as in ``make demo``: what the kill tests kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from server import demo, embedded
from services.store import Document

LIMITS = {f"BANSHI_LIMIT_{kind}_PER_MINUTE": "100000" for kind in ("READ", "ASK", "WRITE", "LOGIN")}
CHANGES = LIMITS | {
    "BANSHI_HOLD_SECONDS": "6",
    "BANSHI_MONGO_TIMEOUT_MS": "2000",
    "BANSHI_DRAIN_SECONDS": "0",
    # No quiet hours: the test runs at any time of the day.
    "BANSHI_QUIET_FROM_HOUR": "0",
    "BANSHI_QUIET_UNTIL_HOUR": "0",
}


@dataclass
class Town:
    """The running processes. ``start`` puts a part into the place of the one that died."""

    folder: Path
    stack: contextlib.ExitStack
    environment: dict[str, str]
    database: embedded.Embedded
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return self.environment["BANSHI_PUBLIC_URL"]

    @property
    def wechat(self) -> str:
        return self.environment["BANSHI_WECHAT_URL"]

    @property
    def sms(self) -> str:
        return self.environment["BANSHI_SMS_URL"]

    def start(self, part: str) -> None:
        self.parts[part] = demo._start(self.stack, self.folder, self.environment, "server", part, log=part)

    def kill(self, part: str) -> None:
        self.parts[part].kill()
        self.parts[part].wait()

    def starts(self, part: str) -> int:
        """How often a part has come so far that its work begins."""
        return (self.folder / f"{part}.log").read_text().count('"matcher built"')

    def logs(self) -> str:
        return "\n".join(f"{name}: {(self.folder / f'{name}.log').read_text()[-3000:]}" for name in ("api", "worker"))

    def start_database(self) -> None:
        self.database = embedded.start_database(self.folder, self.database.port)
        self.stack.callback(self.database.stop)


@contextmanager
def running_town(
    folder: Path, changes: Mapping[str, str] | None = None, *, pay: bool = False, options: Iterable[str] = ()
) -> Iterator[Town]:
    """``changes``: settings beyond CHANGES; ``pay``: with WeChat Pay; ``options``: more words for the simulators."""
    with contextlib.ExitStack() as stack:
        database = embedded.start_database(folder, embedded.free_port())
        stack.callback(database.stop)
        valkey = embedded.start_valkey(folder, embedded.free_port())
        stack.callback(valkey.stop)
        ports = [embedded.free_port() for _ in range(4 if pay else 3)]
        made = demo._environment(folder, database.port, valkey.port, *ports)
        town = Town(folder, stack, os.environ | made | CHANGES | dict(changes or {}), database)
        words = [*demo._simulator_options(folder, town.environment), "--per-30-seconds", "0", *options]
        town.parts["simulators"] = demo._start(stack, folder, town.environment, "simulators", *words)
        demo._once(town.environment, ["init"])
        demo._once(town.environment, ["load"])
        town.start("api")
        town.start("worker")
        demo._wait_ready(f"{town.api}/readyz", town.parts, folder)
        yield town


async def ready(http: httpx.AsyncClient, town: Town, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if (await http.get(f"{town.api}/readyz")).status_code == 200:
                return
        assert town.parts["api"].poll() is None, town.logs()
        await asyncio.sleep(0.05)
    raise AssertionError(f"the API did not come back\n{town.logs()}")


async def until(condition: Callable[[], bool], seconds: float, town: Town) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to rest\n{town.logs()}"
        await asyncio.sleep(0.5)


def check_histories(aggregates: Iterable[Document]) -> None:
    """State, version and history of each agree, and every event is delivered."""
    for one in aggregates:
        history = one["history"]
        assert len(history) == one["version"], one
        assert history[-1]["to"] == one["state"], one
        chain = [entry["to"] for entry in history[:-1]]
        assert [entry.get("from", "") for entry in history[1:]] == chain, one
        assert one["outgoing"] == [], one
        assert "outgoing_at" not in one, one
