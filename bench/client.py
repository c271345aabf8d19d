"""A lean HTTP/1.1 client on kept connections, so that the server and not the client is what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Connection(asyncio.Protocol):
    """One request after another; answers must carry Content-Length."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(buffer[:end])
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(buffer) < end + 4 + length:
            return
        body = bytes(buffer[end + 4 : end + 4 + length])
        buffer.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((head, body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """(head, body). Raises RuntimeError on any status but 200: a refused request is no measurement."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        head, body = await self._answer
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{request[:80]!r} was answered {head[:40]!r} {body[:200]!r}")
        return head, body

    def close(self) -> None:
        self._transport.close()


async def connect(port: int, count: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def throughput(connections: list[Connection], request: bytes, seconds: float) -> float:
    """Answers a second, every connection asking again as soon as it is answered."""
    began = time.perf_counter()
    end = began + seconds

    async def one(connection: Connection) -> int:
        count = 0
        while time.perf_counter() < end:
            await connection.ask(request)
            count += 1
        return count

    done = sum(await asyncio.gather(*(one(c) for c in connections)))
    return done / (time.perf_counter() - began)


async def latencies(
    connections: list[Connection], request: Callable[[], bytes], seconds: float, pause: Callable[[], float]
) -> list[float]:
    """Milliseconds of every answer; each connection rests ``pause()`` seconds before each question."""
    end = time.perf_counter() + seconds
    found: list[float] = []

    async def one(connection: Connection) -> None:
        while time.perf_counter() < end:
            if rest := pause():
                await asyncio.sleep(rest)
            began = time.perf_counter()
            await connection.ask(request())
            found.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(one(c) for c in connections))
    return found
