"""A whole running city for tests: API, worker rounds and both simulators in this process, on the embedded servers."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from kernel.clock import ManualClock, local_instant
from server import embedded
from server.app import Api, serving
from server.settings import Settings
from server.setup import initialise, load_data
from server.wiring import House, open_house
from services.notifications.actions import read_templates
from services.notifications.registers import sms_register, wechat_register
from services.store import Document
from simulators import sms, wechat, wechat_pay
from simulators.control import serve
from tests.simulators.support import Running, running_sms, running_wechat
from tests.simulators.wechat_pay.support import APPID, MCHID, keys
from workers.run import Round, rounds

DATA = Path(__file__).resolve().parent.parent / "data"
ID_CARD_LOST = "000709402000"
CENTRE = "WH-CITY"
# Tuesday 2090-11-21: the embedded database's TTL monitor goes by the machine's clock, so tests live after it.
START = local_instant(date(2090, 11, 21), time(9))


@dataclass
class Resident:
    """Somebody signed in."""

    city: TestCity
    openid: str
    token: str

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})
        return await self.city.http.request(method, self.city.api.url + path, json=body, headers=headers)

    async def ok(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        response = await self.call(method, path, body, key=key)
        assert response.status_code < 300, response.text
        return response.json()


@dataclass
class TestCity:
    """``clock`` moves only when told to; ``work`` runs the worker until it has nothing left to do."""

    __test__ = False

    api: Api
    clock: ManualClock
    wechat: Running
    sms: Running
    pay: Running
    http: httpx.AsyncClient
    rounds: dict[str, Round]

    async def work(self) -> None:
        idle = 0
        while idle < 2:
            done = sum([await one() for one in self.rounds.values()])
            idle = 0 if done else idle + 1

    async def resident(self, *, phone: bool = False) -> Resident:
        issued = await self.wechat.control("login")
        answer = await self.http.post(f"{self.api.url}/api/session", json={"code": issued["code"]})
        assert answer.status_code == 201, answer.text
        resident = Resident(self, issued["openid"], answer.json()["token"])
        if phone:
            code = (await self.wechat.control("phone", openid=resident.openid, phone=_phone()))["code"]
            await resident.ok("PUT", "/api/me/phone", {"code": code})
        return resident

    async def staff(self, *roles: str, centre: str | None = CENTRE) -> Resident:
        name, password = f"officer{secrets.token_hex(4)}", secrets.token_urlsafe(12)
        wanted: Any = roles or ("window_officer",)
        await self.api.house.city.staff.do_create_staff(name, password, wanted, by="test", centre=centre)
        body = {"username": name, "password": password}
        answer = await self.http.post(f"{self.api.url}/staff/session", json=body)
        assert answer.status_code == 201, answer.text
        return Resident(self, "", answer.json()["token"])

    async def consent(self, resident: Resident, *codes: str) -> None:
        """The resident taps "allow" in WeChat's pop-up for the templates of these messages."""
        known = (await resident.ok("GET", "/api/subscriptions"))["subscriptions"]
        ids = [{"id": s["template_id"], "accept": True} for s in known if set(codes) & set(s["codes"])]
        assert ids
        await self.wechat.control("subscribe", openid=resident.openid, templates=ids, wait=True)


def test_settings(mongo_port: int, redis_port: int, name: str, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "mongo_uri": embedded.database_uri(mongo_port),
        "mongo_database": name,
        "redis_uri": embedded.valkey_uri(redis_port),
        "master_key": base64.b64encode(b"k" * 96).decode(),
        "wechat_appid": "wxba5fad812f8e6fb9",
        "wechat_secret": "s3cret",
        "wechat_push_token": "AAAAA",
        "wechat_push_aes_key": "A" * 43,
        # Room for a busy machine: a time-out that nobody wanted takes another path through the code.
        "mongo_timeout_ms": 20_000,
        "redis_timeout_ms": 3000,
        "wechat_timeout_ms": 2000,
        "sms_secret_id": "AKIDsimulator",
        "sms_secret_key": "simulator-secret",
        "sms_app_id": "1400000000",
        "sms_receipt_secret": "receipts-come-here",
        "limit_write_per_minute": 100_000,
        "limit_login_per_minute": 100_000,
        "limit_read_per_minute": 100_000,
        "limit_ask_per_minute": 100_000,
        "limit_chat_per_minute": 100_000,
        "drain_seconds": 0,
        "staff_second_factor": "optional",
    }
    return Settings(**(values | changes))


test_settings.__test__ = False  # type: ignore[attr-defined]


@asynccontextmanager
async def running_wechat_pay(clock: ManualClock, **changes: Any) -> AsyncIterator[Running]:
    """WeChat Pay by the test's clock, its pauses compressed to nothing; RSA keys are made once in a run."""
    quick: dict[str, Any] = {"time_factor": 1e6, "refund_seconds": 0.0, "refund_apart": 0.0, "probe_every": 0}
    settings = wechat_pay.WeChatPaySimSettings(keys(), mchid=MCHID, appid=APPID, **(quick | changes))
    async with serve(wechat_pay.make_app(settings, clock)) as served, httpx.AsyncClient() as client:
        yield Running(served, client)


def merchant_settings(url: str) -> dict[str, Any]:
    """Our side of the simulated merchant."""
    return {
        "wechat_pay_url": url,
        "wechat_pay_mchid": MCHID,
        "wechat_pay_serial": keys().merchant_serial,
        "wechat_pay_private_key": keys().merchant_private_key,
        "wechat_pay_apiv3_key": keys().apiv3_key,
        "wechat_pay_public_key_id": keys().public_key_id,
        "wechat_pay_public_key": keys().public_key,
        "wechat_pay_timeout_ms": 2000,
    }


@asynccontextmanager
async def running_city(mongo_port: int, redis_port: int, name: str, **changes: Any) -> AsyncIterator[TestCity]:
    clock = ManualClock(START)
    contents = read_templates((DATA / "templates.json").read_bytes())
    known = tuple(wechat.Template(t["id"], t["title"], t["kind"], t["fields"]) for t in wechat_register(contents))
    texts = tuple(sms.SmsTemplate(t["id"], t["text"]) for t in sms_register(contents))
    no_limits = {"per_30_seconds": 0, "per_hour": 0, "per_day": 0, "same_content_per_day": 0}
    async with (
        running_wechat(templates=known, pages=()) as weixin,
        running_sms(clock, templates=texts, **no_limits) as short,
        running_wechat_pay(clock) as payer,
    ):
        urls = {"wechat_url": weixin.url, "sms_url": short.url, **merchant_settings(payer.url)}
        urls["demo_simulators_url"] = weixin.url
        settings = test_settings(mongo_port, redis_port, name, **(urls | changes))
        async with open_house(settings, clock) as house:
            await initialise(house)
            await _furnish(house)
        async with serving(settings, port=0, clock=clock) as api, httpx.AsyncClient(timeout=30) as http:
            await weixin.control("callback", url=f"{api.url}/callbacks/wechat")
            await short.control("callback", url=f"{api.url}/callbacks/sms/{settings.sms_receipt_secret}")
            await payer.control("callback", url=f"{api.url}/callbacks/wechat-pay")
            work = rounds(api.house.city, api.house.redis)
            yield TestCity(api, clock, weixin, short, payer, http, work)


# What ``load`` changes in a fresh database, by collection: read once in a run, because it takes seconds.
_furniture: dict[str, list[Document]] = {}


async def _furnish(house: House) -> None:
    """The city's data: imported into the first city of a run, copied into the others."""
    if _furniture:
        for name, documents in _furniture.items():
            await house.database[name].delete_many({"_id": {"$in": [document["_id"] for document in documents]}})
            await house.database[name].insert_many(documents)
        return
    before = await _contents(house)
    report = await load_data(house, DATA)
    assert not [line for line in report if "NOTHING" in line]
    for name, documents in (await _contents(house)).items():
        if changed := [document for document in documents if document not in before.get(name, [])]:
            _furniture[name] = changed


async def _contents(house: House) -> dict[str, list[Document]]:
    names = await house.database.list_collection_names()
    return {name: await house.database[name].find().to_list() for name in names}


async def first_free(resident: Resident, *, days: int = 2, item: str = ID_CARD_LOST) -> str:
    """The start of the first slot at least ``days`` ahead, as the calendar gives it."""
    calendar = await resident.ok("GET", f"/api/calendar?item={item}&centre={CENTRE}")
    free = [t["start"] for day in calendar["days"][days:] for t in day["times"] if t["free"]]
    return str(free[0])


async def until(condition: Any, seconds: float = 30) -> Any:
    """Waits for something that comes from outside (a callback), looking every few milliseconds."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        value = await condition()
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


def _phone() -> str:
    """A number of its own for each resident: the SMS service counts by number."""
    return f"139{secrets.randbelow(10**8):08}"


DAY = timedelta(days=1)
