"""Sign-in, accounts and audit over HTTP: what the console builds on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from handlers.live import WATCH_SECONDS, StaffSocket
from handlers.sockets import SESSION_ENDED
from server import embedded
from services.identity.staff import second_factor
from tests.administration import PASSWORD
from tests.city import CENTRE, Resident, TestCity, running_city
from tests.talk import PATIENCE, hang_up, staff_screen


@pytest.fixture(scope="module")
async def strict_city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    """A city that asks staff for a second factor, as a city in production does."""
    ports = (database_server.port, valkey_server.port)
    async with running_city(*ports, "strict_city", staff_second_factor="required") as city:
        yield city


async def sign_in(city: TestCity, username: str, code: str | None = None) -> tuple[int, Any]:
    body = {"username": username, "password": PASSWORD} | ({} if code is None else {"code": code})
    answer = await city.http.post(f"{city.api.url}/staff/session", json=body)
    return answer.status_code, answer.json()


async def test_before_the_enrolment_nothing_else_is_allowed(strict_city: TestCity) -> None:
    city = strict_city
    username = f"officer{secrets.token_hex(4)}"
    await city.api.house.city.staff.do_create_staff(username, PASSWORD, ["window_officer"], by="test", centre=CENTRE)
    status, session = await sign_in(city, username)
    assert (status, session["enrolment_due"]) == (201, True)
    officer = Resident(city, "", session["token"])
    for method, path in (("GET", "/staff/bookings"), ("POST", "/staff/me/recovery-codes")):
        refused = await officer.call(method, path, {} if method == "POST" else None)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "ENROLMENT_REQUIRED"), path
    me = await officer.ok("GET", "/staff/me")
    assert (me["enrolment_due"], me["second_factor"], me["second_factor_required"]) == (True, False, True)
    made = await officer.ok("POST", "/staff/me/second-factor", {"password": PASSWORD})
    assert made["qr"].startswith("data:image/svg+xml")
    assert f"secret={made['secret']}" in made["uri"]
    secret = second_factor.from_text(made["secret"])
    code = second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
    assert len((await officer.ok("POST", "/staff/me/second-factor/confirm", {"code": code}))["codes"]) == 10
    await officer.ok("GET", "/staff/bookings")
    assert (await officer.ok("GET", "/staff/me"))["recovery_codes_left"] == 10

    status, error = await sign_in(city, username)
    assert (status, error["error"]["code"]) == (401, "SECOND_FACTOR_REQUIRED")
    status, error = await sign_in(city, username, code)
    assert (status, error["error"]["code"]) == (401, "WRONG_SECOND_FACTOR")
    city.clock.advance(timedelta(seconds=30))
    code = second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
    status, session = await sign_in(city, username, code)
    assert (status, session["enrolment_due"], session["centre"]) == (201, False, CENTRE)


async def test_the_answer_that_tells_a_secret_is_kept_nowhere_for_repeats(strict_city: TestCity) -> None:
    city = strict_city
    username = f"officer{secrets.token_hex(4)}"
    await city.api.house.city.staff.do_create_staff(username, PASSWORD, ["agent"], by="test")
    _, session = await sign_in(city, username)
    officer = Resident(city, "", session["token"])
    key = secrets.token_hex(8)
    first = await officer.ok("POST", "/staff/me/second-factor", {"password": PASSWORD}, key=key)
    again = await officer.ok("POST", "/staff/me/second-factor", {"password": PASSWORD}, key=key)
    assert first["secret"] != again["secret"]
    redis = city.api.house.redis
    held = [await redis.get(name) for name in await redis.keys("idempotency:*")]
    assert not any(first["secret"] in str(value) for value in held)


async def test_accounts_are_listed_page_by_page(shared_city: TestCity) -> None:
    boss = await shared_city.staff("administrator")
    names: list[str] = []
    after = ""
    while True:
        page = await boss.ok("GET", f"/staff/accounts?limit=2&after={after}")
        names += [account["username"] for account in page["accounts"]]
        assert all("password" not in str(sorted(account)) for account in page["accounts"])
        if page["next"] is None:
            break
        after = page["next"]
    assert names == sorted(set(names))
    assert len(names) >= 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"roles": ["administrator", "auditor"]}, "$.roles"),
        ({"roles": []}, "$.roles"),
        ({"roles": ["king"]}, "$.roles[0]"),
        ({"password": "short"}, "$.password"),
        ({"username": "王芳"}, "$.username"),
        ({"centre": "NOWHERE"}, "centre"),
        ({"name": "长" * 41}, "$.name"),
        ({"extra": 1}, "$.extra"),
    ],
)
async def test_a_wrong_account_is_refused_by_its_field(
    shared_city: TestCity, change: dict[str, Any], field: str
) -> None:
    boss = await shared_city.staff("administrator")
    body = {"username": f"clerk{secrets.token_hex(4)}", "password": PASSWORD, "roles": ["agent"]}
    answer = await boss.call("POST", "/staff/accounts", body | change)
    assert answer.status_code in (400, 404), answer.text
    fields = answer.json()["error"]["fields"]
    assert fields.get("field") == field or field in fields, answer.text


async def test_an_administrator_locks_nobody_out_of_the_last_key(shared_city: TestCity) -> None:
    boss = await shared_city.staff("administrator")
    me = (await boss.ok("GET", "/staff/me"))["staff_id"]
    for step, body in (("disable", None), ("second-factor/reset", None)):
        refused = await boss.call("POST", f"/staff/accounts/{me}/{step}", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "NOT_ALLOWED")
    refused = await boss.call("PUT", f"/staff/accounts/{me}/profile", {"roles": ["agent"]})
    assert refused.status_code == 403
    await boss.ok("GET", "/staff/accounts")


async def test_what_an_administrator_does_is_read_by_the_auditor_and_by_nobody_else(shared_city: TestCity) -> None:
    boss, auditor = await shared_city.staff("administrator"), await shared_city.staff("auditor")
    body = {"username": f"clerk{secrets.token_hex(4)}", "password": PASSWORD, "roles": ["agent"]}
    made = await boss.ok("POST", "/staff/accounts", body)
    by = (await boss.ok("GET", "/staff/me"))["staff_id"]
    await boss.ok("POST", f"/staff/accounts/{made['staff_id']}/disable")
    found = await auditor.ok("GET", f"/staff/audit?staff_id={made['staff_id'].lower()}")
    assert {(e["action"], e["by"], e["result"], e["address"]) for e in found["entries"]} == {
        ("create", by, "done", "127.0.0.1"),
        ("disable", by, "done", "127.0.0.1"),
    }
    assert (await boss.call("GET", "/staff/audit")).status_code == 403
    assert (await auditor.call("GET", "/staff/accounts")).status_code == 403
    for query in ("start=2090-01-01&end=2089-01-01", "start=2089-01-01&end=2090-01-01", "before=EV0", "limit=0"):
        assert (await auditor.call("GET", f"/staff/audit?{query}")).status_code == 400, query
    assert (await auditor.call("GET", "/staff/audit?staff_id=nobody")).status_code == 404


async def test_what_a_screen_asks_by_itself_does_not_keep_a_session_from_its_idle_limit(shared_city: TestCity) -> None:
    city = shared_city
    left = await city.staff("agent")

    async def polled(officer: Resident, minutes: int, value: str = "1") -> int:
        """Minutes pass with a poll every ten; the last one's status."""
        headers = {"Authorization": f"Bearer {officer.token}", "X-Background": value}
        status = 0
        for _ in range(0, minutes, 10):
            city.clock.advance(timedelta(minutes=10))
            answer = await city.http.get(f"{city.api.url}/staff/conversations", headers=headers)
            status = answer.status_code
        return status

    assert await polled(left, 20) == 200
    assert await polled(left, 10) == 401
    watched = await city.staff("agent")
    assert await polled(watched, 20) == 200
    await watched.ok("GET", "/staff/conversations")
    assert await polled(watched, 20) == 200
    # A poll has not put the session into the cache: what somebody does right after it still counts.
    await watched.ok("PUT", "/staff/presence", {"status": "away"})
    assert await polled(watched, 20) == 200
    assert await polled(watched, 10) == 401
    officer = await city.staff("agent")
    headers = {"Authorization": f"Bearer {officer.token}", "X-Background": "yes"}
    refused = await city.http.get(f"{city.api.url}/staff/conversations", headers=headers)
    assert (refused.status_code, refused.json()["error"]["fields"]["field"]) == (400, "X-Background")


async def test_the_frames_that_a_screen_sends_by_itself_do_not_either(shared_city: TestCity) -> None:
    city = shared_city
    left, there = [staff_screen(city, await city.staff("agent")) for _ in range(2)]
    for screen in (left, there):
        await screen.connect()
    city.clock.advance(timedelta(minutes=20))
    for kind in StaffSocket.BY_ITSELF:
        await left.ask(type=kind, conversation="CV-OF-NOBODY")
    await there.send(type="typing", conversation="CV-OF-NOBODY")
    await asyncio.sleep(1.5 * WATCH_SECONDS)
    city.clock.advance(timedelta(minutes=10))
    await asyncio.wait_for(left.closed.wait(), PATIENCE)
    assert left.connection is not None
    assert left.connection.close_code == SESSION_ENDED
    await asyncio.sleep(1.5 * WATCH_SECONDS)
    assert not there.closed.is_set()
    await hang_up()
