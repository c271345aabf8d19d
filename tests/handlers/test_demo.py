"""The demo's stand-in for WeChat's app: four endpoints of simulators on this machine, none outside a demo."""

from __future__ import annotations

import httpx
import pytest

from gateways.simulated_phone import SimulatedPhone, is_loopback
from kernel.errors import Unavailable
from server import embedded
from server.settings import Settings, SettingsError
from tests.city import TestCity, running_city


async def post(city: TestCity, action: str, **changes: object) -> httpx.Response:
    given: dict[str, object] = {"json": {}} | changes
    return await city.http.post(f"{city.api.url}/demo/wechat/{action}", **given)  # type: ignore[arg-type]


async def test_a_page_signs_in_through_the_stand_in(shared_city: TestCity) -> None:
    issued = (await post(shared_city, "login")).json()
    answer = await shared_city.http.post(f"{shared_city.api.url}/api/session", json={"code": issued["code"]})
    assert answer.status_code == 201
    assert (await shared_city.http.get(f"{shared_city.api.url}/demo/config.json")).json() == {"stand_in": True}


@pytest.mark.parametrize("action", ["reset", "faults", "clock", "callback", "sent", "change", "login/../reset"])
async def test_nothing_else_of_the_simulator_can_be_reached(action: str, shared_city: TestCity) -> None:
    answer = await post(shared_city, action)
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["code"] == "ROUTE_NOT_FOUND"


async def test_a_page_pays_with_the_money_of_the_simulator(shared_city: TestCity) -> None:
    body = {"prepay_id": "wx-nothing-like-it", "openid": "o-nobody"}
    assert (await post(shared_city, "pay", json=body)).json()["result"] == "unknown"


async def test_where_nothing_can_be_paid_the_stand_in_says_so() -> None:
    phone = SimulatedPhone("http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        await phone.act("pay", {})
    phone.close()


async def test_a_form_of_another_site_is_refused(shared_city: TestCity) -> None:
    answer = await post(shared_city, "login", json=None, content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.json()["error"]["code"] == "NOT_ALLOWED"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"no", "INVALID_JSON"), (b"[]", "INVALID_INPUT"), (b'{"a":"%s"}' % (b"x" * 9000), "TOO_LARGE")],
)
async def test_a_bad_body_is_refused_by_type(content: bytes, code: str, shared_city: TestCity) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await post(shared_city, "login", json=None, content=content, headers=headers)
    assert answer.json()["error"]["code"] == code


async def test_outside_a_demo_there_is_no_such_path(
    database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> None:
    changes = {"demo_simulators_url": ""}
    async with running_city(database_server.port, valkey_server.port, "no_demo", **changes) as city:
        assert (await post(city, "login")).status_code == 404
        assert (await city.http.get(f"{city.api.url}/demo/config.json")).status_code == 404


@pytest.mark.parametrize(
    "url",
    ["https://api.weixin.qq.com", "http://localhost:80", "http://127.0.0.1.example.com", "http://10.0.0.1:80", "file:///x",
     "http://127.0.0.1:80@example.com"],
)  # fmt: skip
def test_only_an_address_of_this_machine_is_taken(url: str) -> None:
    assert not is_loopback(url)
    with pytest.raises(ValueError, match="on this machine"):
        SimulatedPhone(url)
    with pytest.raises(ValueError, match="on this machine"):
        SimulatedPhone("http://127.0.0.1:9", url)
    if "127.0.0.1:" not in url:
        with pytest.raises(SettingsError, match="DEMO_SIMULATORS_URL"):
            Settings(demo_simulators_url=url)
