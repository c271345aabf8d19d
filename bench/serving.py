"""The servers that are measured, each a process of its own, and what is measured of them over HTTP.

``python -m bench.serving bare <port>`` answers GETs with the bytes and headers read from standard input;
``python -m bench.serving probed`` is the API that also watches its own event loop.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from bench.client import Connection, connect, get, latencies, post, throughput
from bench.table import Row
from server import settings as settings_module
from server.app import serving, stop_event
from server.embedded import free_port, stop_process
from server.settings import Settings, environment_of

CONNECTIONS = 16
ROUNDS = 20
ROUND_SECONDS = 0.5
CLIENTS = 50
PROBE_SECONDS = 0.002
# Date and Content-Length are Tornado's own; X-Request-Id is sent by the bare handler as one constant.
OWN_HEADERS = frozenset({"date", "content-length"})
Answers = dict[str, tuple[list[tuple[str, str]], bytes]]


# -- processes ---------------------------------------------------------------------------------------------------


def start(command: list[str], port: int, environment: dict[str, str], stdin: bytes = b"") -> subprocess.Popen[bytes]:
    """A child of ours, once its port answers. Raises RuntimeError with its error output when it ends before."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.close()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.005)
            continue
        return process
    stop_process(process)
    raise RuntimeError(f"{' '.join(command)} did not come up on port {port}")


@contextmanager
def running(command: list[str], settings: Settings, stdin: bytes = b"") -> Iterator[subprocess.Popen[bytes]]:
    process = start(command, settings.port, environment_of(settings), stdin)
    try:
        yield process
    finally:
        stop_process(process)
        if process.stdout is not None:
            process.stdout.close()


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no memory figure of process {pid}")


# -- the bare server ---------------------------------------------------------------------------------------------


class Bare(RequestHandler):
    """Nothing but the same bytes and the same headers; no hash of the answer, which the API does not make either."""

    def initialize(self, answers: Answers) -> None:
        self.answers = answers

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def compute_etag(self) -> str | None:
        return None

    def get(self) -> None:
        headers, body = self.answers[self.request.path]
        for name, value in headers:
            self.set_header(name, value)
        self.finish(body)


async def serve_bare(port: int) -> None:
    raw = json.loads(sys.stdin.buffer.read())
    answers = {path: (headers, base64.b64decode(body)) for path, (headers, body) in raw.items()}
    server = HTTPServer(Application([(r".*", Bare, {"answers": answers})], log_function=lambda handler: None))
    server.listen(port, "127.0.0.1")
    await stop_event().wait()


def headers_of(head: bytes) -> list[tuple[str, str]]:
    pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return [(name, value) for name, value in pairs if name.lower() not in OWN_HEADERS]


# -- the API that watches its loop -------------------------------------------------------------------------------


async def serve_probed() -> None:
    """Prints [(monotonic seconds, milliseconds late)] of a 2 ms timer when it is stopped."""
    stop, late = stop_event(), []

    async def watch() -> None:
        while True:
            due = time.monotonic() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            now = time.monotonic()
            late.append((round(now, 4), round(max(0.0, now - due) * 1000, 3)))

    async with serving(settings_module.read()):
        task = asyncio.create_task(watch())
        await stop.wait()
        task.cancel()
    print(json.dumps(late), flush=True)


# -- measurements ------------------------------------------------------------------------------------------------


async def reads(settings: Settings, code: str, old_version: int) -> list[Row]:
    """Item reads, cached and with one database read, each against the bare handler, in turns."""
    cached, stored = f"/api/items/{code}", f"/api/items/{code}/versions/{old_version}"
    with running(["server", "api"], settings) as api:
        ours = await connect(settings.port, CONNECTIONS)
        answers = {path: await ours[0].ask(get(path)) for path in (cached, stored)}
        given = {p: (headers_of(head), base64.b64encode(body).decode()) for p, (head, body) in answers.items()}
        bare_port = free_port()
        bare = start(["bench.serving", "bare", str(bare_port)], bare_port, {}, json.dumps(given).encode())
        try:
            plain = await connect(bare_port, CONNECTIONS)
            await _same(ours[0], plain[0], (cached, stored))
            rates = await _rounds(ours, plain, (cached, stored))
        finally:
            stop_process(bare)
        memory = resident_mb(api.pid)
        for connection in ours + plain:
            connection.close()
    ratio = {path: [a / b for a, b in pairs] for path, pairs in rates.items()}
    size = len(answers[cached][1])
    return [
        Row(f"item read, cached ({size:,} bytes): API / bare handler", ratio[cached], at_least=0.5),
        Row("-- API, answers a second", [a for a, _ in rates[cached]]),
        Row("-- bare handler, answers a second", [b for _, b in rates[cached]]),
        Row("item read, one database read: API / bare handler", ratio[stored], at_least=0.25),
        Row("-- API, answers a second", [a for a, _ in rates[stored]]),
        Row("-- bare handler, answers a second", [b for _, b in rates[stored]]),
        Row("memory of the API process after these rounds", [memory], "MB", at_most=200),
    ]


async def _same(ours: Connection, plain: Connection, paths: tuple[str, ...]) -> None:
    """Raises RuntimeError unless both servers send the same names of headers and the same bytes."""
    for path in paths:
        (head_a, body_a), (head_b, body_b) = await ours.ask(get(path)), await plain.ask(get(path))
        names = [{name for name, _ in headers_of(head)} for head in (head_a, head_b)]
        if names[0] != names[1] or body_a != body_b:
            raise RuntimeError(f"{path}: the servers do not answer the same: {names}")


async def _rounds(
    ours: list[Connection], plain: list[Connection], paths: tuple[str, ...]
) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {path: [] for path in paths}
    for number in range(-1, ROUNDS):
        for path in paths:
            # Who goes first changes with every round; round -1 warms up.
            pair = {}
            for connections in (ours, plain) if number % 2 else (plain, ours):
                pair[connections is ours] = await throughput(connections, get(path), ROUND_SECONDS)
            if number >= 0:
                found[path].append((pair[True], pair[False]))
    return found


async def starts(settings: Settings, count: int = 5) -> list[Row]:
    """From the start of the process to the first 200 of /readyz, and memory then."""
    seconds, memory = [], []
    for _ in range(count):
        began = time.perf_counter()
        with running(["server", "api"], settings) as api:
            connection = (await connect(settings.port, 1))[0]
            await connection.ask(get("/readyz"))
            seconds.append(time.perf_counter() - began)
            memory.append(resident_mb(api.pid))
            connection.close()
    return [
        Row("start of an API process to ready", seconds, "s", at_most=5),
        Row("memory of an API process when ready", memory, "MB", at_most=200),
    ]


async def asks(settings: Settings, questions: list[str]) -> list[Row]:
    """Loop delay of the API while 50 clients ask: one question a second each, and without any pause."""
    rng = random.Random(7)
    requests = [post("/api/ask", json.dumps({"text": text}).encode()) for text in questions]
    process = start(["bench.serving", "probed"], settings.port, environment_of(settings))
    blocks: dict[str, list[tuple[float, float, list[float]]]] = {"calm": [], "greedy": []}
    pauses = {"calm": lambda: rng.uniform(0.5, 1.5), "greedy": lambda: 0.0}
    try:
        connections = await connect(settings.port, CLIENTS)
        await latencies(connections, lambda: rng.choice(requests), 1, pauses["greedy"])
        for _ in range(5):
            for name, pause in pauses.items():
                began = time.monotonic()
                times = await latencies(connections, lambda: rng.choice(requests), 3, pause)
                blocks[name].append((began, time.monotonic(), times))
        for connection in connections:
            connection.close()
        process.terminate()
        assert process.stdout is not None
        output = await asyncio.to_thread(process.stdout.read)
    finally:
        stop_process(process)
    late: list[tuple[float, float]] = json.loads(output)
    rows = []
    for name, words in (("calm", "asking about once a second each"), ("greedy", "asking without a pause")):
        delay = [float(np.percentile([d for at, d in late if a <= at <= b], 99)) for a, b, _ in blocks[name]]
        answered = [float(np.percentile(times, 95)) for _, _, times in blocks[name]]
        rate = [len(times) / (b - a) for a, b, times in blocks[name]]
        rows += [
            Row(f"event loop delay p99, 50 clients {words}", delay, "ms", at_most=20),
            Row("-- answer over HTTP, p95", answered, "ms"),
            Row("-- answers a second", rate),
        ]
    return rows


def main(arguments: list[str]) -> Any:
    if arguments[0] == "bare":
        return uvloop.run(serve_bare(int(arguments[1])))
    return uvloop.run(serve_probed())


if __name__ == "__main__":
    main(sys.argv[1:])
