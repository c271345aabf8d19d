"""The bare server that conversations are measured against: ``python -m bench.echoing <port> <valkey> [<mongo>]``.

A Tornado WebSocket handler and Valkey's publish and subscribe, nothing else: what comes in on a line is published, and
goes out on the other lines of the same room. ``/stored/…`` inserts one document first, as nobody can tell what is not
yet kept without giving a number away twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from typing import Any

import uvloop
from pymongo import AsyncMongoClient
from redis.asyncio import Redis
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from server.app import stop_event

CHANNEL = "bench:echo"
COLLECTION = "bare_entries"
Rooms = defaultdict[bytes, set["Bare"]]


class Bare(WebSocketHandler):
    def initialize(self, rooms: Rooms, redis: Redis, collection: Any = None) -> None:
        self.rooms = rooms
        self.redis = redis
        self.collection = collection

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self.room = args[0].encode()
        self.rooms[self.room].add(self)

    def on_close(self) -> None:
        self.rooms[self.room].discard(self)

    async def on_message(self, message: str | bytes) -> None:
        raw = message.encode() if isinstance(message, str) else message
        if self.collection is not None:
            await self.collection.insert_one({"room": self.room, "line": id(self), "text": raw})
        await self.redis.publish(CHANNEL, b"%s %d %s" % (self.room, id(self), raw))


async def pass_on(redis: Redis, rooms: Rooms) -> None:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            room, line, text = message["data"].split(b" ", 2)
            for one in list(rooms.get(room, ())):
                if id(one) != int(line):
                    one.write_message(text.decode())


async def serve(port: int, valkey: str, mongo: str = "") -> None:
    rooms: Rooms = defaultdict(set)
    redis, listener = Redis.from_url(valkey), Redis.from_url(valkey)
    client: Any = AsyncMongoClient(mongo, w="majority") if mongo else None
    rules: list[Any] = [(r"/echo/(\w+)", Bare, {"rooms": rooms, "redis": redis})]
    if client is not None:
        stored = {"rooms": rooms, "redis": redis, "collection": client["bench"][COLLECTION]}
        rules.append((r"/stored/(\w+)", Bare, stored))
    server = HTTPServer(Application(rules, log_function=lambda handler: None))
    server.listen(port, "127.0.0.1")
    passing = asyncio.create_task(pass_on(listener, rooms))
    await stop_event().wait()
    passing.cancel()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), *sys.argv[2:]))
