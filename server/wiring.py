"""Builds the City from settings: connections, stores, capabilities, gateways. The only place that knows all of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any, cast

from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from gateways.sms import TencentSms, TencentSmsSettings
from gateways.wechat import PushReceiver, PushSettings, WeChatClient, WeChatSettings
from kernel.clock import Clock, SystemClock
from kernel.ids import Ids
from kernel.workdays import WorkdayTable
from server.encryption import FieldCipher
from server.settings import Settings
from server.storage import CommandLog, connect_mongo, connect_redis
from services.appointments.actions import Appointments
from services.appointments.model import Rules
from services.appointments.places import Places
from services.appointments.queries import AppointmentQueries
from services.appointments.store import BookingStore
from services.ask.queries import Ask
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Catalogue
from services.catalogue.store import ItemStore, ItemVersionStore
from services.centres.actions import CentreActions
from services.centres.queries import Centres
from services.centres.store import CentreStore
from services.city import City
from services.events.store import DeadLetterStore
from services.identity.actions import Identity
from services.identity.cache import SessionCache
from services.identity.encryption import DATA_KEYS
from services.identity.model import IdentityRules, Session
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.model import StaffRules, StaffSession
from services.identity.staff.passwords import Passwords
from services.identity.staff.queries import StaffQueries
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.store import PersonStore, SessionStore
from services.notifications.actions import Notifications
from services.notifications.dispatch import Dispatcher
from services.notifications.policy import NotificationRules
from services.notifications.queries import NotificationQueries
from services.notifications.store import (
    ConsentStore,
    EarlyReceiptStore,
    MessageStore,
    TemplateStore,
    ValkeyPersonLeases,
)
from services.store import Database, Document, RevisionStore, Store

# Every collection: ``init`` makes their indexes, structural tests walk them.
STORES: tuple[type[Store], ...] = (
    ItemStore, ItemVersionStore, CentreStore, BookingStore, DeadLetterStore, RevisionStore,
    PersonStore, SessionStore, StaffStore, StaffSessionStore, AttemptStore, AuditStore,
    MessageStore, TemplateStore, ConsentStore, EarlyReceiptStore,
)  # fmt: skip


@dataclass(frozen=True)
class House:
    """A wired process: the City and what has to be closed after it."""

    settings: Settings
    city: City
    mongo: AsyncMongoClient[Document]
    database: Database
    redis: Redis
    commands: CommandLog
    cipher: FieldCipher


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock | None = None, ids: Ids | None = None) -> AsyncIterator[House]:
    """Connects and wires; closes everything at the end. Does not touch the database yet: see ``load``."""
    clock, ids = clock or SystemClock(), ids or Ids()
    commands = CommandLog()
    mongo = connect_mongo(settings, commands)
    redis = connect_redis(settings)
    database: Database = mongo[settings.mongo_database]
    cipher = FieldCipher(database, settings.master_key_bytes)
    wechat, sms = _wechat(settings, clock), _sms(settings, clock)
    passwords = Passwords(_staff_rules(settings))
    try:
        city = _city(settings, database, redis, clock, ids, cipher, wechat, sms, passwords)
        yield House(settings, city, mongo, database, redis, commands, cipher)
    finally:
        passwords.close()
        wechat.close()
        sms.close()
        await cipher.close()
        await redis.aclose()
        await mongo.close()


async def load(house: House) -> dict[str, int]:
    """What a process needs before it serves: keys that fit, the catalogue, the centres, the matcher.

    Returns the revisions of what was read, looked up first: what is published meanwhile is read again, not missed.
    """
    await house.cipher.check(DATA_KEYS)
    revisions = await house.city.revisions.numbers()
    await house.city.centre_actions.refresh()
    await house.city.catalogue_actions.refresh()
    await house.city.ask.rebuild()
    return revisions


def read_workdays(folder: Path) -> WorkdayTable:
    """The city's working-day tables. Raises InvalidInput naming year and field."""
    files = sorted((folder / "workdays").glob("*.json"))
    return WorkdayTable.from_records(json.loads(file.read_text(encoding="utf-8")) for file in files)


def _city(
    settings: Settings, database: Database, redis: Redis, clock: Clock, ids: Ids,
    cipher: FieldCipher, wechat: WeChatClient, sms: TencentSms, passwords: Passwords,
) -> City:  # fmt: skip
    workdays = read_workdays(Path(settings.data_folder))
    revisions, dead_letters = RevisionStore(database), DeadLetterStore(database)
    items, versions = ItemStore(database, clock, ids), ItemVersionStore(database)
    catalogue, centres = Catalogue(versions), Centres()
    bookings = BookingStore(database, clock, ids)
    rules = _booking_rules(settings)
    places = Places(bookings, catalogue, centres, workdays, clock, rules)
    persons, accounts = PersonStore(database, clock, ids, cipher), StaffStore(database, clock, ids)
    identity, identity_queries = _identity(settings, database, redis, clock, ids, persons, wechat)
    staff, staff_queries = _staff(settings, database, redis, clock, ids, accounts, passwords)
    messages, templates = MessageStore(database, clock, ids), TemplateStore(database)
    consents, early = ConsentStore(database), EarlyReceiptStore(database)
    told = _notification_rules(settings)
    leases = ValkeyPersonLeases(redis)
    push = PushSettings(settings.wechat_appid, settings.wechat_push_token, settings.wechat_push_aes_key)
    return City(
        clock=clock,
        ids=ids,
        workdays=workdays,
        catalogue=catalogue,
        catalogue_actions=CatalogueActions(items, versions, revisions, catalogue, clock),
        centres=centres,
        centre_actions=CentreActions(CentreStore(database), revisions, centres),
        ask=Ask(catalogue),
        appointments=Appointments(bookings, places, centres, clock, ids, rules),
        appointment_queries=AppointmentQueries(bookings, catalogue, centres, workdays, clock, rules),
        bookings=bookings,
        identity=identity,
        identity_queries=identity_queries,
        staff=staff,
        staff_queries=staff_queries,
        notifications=Notifications(messages, templates, consents, early, clock, ids, told),
        notification_queries=NotificationQueries(messages, templates, consents, clock),
        dispatcher=Dispatcher(messages, templates, consents, early, leases, identity_queries, wechat, sms, clock, told),
        wechat_push=PushReceiver(push, clock),
        dead_letters=dead_letters,
        revisions=revisions,
        aggregates=cast(Any, [items, bookings, persons, accounts, messages]),
    )


def _identity(
    settings: Settings, database: Database, redis: Redis, clock: Clock, ids: Ids,
    persons: PersonStore, wechat: WeChatClient,
) -> tuple[Identity, IdentityQueries]:  # fmt: skip
    rules = IdentityRules(session_for=timedelta(days=settings.resident_session_days))
    sessions = SessionStore(database)
    cache = SessionCache(redis, "session", Session, clock, rules.cache_for)
    queries = IdentityQueries(persons, sessions, cache, clock)
    return Identity(persons, sessions, queries, cache, wechat, clock, ids, rules), queries


def _staff(
    settings: Settings, database: Database, redis: Redis, clock: Clock, ids: Ids,
    accounts: StaffStore, passwords: Passwords,
) -> tuple[Staff, StaffQueries]:  # fmt: skip
    rules = _staff_rules(settings)
    sessions, audit = StaffSessionStore(database), AuditStore(database)
    cache = SessionCache(redis, "staff-session", StaffSession, clock, rules.cache_for)
    queries = StaffQueries(accounts, sessions, audit, cache, clock, rules)
    attempts = AttemptStore(database)
    return Staff(accounts, sessions, attempts, audit, queries, passwords, cache, clock, ids, rules), queries


def _booking_rules(settings: Settings) -> Rules:
    return Rules(
        hold=timedelta(seconds=settings.hold_seconds),
        offer=timedelta(minutes=settings.offer_minutes),
        days_ahead=settings.booking_days,
        open_per_person=settings.bookings_per_person,
        no_shows_until_block=settings.no_shows_until_block,
        no_show_window=timedelta(days=settings.no_show_window_days),
        no_show_block=timedelta(days=settings.no_show_block_days),
        reminder_hour=settings.reminder_hour,
    )


def _staff_rules(settings: Settings) -> StaffRules:
    return StaffRules(
        session_for=timedelta(hours=settings.staff_session_hours),
        idle_for=timedelta(minutes=settings.staff_idle_minutes),
        wrong_passwords=settings.staff_failures_until_lock,
        locked_for=timedelta(minutes=settings.staff_lock_minutes),
    )


def _notification_rules(settings: Settings) -> NotificationRules:
    return NotificationRules(
        quiet_from=time(settings.quiet_from_hour), quiet_until=time(settings.quiet_until_hour),
        sms_param_length=settings.sms_param_length,
    )  # fmt: skip


def _wechat(settings: Settings, clock: Clock) -> WeChatClient:
    return WeChatClient(
        WeChatSettings(
            appid=settings.wechat_appid,
            secret=settings.wechat_secret,
            base_url=settings.wechat_url,
            request_timeout=settings.wechat_timeout_ms / 1000,
            miniprogram_state=cast(Any, settings.wechat_state),
        ),
        clock,
    )


def _sms(settings: Settings, clock: Clock) -> TencentSms:
    return TencentSms(
        TencentSmsSettings(
            secret_id=settings.sms_secret_id,
            secret_key=settings.sms_secret_key,
            sdk_app_id=settings.sms_app_id,
            sign_name=settings.sms_sign_name,
            region=settings.sms_region,
            endpoint=settings.sms_url,
            request_timeout=settings.sms_timeout_ms / 1000,
        ),
        clock,
    )
