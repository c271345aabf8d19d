"""A lean WebSocket client: thousands of them must cost the machine less than the servers that are measured."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Line(asyncio.Protocol):
    """One connection. ``took`` gets every text frame; ``lost`` is called once, when the line has gone."""

    def __init__(self, took: Callable[[bytes], None], lost: Callable[[], None] | None = None) -> None:
        self._took = took
        self._lost = lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if not self._open.done():
            self._open.set_exception(ConnectionError("no handshake"))
        if self._lost is not None:
            self._lost()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded and not self._upgrade():
            return
        while (frame := self._frame()) is not None:
            kind, payload = frame
            if kind == TEXT:
                self._took(payload)
            elif kind == PING:
                self._write(PONG, payload)
            elif kind == CLOSE:
                self._transport.close()

    def send(self, payload: bytes) -> None:
        self._write(TEXT, payload)

    def drop(self) -> None:
        """The line goes away, without a word."""
        self._transport.abort()

    async def opened(self, path: str) -> None:
        """Shakes hands. Raises ConnectionError."""
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._transport.write(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        await self._open

    def _upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not self._buffer.startswith(b"HTTP/1.1 101"):
            self._open.set_exception(ConnectionError(bytes(self._buffer[:80]).decode()))
            self._transport.abort()
            return False
        del self._buffer[: end + 4]
        self._upgraded = True
        self._open.set_result(None)
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame; servers mask nothing and Tornado does not split a message."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:start], "big") if len(buffer) >= start else 1 << 62
        if len(buffer) < start + size:
            return None
        kind, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        return kind, payload

    def _write(self, kind: int, payload: bytes) -> None:
        # A mask of zeros is a mask, and leaves the bytes as they are.
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._transport.write(bytes([0x80 | kind]) + length + b"\0\0\0\0" + payload)


async def connect(port: int, path: str, took: Callable[[bytes], None], lost: Callable[[], None] | None = None) -> Line:
    """An open line. Raises OSError."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(took, lost), "127.0.0.1", port)
    await line.opened(path)
    return line
