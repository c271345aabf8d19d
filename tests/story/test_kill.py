"""The kill test: API and worker die by SIGKILL again and again under load, and afterwards the books still agree.

Everything is a process of its own, as in ``make demo``. The checks read MongoDB and the simulators, not the API.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from server.settings import Settings
from services.appointments.model import TEMPORARY
from services.store import Document
from tests.city import ID_CARD_LOST
from tests.story.town import Town, check_histories, ready, running_town, until

# A township's household counter: one window, two places a slot, so that eight residents get in each other's way.
CENTRE = "WH-YANGTING"
SLOTS = 4
RESIDENTS = 8
KILLS_EACH = 25
# Guards, not goals: fifty kills take about two minutes on a machine that does nothing else.
KILL_SECONDS = 900.0
SIGN_IN_SECONDS = 120.0
# A message whose sender died is uncertain only when its lease of 60 s has run out.
DRAIN_SECONDS = 400.0
# Answered requests, so that there was something to lose; a busy machine needs longer than the kills take.
ENOUGH = 500
SEED = 20261124

# Edges of a booking that are told to the resident, and by which template.
TOLD_BY = {
    ("held", "confirm"): "booking_confirmed",
    ("offered", "confirm"): "booking_confirmed",
    ("confirmed", "move"): "booking_moved",
    ("confirmed", "cancel"): "booking_cancelled",
    ("waiting", "offer"): "place_offered",
    ("offered", "lapse"): "offer_lapsed",
}


@dataclass
class Resident:
    """Somebody at a phone with a bad line: every request is repeated with its key until there is an answer."""

    town: Town
    http: httpx.AsyncClient
    rng: random.Random
    openid: str = ""
    token: str = ""
    phone: str = ""
    consents: bool = False
    # (booking, action) that the API has acknowledged: they must not be lost.
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    async def call(self, method: str, path: str, body: Any = None, seconds: float = 15) -> httpx.Response | None:
        """None: no answer in all that time, so nobody knows."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": secrets.token_hex(12)}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = await self.http.request(method, self.town.api + path, json=body, headers=headers)
            except httpx.TransportError as error:
                self.outcomes[type(error).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            code = "ok" if answer.status_code < 300 else answer.json()["error"]["code"]
            self.outcomes[code] += 1
            assert answer.status_code != 500, answer.text
            if code == "REQUEST_IN_PROGRESS":
                # Whoever had begun it is dead, and the key stays taken for a minute: look at the bookings instead.
                deadline = min(deadline, time.monotonic() + 1.5)
            if answer.status_code >= 500 or code == "REQUEST_IN_PROGRESS":
                await asyncio.sleep(0.2)
                continue
            return answer
        return None

    async def act(self, booking_id: str, action: str, body: Any) -> None:
        answer = await self.call("POST", f"/api/bookings/{booking_id}/{action}", body)
        if answer is not None and answer.status_code < 300:
            self.acknowledged.append((booking_id, action))

    async def sign_in(self) -> None:
        deadline = time.monotonic() + SIGN_IN_SECONDS
        while time.monotonic() < deadline:
            issued = await self.http.post(
                f"{self.town.wechat}/control/login", json={"openid": self.openid} if self.openid else {}
            )
            assert issued.status_code == 200, issued.text
            self.openid = issued.json()["openid"]
            # A code is good for one login: when the answer got lost the app asks WeChat for another.
            with contextlib.suppress(httpx.TransportError):
                answer = await self.http.post(f"{self.town.api}/api/session", json={"code": issued.json()["code"]})
                if answer.status_code == 201:
                    self.token = answer.json()["token"]
                    return
            await asyncio.sleep(0.3)
        raise AssertionError("nobody could sign in")

    async def give_phone(self) -> None:
        self.phone = f"139{secrets.randbelow(10**8):08}"
        body = {"openid": self.openid, "phone": self.phone}
        code = (await self.http.post(f"{self.town.wechat}/control/phone", json=body)).json()["code"]
        answer = await self.call("PUT", "/api/me/phone", {"code": code})
        assert answer is not None, "no answer"
        assert answer.status_code < 300, answer.text

    async def consent(self) -> None:
        """Allows every one-time template once more."""
        answer = await self.call("GET", "/api/subscriptions")
        if answer is None:
            return
        for one in answer.json()["subscriptions"]:
            body = {"openid": self.openid, "templates": [{"id": one["template_id"], "accept": True}], "wait": False}
            await self.http.post(f"{self.town.wechat}/control/subscribe", json=body)

    async def live(self, starts: list[str], stop: asyncio.Event) -> None:
        rng = self.rng
        while not stop.is_set():
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            if rng.random() < 0.05:
                await self.sign_in()
            if self.consents and rng.random() < 0.1:
                await self.consent()
            answer = await self.call("GET", "/api/bookings")
            if answer is None or answer.status_code != 200:
                continue
            mine = [b for b in answer.json()["bookings"] if b["state"] in ("held", "offered", "waiting", "confirmed")]
            if not mine:
                await self._begin({"item": ID_CARD_LOST, "centre": CENTRE, "start": rng.choice(starts)})
            for booking in mine:
                await self._go_on(booking, starts)

    async def _begin(self, body: Document) -> None:
        answer = await self.call("POST", "/api/bookings", body)
        if answer is None:
            return
        if answer.status_code == 409 and self.rng.random() < 0.4:
            answer = await self.call("POST", "/api/waiting", body)
        if answer is not None and answer.status_code == 201:
            first = {"held": "hold", "waiting": "wait"}.get(answer.json()["state"])
            self.acknowledged += [(answer.json()["id"], first)] if first else []

    async def _go_on(self, booking: Document, starts: list[str]) -> None:
        dice = self.rng.random()
        if booking["state"] in ("held", "offered"):
            if dice < 0.8:
                await self.act(booking["id"], "confirm", None)
        elif booking["state"] == "waiting":
            if dice < 0.1:
                await self.act(booking["id"], "cancel", {})
        elif dice < 0.5:
            # To another time: a move to the same one is answered without a write.
            others = [start for start in starts if start != booking["start"]]
            await self.act(booking["id"], "move", {"start": self.rng.choice(others)})
        else:
            await self.act(booking["id"], "cancel", {})


async def _starts(resident: Resident) -> dict[str, int]:
    """Some slots some days ahead and their capacity."""
    answer = await resident.call("GET", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}")
    assert answer is not None, "no answer"
    assert answer.status_code == 200, answer.text
    times = [t for day in answer.json()["days"][4:] for t in day["times"]]
    return {t["start"]: t["capacity"] for t in times[:SLOTS]}


async def _keep_killing_api(town: Town, http: httpx.AsyncClient, rng: random.Random) -> int:
    for _ in range(KILLS_EACH):
        await asyncio.sleep(rng.uniform(0.1, 1.5))
        town.kill("api")
        town.start("api")
        await ready(http, town)
    return KILLS_EACH


async def _at_work(town: Town, seen: int) -> None:
    await until(lambda: town.starts("worker") > seen, KILL_SECONDS, town)


async def _keep_killing_worker(town: Town, rng: random.Random) -> int:
    seen = 0
    for _ in range(KILLS_EACH):
        # Sometimes before it has done anything, mostly in the middle of its work.
        if rng.random() < 0.8:
            await _at_work(town, seen)
        await asyncio.sleep(rng.uniform(0.3, 3.0))
        seen = town.starts("worker")
        town.kill("worker")
        town.start("worker")
    return KILLS_EACH


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_books_agree_after_fifty_kills(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    with running_town(tmp_path, {"BANSHI_MONGO_TIMEOUT_MS": "5000"}) as town:
        async with _clients(town, rng) as (http, residents):
            capacities = await _starts(residents[0])
            stop = asyncio.Event()
            load = [asyncio.create_task(r.live(list(capacities), stop)) for r in residents]
            try:
                async with asyncio.timeout(KILL_SECONDS):
                    killing = _keep_killing_api(town, http, rng), _keep_killing_worker(town, rng)
                    kills = sum(await asyncio.gather(*killing))
                    await until(lambda: _outcomes(residents)["ok"] > ENOUGH, KILL_SECONDS, town)
            finally:
                stop.set()
                await asyncio.gather(*load)
            assert kills == 2 * KILLS_EACH
            books: MongoClient[Document] = MongoClient(town.environment["BANSHI_MONGO_URI"], tz_aware=True)
            with books:
                data = books[Settings.mongo_database]
                await until(lambda: _nothing_left(data), DRAIN_SECONDS, town)
                bookings, messages = list(data["bookings"].find()), list(data["messages"].find())
                letters = list(data["dead_letters"].find())
            sent_wechat = (await http.get(f"{town.wechat}/control/sent")).json()
            sent_sms = (await http.get(f"{town.sms}/control/sent")).json()
        outcomes = _outcomes(residents)
        print(f"{len(bookings)} bookings, {Counter(m['state'] for m in messages)}, requests {dict(outcomes)}")  # noqa: T201
        _check_places(bookings, max(capacities.values()))
        check_histories(bookings + messages)
        assert letters == []
        _check_acknowledged(bookings, residents)
        _check_messages(bookings, messages)
        _check_sent(messages, residents, sent_wechat, sent_sms)


def _outcomes(residents: list[Resident]) -> Counter[str]:
    return sum((r.outcomes for r in residents), Counter[str]())


@contextlib.asynccontextmanager
async def _clients(town: Town, rng: random.Random) -> AsyncIterator[tuple[httpx.AsyncClient, list[Resident]]]:
    async with httpx.AsyncClient(timeout=30) as http:
        residents = [Resident(town, http, random.Random(rng.random())) for _ in range(RESIDENTS)]
        for number, resident in enumerate(residents):
            await resident.sign_in()
            # One third by SMS, one third by WeChat, the rest by neither.
            if number % 3 == 0:
                await resident.give_phone()
            if number % 3 == 1:
                resident.consents = True
                await resident.consent()
        yield http, residents


def _nothing_left(data: Any) -> bool:
    """No event undelivered, no message under way, no hold left to expire."""
    busy = [data[name].count_documents({"outgoing_at": {"$exists": True}}) for name in data.list_collection_names()]
    busy.append(data["messages"].count_documents({"state": {"$in": ["queued", "sending"]}}))
    busy.append(data["bookings"].count_documents({"state": "held"}))
    return sum(busy) == 0


def _check_places(bookings: list[Document], capacity: int) -> None:
    places = Counter((b["slot"], b["place"]) for b in bookings if b.get("place") is not None)
    assert places, "nobody has a place: the test tested nothing"
    assert max(places.values()) == 1, places
    taken = Counter(slot for slot, _ in places.elements())
    assert max(taken.values()) <= capacity, taken
    assert all(0 <= place < capacity for _, place in places), places
    holding = {*TEMPORARY, "confirmed"}
    assert all((b.get("place") is not None) == (b["state"] in holding) for b in bookings)
    # A person has one open booking of an item, and a request made one booking.
    open_ones = Counter((b["person"], b["item"]) for b in bookings if b["open"])
    assert max(open_ones.values()) == 1, open_ones
    assert max(Counter(b["request_key"] for b in bookings).values()) == 1


def _check_acknowledged(bookings: list[Document], residents: list[Resident]) -> None:
    """What a resident was told is done, is done."""
    actions = {b["_id"]: {entry["action"] for entry in b["history"]} for b in bookings}
    lost = [(id_, action) for r in residents for id_, action in r.acknowledged if action not in actions.get(id_, ())]
    assert lost == []
    assert {action for r in residents for _, action in r.acknowledged} >= {"hold", "confirm", "move", "cancel"}


def _check_messages(bookings: list[Document], messages: list[Document]) -> None:
    causes = Counter((m["person"], m["cause"], m["template"]) for m in messages)
    assert max(causes.values()) == 1, causes.most_common(3)
    told = Counter((m["values"]["booking_id"], m["template"]) for m in messages)
    happened = Counter(
        (b["_id"], TOLD_BY[edge])
        for b in bookings
        for entry in b["history"]
        if (edge := (entry.get("from", ""), entry["action"])) in TOLD_BY
    )
    assert told == happened, (told - happened, happened - told)
    states = Counter(m["state"] for m in messages)
    assert set(states) <= {"sent", "delivered", "uncertain", "inbox_only"}, states


def _check_sent(
    messages: list[Document], residents: list[Resident], sent_wechat: list[Document], sent_sms: list[Document]
) -> None:
    """The simulators have seen every message at most once, and those that we call sent exactly once."""
    assert sent_wechat, "nothing went by WeChat"
    assert sent_sms, "nothing went by SMS"
    sure, perhaps = ("sent", "delivered"), ("sent", "delivered", "uncertain")
    for channel, sent in (("wechat", sent_wechat), ("sms", sent_sms)):
        ours = Counter(m["state"] for m in messages if m.get("channel") == channel)
        assert sum(ours[s] for s in sure) <= len(sent) <= sum(ours[s] for s in perhaps), (channel, ours, len(sent))
    by_message = Counter(one["session_context"] for one in sent_sms)
    assert max(by_message.values()) == 1, by_message.most_common(3)
    states = {m["_id"]: m["state"] for m in messages}
    assert {states[id_] for id_ in by_message} <= set(perhaps)
    refs = Counter(m["channel_ref"] for m in messages if m.get("channel_ref") and m.get("channel") == "wechat")
    assert max(refs.values()) == 1, refs.most_common(3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_database_that_dies_for_ten_seconds_is_unavailable_and_then_forgotten(tmp_path: Path) -> None:
    with running_town(tmp_path) as town:
        async with httpx.AsyncClient(timeout=30) as http:
            resident = Resident(town, http, random.Random(SEED))
            await resident.sign_in()
            start = next(iter(await _starts(resident)))
            before = {name: process.pid for name, process in town.parts.items()}
            headers = {"Authorization": f"Bearer {resident.token}"}
            body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
            key = {"Idempotency-Key": secrets.token_hex(12)}
            town.database.kill()
            down, answers = time.monotonic(), Counter[str]()
            while time.monotonic() < down + 10:
                both = (
                    http.get(f"{town.api}/api/bookings", headers=headers),
                    http.post(f"{town.api}/api/bookings", json=body, headers=headers | key),
                )
                for answer in await asyncio.gather(*both):
                    assert answer.status_code == 503, answer.text
                    answers[answer.json()["error"]["code"]] += 1
                assert (await http.get(f"{town.api}/healthz")).status_code == 200
                assert (await http.get(f"{town.api}/readyz")).status_code == 503
                await asyncio.sleep(0.2)
            assert set(answers) == {"UNAVAILABLE"}
            town.start_database()
            await ready(http, town)
            held = await http.post(f"{town.api}/api/bookings", json=body, headers=headers | key)
            assert held.status_code == 201, held.text
            await resident.act(held.json()["id"], "confirm", None)
            assert resident.acknowledged == [(held.json()["id"], "confirm")]
            books: MongoClient[Document] = MongoClient(town.environment["BANSHI_MONGO_URI"], tz_aware=True)
            with books:
                data = books[Settings.mongo_database]
                # The worker has come back by itself: the event is delivered and the message is where it belongs.
                await until(
                    lambda: _nothing_left(data) and data["messages"].count_documents({}) == 1, DRAIN_SECONDS, town
                )
                check_histories([*data["bookings"].find(), *data["messages"].find()])
                assert data["dead_letters"].count_documents({}) == 0
            assert {name: process.pid for name, process in town.parts.items()} == before
            assert all(process.poll() is None for process in town.parts.values())
