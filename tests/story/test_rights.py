"""Rights over HTTP: every route with every kind of caller, and nobody reaches what is somebody else's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from handlers.routing import Caller, Right, Route
from server.app import ROUTES
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free

# A caller of each kind: what kind of session they have, and which roles.
KINDS: dict[str, tuple[Caller | None, tuple[str, ...]]] = {
    "nobody": (None, ()),
    "garbage token": (None, ()),
    "resident": (Caller.RESIDENT, ()),
    "officer of this centre": (Caller.STAFF, ("window_officer",)),
    "officer of another centre": (Caller.STAFF, ("window_officer",)),
    "auditor": (Caller.STAFF, ("auditor",)),
}
# Addresses that exist but belong to nobody: a caller with the right gets as far as "not found" or "wrong input".
NAMES = {"code": ID_CARD_LOST, "number": "1", "secret": "wrong-secret"}
UNKNOWN = "BK-UNKNOWN-0"


def other_centre(city: TestCity) -> str:
    return next(centre.code for centre in city.api.house.city.centres.all() if centre.code != CENTRE)


async def caller(city: TestCity, kind: str) -> Resident:
    if kind == "nobody":
        return Resident(city, "", "")
    if kind == "garbage token":
        return Resident(city, "", "Z" * 43)
    if kind == "resident":
        return await city.resident()
    centre = other_centre(city) if "another" in kind else CENTRE
    return await city.staff(*KINDS[kind][1], centre=centre)


async def send(city: TestCity, who: Resident, route: Route) -> httpx.Response:
    path = route.path
    for name, value in NAMES.items():
        path = path.replace(f"{{{name}}}", value if "centres/" not in path else CENTRE)
    path = path.replace("{booking_id}", UNKNOWN).replace("{message_id}", UNKNOWN)
    headers = {"Authorization": f"Bearer {who.token}"} if who.token else {}
    body: Any = {} if "body" in route.parameters else None
    return await city.http.request(route.method, city.api.url + path, json=body, headers=headers)


def refusal(right: Right, kind: str) -> int | None:
    """The status that the right asks for; None where the caller may pass."""
    session, roles = KINDS[kind]
    if right.caller in (Caller.ANYONE, Caller.SIGNED, Caller.OPERATOR):  # the tests call from loopback
        return None
    if session is not right.caller:
        return 401
    return 403 if right.roles and not right.roles.intersection(roles) else None


@pytest.mark.parametrize("kind", KINDS)
async def test_every_route_lets_in_whom_its_right_names_and_nobody_else(shared_city: TestCity, kind: str) -> None:
    who = await caller(shared_city, kind)
    wrong = []
    # Signing out comes last: it takes the caller's session.
    for route in sorted(ROUTES, key=lambda route: route.path.endswith("/session")):
        answer = await send(shared_city, who, route)
        expected = refusal(route.right, kind)
        if route.path == "/callbacks/wechat-pay":
            # The same, in the one form of failure that WeChat Pay knows.
            fine = answer.status_code == 401 and answer.json()["code"] == "FAIL"
        elif route.path == "/callbacks/wechat":
            # A signature is asked of everyone, and no session stands in for it.
            fine = answer.status_code == 401 and answer.json()["error"]["code"] == "BAD_SIGNATURE"
        elif expected is None:
            fine = answer.status_code not in (401, 403) and answer.status_code < 500
        else:
            code = answer.json()["error"]["code"]
            fine = answer.status_code == expected and code == {401: "NOT_AUTHENTICATED", 403: "NOT_ALLOWED"}[expected]
        if not fine:
            wrong.append(f"{route.name}: {answer.status_code} instead of {expected}: {answer.text[:120]}")
    assert not wrong, "\n".join(wrong)


async def test_a_session_that_signed_out_opens_nothing_any_more(shared_city: TestCity) -> None:
    for who, end, read in (
        (await shared_city.resident(), "/api/session", "/api/me"),
        (await shared_city.staff(), "/staff/session", "/staff/bookings"),
    ):
        await who.ok("GET", read)
        await who.ok("DELETE", end)
        assert (await who.call("GET", read)).status_code == 401


async def test_metrics_with_a_token_set_ask_for_exactly_that_token(
    shared_city: TestCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_city.api.frame, "metrics_token", "let-me-see")
    url = f"{shared_city.api.url}/metrics"
    for token in (b"", b"Bearer other", "Bearer \u00e9".encode("latin-1")):
        assert (await shared_city.http.get(url, headers={b"Authorization": token})).status_code == 401
    assert (await shared_city.http.get(url, headers={"Authorization": "Bearer let-me-see"})).status_code == 200


async def test_a_resident_neither_reads_nor_changes_the_booking_of_another(shared_city: TestCity) -> None:
    owner, other = await shared_city.resident(), await shared_city.resident()
    start = await first_free(owner, days=4)
    booking = await owner.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    later = await first_free(owner, days=5)
    steps: list[tuple[str, str, Any]] = [
        ("GET", "", None), ("GET", "/code.png", None), ("POST", "/confirm", None),
        ("POST", "/move", {"start": later}), ("POST", "/cancel", {}),
    ]  # fmt: skip
    for method, step, body in steps:
        answer = await other.call(method, f"/api/bookings/{booking['id']}{step}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "BOOKING_NOT_FOUND"), step
    assert (await other.ok("GET", "/api/bookings"))["bookings"] == []
    assert await owner.ok("GET", f"/api/bookings/{booking['id']}") == booking
    await owner.ok("POST", f"/api/bookings/{booking['id']}/cancel", {})


async def test_a_resident_neither_reads_nor_marks_the_message_of_another(shared_city: TestCity) -> None:
    owner, other = await shared_city.resident(), await shared_city.resident()
    start = await first_free(owner, days=4)
    booking = await owner.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    await owner.ok("POST", f"/api/bookings/{booking['id']}/confirm")
    await shared_city.work()
    message = (await owner.ok("GET", "/api/messages"))["messages"][0]
    assert (await other.ok("GET", "/api/messages"))["messages"] == []
    answer = await other.call("PUT", f"/api/messages/{message['id']}/read")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "MESSAGE_NOT_FOUND")
    assert (await owner.ok("GET", "/api/messages"))["unread"] == 1
    await owner.ok("PUT", f"/api/messages/{message['id']}/read")
    assert (await owner.ok("GET", "/api/messages"))["unread"] == 0
    await owner.ok("POST", f"/api/bookings/{booking['id']}/cancel", {})


async def test_an_officer_works_with_the_bookings_of_their_own_centre_only(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    start = await first_free(resident, days=4)
    booking = await resident.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    await resident.ok("POST", f"/api/bookings/{booking['id']}/confirm")
    foreign = await caller(shared_city, "officer of another centre")
    steps: list[tuple[str, Any]] = [
        ("/staff/check-in", {"code": booking["id"]}),
        (f"/staff/bookings/{booking['id']}/call", {"window": "1"}),
        (f"/staff/bookings/{booking['id']}/charge", {"quantities": {"工本费": 1}}),
        (f"/staff/bookings/{booking['id']}/finish", None),
        (f"/staff/bookings/{booking['id']}/no-show", None),
        (f"/staff/bookings/{booking['id']}/cancel", {"reason": "窗口设备检修"}),
    ]
    for path, body in steps:
        answer = await foreign.call("POST", path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "BOOKING_NOT_FOUND"), path
    day = start[:10]
    refused = await foreign.call("GET", f"/staff/bookings?centre={CENTRE}&day={day}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "NOT_ALLOWED")
    seen = (await foreign.ok("GET", f"/staff/bookings?day={day}"))["bookings"]
    assert booking["id"] not in [b["id"] for b in seen]
    own = await (await shared_city.staff()).ok("GET", f"/staff/bookings?day={day}")
    assert booking["id"] in [b["id"] for b in own["bookings"]]
    # What the counter sees of a booking says nothing of the person before they are there.
    assert all(b["resident"] is None for b in own["bookings"])
    await resident.ok("POST", f"/api/bookings/{booking['id']}/cancel", {})
