"""``make bench``: what the API, the booking of places and the matcher cost, as ratios within one run.

Every ratio comes of rounds in turns against something bare on the same machine in the same minutes; the table gives
median and quartiles over the rounds. Exit status 1 only when a race confirmed more or fewer than there are places,
when the books of payments differ, or when a message of a conversation was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import platform
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import uvloop

from bench import asking, booking, cases, paying, serving, talking
from bench.screens import Lost
from bench.table import HEAD, Row
from server import embedded
from server.settings import Settings
from server.setup import initialise, load_data
from server.storage import connect_mongo
from server.wiring import open_house

DATA = asking.DATA
ITEM = "000709402000"
ORDERS = 1000
MANY = 1_000_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="races, each with a seed of its own")
    parser.add_argument("--race-seconds", type=float, default=120, help="no new seed is begun after this long")
    parts = ["start", "read", "race", "ask", "loop", "talking", "pay", "cases"]
    parser.add_argument("--only", choices=parts, help="one part instead of all")
    parser.add_argument("--mongo", help="the URI of the server on which cases are measured")
    parser.add_argument("--cases", type=int, default=1_000_000, help="how many open cases are very many")
    arguments = parser.parse_args()
    if arguments.only == "cases" and not arguments.mongo:
        parser.error("a million cases are more than the embedded server is for: name another with --mongo")
    # SIGTERM ends the run as an error does, so that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began = time.perf_counter()
    print(_machine(), end="\n\n")
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="banshi-bench-") as folder:
        database = embedded.start_database(Path(folder), embedded.free_port())
        valkey = embedded.start_valkey(Path(folder), embedded.free_port())
        try:
            servers = {"database": database.process.pid, "valkey": valkey.process.pid}
            uvloop.run(_measure(_settings(database.port, valkey.port), servers, arguments))
        except Lost as lost:
            print(f"\nA MESSAGE IS LOST: {lost}", file=sys.stderr)
            return 1
        except paying.BooksDiffer as differ:
            print(f"\nTHE BOOKS DIFFER: {differ}", file=sys.stderr)
            return 1
        except booking.RaceLost as lost:
            print(f"\nTHE RACE IS LOST: {lost}", file=sys.stderr)
            return 1
        finally:
            valkey.stop()
            database.stop()
    print(f"\n{time.perf_counter() - began:.0f} seconds; load average at the end {os.getloadavg()[0]:.1f}")
    return 0


async def _measure(settings: Settings, servers: dict[str, int], arguments: argparse.Namespace) -> None:
    only = arguments.only
    if arguments.mongo and only in (None, "cases"):
        _print(await cases.cases(replace(settings, mongo_uri=arguments.mongo), cases.FEW, arguments.cases))
    if only == "cases":
        return
    await _prepare(settings)
    if only in (None, "start"):
        _print(await serving.starts(settings))
    if only in (None, "read"):
        _print(await serving.reads(replace(settings, port=embedded.free_port()), ITEM, 1))
    if only in (None, "race"):
        async with connect_mongo(settings) as client:
            _print(await booking.races(client["race"], DATA, arguments.seeds, arguments.race_seconds))
    if only in (None, "ask"):
        _print(await asyncio.to_thread(asking.rows))
    if only in (None, "loop"):
        questions = asking.questions(asking.catalogue())
        _print(await serving.asks(replace(settings, port=embedded.free_port()), questions))
    if only in (None, "talking"):
        async for rows in talking.talking(settings, servers):
            _print(rows)
    if only in (None, "pay"):
        _print(await paying.paying(replace(settings, port=embedded.free_port()), ORDERS))


async def _prepare(settings: Settings) -> None:
    """The city's data, and a second version of one item, so that its first is no longer kept in memory."""
    async with open_house(settings) as house:
        await initialise(house)
        await load_data(house, DATA)
        lines = [line for file in (DATA / "items").glob("*.jsonl") for line in file.read_text().splitlines()]
        content = next(one for one in map(json.loads, lines) if one["code"] == ITEM)
        changed = json.dumps(content | {"notes": content.get("notes", "") + "（已更新）"}, ensure_ascii=False)
        parsed, published = await house.city.catalogue_actions.do_import(changed.encode(), by="bench")
        if published != 1:
            raise RuntimeError(f"the changed item was not published: {parsed.rejections}")


def _settings(mongo_port: int, redis_port: int) -> Settings:
    """No limits: one client asks for everybody."""
    return Settings(
        port=embedded.free_port(),
        mongo_uri=embedded.database_uri(mongo_port),
        mongo_database="bench",
        redis_uri=embedded.valkey_uri(redis_port),
        master_key=base64.b64encode(secrets.token_bytes(96)).decode(),
        log_level="WARNING",
        wechat_appid="wxbench",
        wechat_push_token="bench",
        wechat_push_aes_key="A" * 43,
        limit_read_per_minute=MANY,
        limit_ask_per_minute=MANY,
        limit_write_per_minute=MANY,
    )


def _machine() -> str:
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores (shared), load average {os.getloadavg()[0]:.1f} before, "
        f"Python {platform.python_version()}, Tornado {version('tornado')}, "
        f"embedded SecantusDB {version('secantusdb')} with every write synced"
    )


def _print(rows: Iterable[Row]) -> None:
    print("\n".join(str(row) for row in rows), flush=True)


if __name__ == "__main__":
    sys.exit(main())
