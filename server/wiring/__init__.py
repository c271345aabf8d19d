"""Builds the City from settings: connections, stores, capabilities, gateways. The only place that knows all of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from kernel.clock import Clock, SystemClock
from kernel.ids import Ids
from kernel.workdays import WorkdayTable
from server.encryption import FieldCipher
from server.settings import Settings
from server.storage import connect_mongo, connect_redis
from server.wiring import gateways
from server.wiring.city import build
from server.wiring.parts import Parts
from server.wiring.rules import staff_rules
from server.wiring.stores import STORES
from services.cases.encryption import CASE_KEYS
from services.city import City
from services.identity.encryption import DATA_KEYS
from services.identity.staff.passwords import Passwords
from services.payments.accounts.encryption import PAYMENT_KEYS
from services.store import Database, Document

__all__ = ["STORES", "House", "load", "open_house", "read_workdays"]


@dataclass(frozen=True)
class House:
    """A wired process: the City and what has to be closed after it."""

    settings: Settings
    city: City
    mongo: AsyncMongoClient[Document]
    database: Database
    redis: Redis
    cipher: FieldCipher


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock | None = None, ids: Ids | None = None) -> AsyncIterator[House]:
    """Connects and wires; closes everything at the end. Does not touch the database yet: see ``load``."""
    clock, ids = clock or SystemClock(), ids or Ids()
    mongo = connect_mongo(settings)
    redis = connect_redis(settings)
    database: Database = mongo[settings.mongo_database]
    cipher = FieldCipher(database, settings.master_key_bytes)
    to_wechat, to_sms = gateways.wechat(settings, clock), gateways.sms(settings, clock)
    to_pay, pay_reader = gateways.wechat_pay(settings, clock)
    passwords = Passwords(staff_rules(settings))
    try:
        workdays = read_workdays(Path(settings.data_folder))
        parts = Parts(
            settings, database, redis, clock, ids, workdays, cipher, wechat=to_wechat, sms=to_sms, passwords=passwords,
            wechat_pay=to_pay, pay_reader=pay_reader,
        )  # fmt: skip
        city = build(parts)
        try:
            yield House(settings, city, mongo, database, redis, cipher)
        finally:
            await city.talk.settled()
            await city.live.close()
            await city.learning_effects.close()
            await city.learning.settled()
    finally:
        passwords.close()
        to_wechat.close()
        to_sms.close()
        if to_pay is not None:
            await to_pay.aclose()
        await cipher.close()
        await redis.aclose()
        await mongo.close()


async def load(house: House) -> dict[str, int]:
    """What a process needs before it serves: keys that fit, the catalogue, the centres, the matcher.

    Returns the revisions of what was read, looked up first: what is published meanwhile is read again, not missed.
    """
    await house.cipher.check(DATA_KEYS + CASE_KEYS + PAYMENT_KEYS)
    revisions = await house.city.revisions.numbers()
    await house.city.centre_actions.refresh()
    await house.city.catalogue_actions.refresh()
    await house.city.knowledge_actions.refresh()
    await house.city.ask.rebuild()
    return revisions


def read_workdays(folder: Path) -> WorkdayTable:
    """The city's working-day tables. Raises InvalidInput naming year and field."""
    files = sorted((folder / "workdays").glob("*.json"))
    return WorkdayTable.from_records(json.loads(file.read_text(encoding="utf-8")) for file in files)
