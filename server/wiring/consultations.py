"""Consultation: its parts, and what it needs of others behind its ports."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateways.wechat import WeChatClient
from gateways.wechat.errors import WeChatRefused
from gateways.wechat.records import SafetyScene
from handlers.hub import message, publish_all, publish_gap
from kernel.errors import InvalidInput
from server.settings import Settings
from server.wiring.parts import Parts
from services.ask.queries import Ask
from services.batches import Batches
from services.catalogue.queries import Catalogue
from services.consultations.actions import Consultations
from services.consultations.bot import AskBot
from services.consultations.checks import Checks
from services.consultations.clocks import ConversationClocks
from services.consultations.data import ConsultationData, read_data
from services.consultations.desk import Desk
from services.consultations.entries import Entries
from services.consultations.model import Limits
from services.consultations.ports import Bot, Verdict
from services.consultations.presence import Officers
from services.consultations.queries import ConsultationQueries
from services.consultations.ratings import Ratings
from services.consultations.store import (
    ConversationStore,
    EntryStore,
    OfficerStore,
    RatingStore,
    UnansweredStore,
)
from services.consultations.talk import Talk
from services.consultations.timers import Timers
from services.files.actions import Files
from services.files.model import ContentType
from services.files.queries import FileQueries
from services.identity.queries import IdentityQueries

log = logging.getLogger("banshi.consultations")

# After a failure events stay in this process for so long, instead of each message waiting for a time-out.
REST_SECONDS = 2.0
# Of msg_sec_check: the person has not opened the mini-program for two hours, so WeChat does not judge their words.
NO_VISIT = 61010


class ValkeyLive:
    """Live events: to this process's sockets at once, and over Valkey to all others.

    What others were not told they read: as soon as Valkey takes something again, it is that events were lost.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._resting = False
        self._mending: asyncio.Task[None] | None = None
        self._messages: Batches[bytes, None] = Batches(self._publish)
        # By it the hub knows our own events when they come back.
        self.origin = secrets.token_hex(4)
        # Set by the API: its hub. A worker has none.
        self.local: Callable[[str, Mapping[str, Any]], None] | None = None

    async def tell(self, topic: str, event: Mapping[str, Any]) -> None:
        if self.local is not None:
            self.local(topic, event)
        if self._resting:
            return
        try:
            await self._messages.ask(message(topic, event, self.origin))
        except (RedisError, TimeoutError, ConnectionError) as error:
            log.warning("live event stays in this process", extra={"error": repr(error)})
            self._rest()

    async def _publish(self, messages: list[bytes]) -> list[None]:
        await publish_all(self._redis, messages)
        return [None] * len(messages)

    async def close(self) -> None:
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.gather(self._mending, return_exceptions=True)

    def _rest(self) -> None:
        self._resting = True
        if self._mending is None or self._mending.done():
            self._mending = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        while self._resting:
            await asyncio.sleep(REST_SECONDS)
            # First: what is told from here on goes to all by itself, or sets it again.
            self._resting = False
            try:
                await publish_gap(self._redis)
            except (RedisError, TimeoutError, ConnectionError):
                self._resting = True


class StoredImages:
    def __init__(self, files: Files, queries: FileQueries) -> None:
        self._files = files
        self._queries = queries

    async def use(self, file_id: str, owner: str, use: str) -> None:
        file = await self._queries.get(file_id, owner)
        if file.content_type not in (ContentType.JPEG, ContentType.PNG):
            raise InvalidInput(detail="只能发送图片（JPEG 或 PNG）。", field="$.file", reason="not an image")
        await self._files.do_use(owner, [file_id], use)

    async def release(self, file_id: str, use: str) -> None:
        await self._files.do_release([file_id], use)


class WechatCheck:
    """msg_sec_check of a resident's words."""

    def __init__(self, wechat: WeChatClient, identity: IdentityQueries) -> None:
        self._wechat = wechat
        self._identity = identity

    async def judge(self, person: str, text: str) -> Verdict | None:
        contact = await self._identity.contact(person)
        if contact.openid is None:
            return None
        try:
            found = await self._wechat.check_text(contact.openid, text, SafetyScene.COMMENT)
        except WeChatRefused as refused:
            if refused.error.errcode == NO_VISIT:
                return None
            raise
        # "review" is for WeChat's own publishers: words to one officer are not published.
        return Verdict(found.suggest == "risky", found.label)


@dataclass(frozen=True)
class Consultation:
    """Everything of the capability that others use."""

    consultations: Consultations
    talk: Talk
    desk: Desk
    officers: Officers
    ratings: Ratings
    queries: ConsultationQueries
    timers: Timers
    checks: Checks
    live: ValkeyLive
    stores: list[Any]


def limits(settings: Settings) -> Limits:
    return Limits(
        silent=timedelta(minutes=settings.consultation_silent_minutes),
        idle=timedelta(minutes=settings.consultation_idle_minutes),
    )


def build(
    parts: Parts, ask: Ask, catalogue: Catalogue, identity: IdentityQueries, files: Files, file_queries: FileQueries,
    bot: Bot | None = None,
) -> Consultation:  # fmt: skip
    """``bot``: who answers first; the matcher alone when none is given."""
    database, clock, ids, rules = parts.database, parts.clock, parts.ids, limits(parts.settings)
    content = (Path(parts.settings.data_folder) / "consultation.json").read_bytes()
    data: ConsultationData = read_data(content, parts.workdays)
    work_time = data.work_time(parts.workdays)
    clocks = ConversationClocks(data.clocks, work_time)
    live = ValkeyLive(parts.redis)
    store, entry_store = ConversationStore(database, clock, ids), EntryStore(database)
    officer_store, rating_store = OfficerStore(database), RatingStore(database, clock, ids)
    unanswered = UnansweredStore(database)
    entries = Entries(entry_store, clock)
    consultations = Consultations(store, entries, live, parts.cipher, data, work_time, clocks, clock, ids, rules)
    officers = Officers(officer_store, data, clock, rules)
    return Consultation(
        consultations=consultations,
        talk=Talk(
            store, entry_store, unanswered, entries, consultations, bot or AskBot(ask, catalogue),
            StoredImages(files, file_queries), live, data, clocks, clock, rules,
        ),
        desk=Desk(store, officer_store, officers, consultations, clocks, clock, rules),
        officers=officers,
        ratings=Ratings(rating_store, store, data, work_time, clock),
        queries=ConsultationQueries(store, entry_store, rating_store, unanswered, clocks, data, clock),
        timers=Timers(store, entry_store, rating_store, consultations, clock, rules),
        checks=Checks(entry_store, entries, WechatCheck(parts.wechat, identity), live, clock),
        live=live,
        stores=[store, rating_store],
    )  # fmt: skip
