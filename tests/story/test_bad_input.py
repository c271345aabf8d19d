"""Whatever comes in: every wrong input gets a typed error that names the field, and the server goes on serving."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import datetime, timedelta
from typing import Any, get_type_hints

import httpx
import pytest
from redis.asyncio import Redis

from handlers.limits import Limits
from handlers.routing import Caller, Limit, Route
from kernel.errors import TooManyRequests
from kernel.identifiers import resident_id_check_character
from server.app import ROUTES
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free

NOT_EQUAL = {"$ne": ""}
UNKNOWN = "BK-NOBODY-HAS-THIS"
WITH_BODY = [route for route in ROUTES if "body" in route.parameters]
WITH_QUERY = [route for route in ROUTES if "query" in route.parameters]
SMALL = {"item": ID_CARD_LOST, "centre": CENTRE, "start": "2090-11-27T09:00:00+08:00", "text": "身份证丢了"}
MEGABYTE = 1024 * 1024


def name_of(route: Route) -> str:
    return route.name


def path_of(route: Route) -> str:
    path = route.path.replace("{code}", ID_CARD_LOST if "items" in route.path else CENTRE)
    return path.replace("{number}", "1").replace("{booking_id}", UNKNOWN).replace("{message_id}", UNKNOWN)


async def caller(city: TestCity, route: Route) -> Resident:
    return await (
        city.staff(min(route.right.roles, default="supervisor"))
        if route.right.caller is Caller.STAFF
        else city.resident()
    )


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def field_of(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert error["request_id"] == answer.headers["X-Request-Id"]
    return str(error["fields"]["field"])


async def post(who: Resident, path: str, raw: bytes, method: str = "POST") -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}"}
    return await who.city.http.request(method, who.city.api.url + path, content=raw, headers=headers)


class TestBodies:
    @pytest.mark.parametrize(
        "start", ["2090-11-27T09:00:00", "2090-11-27", "morgen", "", "2090-13-40T09:00:00+08:00", 3_000_000_000]
    )
    async def test_an_instant_without_its_zone_or_that_is_none_is_refused(
        self, shared_city: TestCity, start: Any
    ) -> None:
        resident = await shared_city.resident()
        for path in ("/api/bookings", "/api/waiting"):
            answer = await resident.call("POST", path, {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
            assert code_of(answer) == (400, "INVALID_INPUT")
            assert field_of(answer) == "$.start"

    @pytest.mark.parametrize(
        "start",
        ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2090-11-27T09:00:01+08:00", "2090-01-02T09:00:00Z"],
    )
    async def test_an_instant_that_no_calendar_gives_is_not_offered(self, shared_city: TestCity, start: str) -> None:
        resident = await shared_city.resident()
        answer = await resident.call("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
        assert code_of(answer) == (400, "SLOT_NOT_OFFERED")
        assert field_of(answer) == "$.start"

    async def test_too_long_a_text_is_refused_by_name(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        answer = await resident.call("POST", "/api/ask", {"text": "证" * 2001})
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), "$.text")
        for odd in ("", " ", "\x00", "\u202e证", "🪪" * 2000, "$ne", "\n" * 2000):
            assert (await resident.call("POST", "/api/ask", {"text": odd})).status_code == 200

    async def test_ten_megabytes_are_too_large_by_a_typed_error_and_the_server_lives(
        self, shared_city: TestCity
    ) -> None:
        resident = await shared_city.resident()
        answer = await post(resident, "/api/ask", b'{"text": "' + b"a" * 10 * MEGABYTE + b'"}')
        assert code_of(answer) == (413, "TOO_LARGE")
        assert (await resident.call("POST", "/api/ask", {"text": "身份证丢了"})).status_code == 200

    async def test_a_body_just_within_the_limit_is_read_and_refused_by_its_field(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        answer = await post(resident, "/api/ask", b'{"text": "' + b"a" * (MEGABYTE - 100) + b'"}')
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), "$.text")


class TestQueries:
    @pytest.mark.parametrize("route", WITH_QUERY, ids=name_of)
    async def test_an_unknown_and_a_repeated_name_are_named(self, shared_city: TestCity, route: Route) -> None:
        who = await caller(shared_city, route)
        needed = f"item={ID_CARD_LOST}&centre={CENTRE}&" if route.path == "/api/calendar" else ""
        name = next(iter(get_type_hints(route.parameters["query"])))
        for query, field in ((f"{needed}$where=1", "$where"), (f"{name}=1&{name}=2", name), (f"{name}=%ff", name)):
            answer = await who.call("GET", f"{path_of(route)}?{query}")
            assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), field), query

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("items?limit=201", "limit"), ("items?limit=0", "limit"), ("items?offset=-1", "offset"),
            ("items?offset=1000001", "offset"), ("items?limit=many", "limit"), ("items?limit=1e9", "limit"),
            ("items?limit=99999999999999999999999", "limit"), (f"items?words={'a' * 51}", "words"),
            ("items?level=galaxy", "level"), ("messages?limit=101", "limit"), ("messages?after=x", "$.after"),
            ("messages?after=999999999999999.x", "$.after"), (f"messages?after={'1' * 61}", "after"),
            ("centres?longitude=181&latitude=1", "longitude"), ("centres?longitude=122", "latitude"),
            ("centres?longitude=nan&latitude=1", "longitude"),
            (f"calendar?item={ID_CARD_LOST}", "centre"),
            (f"calendar?item={ID_CARD_LOST}&centre={CENTRE}&days=367", "days"),
            (f"calendar?item={ID_CARD_LOST}&centre={CENTRE}&first=yesterday", "first"),
        ],
    )  # fmt: skip
    async def test_a_value_out_of_its_range_is_named(self, shared_city: TestCity, query: str, field: str) -> None:
        answer = await (await shared_city.resident()).call("GET", f"/api/{query}")
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), field)

    @pytest.mark.parametrize("first", ["9999-12-31", "2200-01-01"])
    async def test_a_calendar_of_days_that_cannot_be_booked_is_empty(self, shared_city: TestCity, first: str) -> None:
        path = f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}&first={first}&days=366"
        assert (await (await shared_city.resident()).ok("GET", path))["days"] == []

    async def test_a_calendar_from_long_ago_begins_today(self, shared_city: TestCity) -> None:
        path = f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}&first=0001-01-01&days=1"
        assert len((await (await shared_city.resident()).ok("GET", path))["days"]) == 1


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("/api/items/000000000000", "ITEM_NOT_FOUND"), ("/api/centres/NOWHERE", "CENTRE_NOT_FOUND"),
            ("/api/items/%24ne/centres", "ITEM_NOT_FOUND"), (f"/api/bookings/{UNKNOWN}", "BOOKING_NOT_FOUND"),
            ("/api/bookings/%00", "BOOKING_NOT_FOUND"), (f"/api/bookings/{UNKNOWN}/code.png", "BOOKING_NOT_FOUND"),
            (f"/api/items/{ID_CARD_LOST}/versions/999999999", "ITEM_NOT_FOUND"),
            ("/api/calendar?item=nothing&centre=WH-CITY", "ITEM_NOT_FOUND"),
            (f"/api/calendar?item={ID_CARD_LOST}&centre=NOWHERE", "CENTRE_NOT_FOUND"),
            ("/api/nothing", "ROUTE_NOT_FOUND"), ("/api/items/", "ROUTE_NOT_FOUND"),
            ("/../etc/passwd", "ROUTE_NOT_FOUND"), ("/api/items/a/b/c/d", "ROUTE_NOT_FOUND"),
        ],
    )  # fmt: skip
    async def test_what_does_not_exist_is_not_found(self, shared_city: TestCity, path: str, code: str) -> None:
        assert code_of(await (await shared_city.resident()).call("GET", path)) == (404, code)

    @pytest.mark.parametrize("number", ["one", "-1", "%C2%B2", "%D9%A1", "9" * 19, "9" * 5000, "1.0"])
    async def test_a_version_that_is_no_number_is_refused(self, shared_city: TestCity, number: str) -> None:
        answer = await (await shared_city.resident()).call("GET", f"/api/items/{ID_CARD_LOST}/versions/{number}")
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), "number")

    async def test_a_path_that_is_not_utf_8_is_refused(self, shared_city: TestCity) -> None:
        answer = await (await shared_city.resident()).call("GET", "/api/items/%ff")
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "INVALID_INPUT"

    async def test_a_wrong_method_says_which_are_allowed(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        for method, path, allow in (
            ("DELETE", "/api/bookings", "GET, POST"), ("PUT", "/api/ask", "POST"), ("POST", "/api/items", "GET"),
        ):  # fmt: skip
            answer = await resident.call(method, path)
            assert code_of(answer) == (405, "METHOD_NOT_ALLOWED")
            assert answer.headers["Allow"] == allow
        assert code_of(await resident.call("PATCH", "/api/me")) == (405, "METHOD_NOT_ALLOWED")
        assert code_of(await resident.call("PATCH", "/nowhere"))[0] in (404, 405)

    async def test_a_foreign_booking_is_answered_as_one_that_does_not_exist(self, shared_city: TestCity) -> None:
        owner, other = await shared_city.resident(), await shared_city.resident()
        start = await first_free(owner, days=4)
        held = await owner.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
        for method, step, body in (
            ("GET", "", None), ("POST", "/confirm", None), ("POST", "/cancel", {}), ("POST", "/move", {"start": start}),
        ):  # fmt: skip
            answers = [await other.call(method, f"/api/bookings/{id_}{step}", body) for id_ in (held["id"], UNKNOWN)]
            foreign, unknown = [answer.json()["error"] | {"request_id": ""} for answer in answers]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert json.dumps(foreign).replace(held["id"], UNKNOWN) == json.dumps(unknown)
        await owner.ok("POST", f"/api/bookings/{held['id']}/cancel", {})


class TestRepeats:
    async def test_a_double_click_gets_the_first_answer_and_books_once(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        start = await first_free(resident, days=4)
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
        first = await resident.call("POST", "/api/bookings", body, key="double-click-1")
        again = await resident.call("POST", "/api/bookings", body, key="double-click-1")
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
        assert len((await resident.ok("GET", "/api/bookings"))["bookings"]) == 1
        other = await resident.call("POST", "/api/bookings", body | {"centre": "OTHER"}, key="double-click-1")
        assert code_of(other) == (422, "KEY_REUSED")
        assert field_of(other) == "Idempotency-Key"
        path = f"/api/bookings/{first.json()['id']}/cancel"
        assert code_of(await resident.call("POST", path, {}, key="double-click-1")) == (422, "KEY_REUSED")
        await resident.ok("POST", path, {})

    async def test_two_clicks_at_once_make_one_booking(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        start = await first_free(resident, days=4)
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
        calls = [resident.call("POST", "/api/bookings", body, key="at-once-12345") for _ in range(5)]
        answers = await asyncio.gather(*calls)
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert {code_of(a)[1] for a in answers if a.status_code == 409} <= {"REQUEST_IN_PROGRESS"}
        (booking,) = (await resident.ok("GET", "/api/bookings"))["bookings"]
        assert {a.json()["id"] for a in answers if a.status_code == 201} == {booking["id"]}
        await resident.ok("POST", f"/api/bookings/{booking['id']}/cancel", {})

    async def test_the_same_key_of_another_resident_is_another_key(self, shared_city: TestCity) -> None:
        start = await first_free(await shared_city.resident(), days=4)
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
        held = []
        for resident in (await shared_city.resident(), await shared_city.resident()):
            held.append((await resident.ok("POST", "/api/bookings", body, key="everybodys-key"))["id"])
            await resident.ok("POST", f"/api/bookings/{held[-1]}/cancel", {})
        assert len(set(held)) == 2

    @pytest.mark.parametrize("key", ["short", "x" * 65, "with\ttab in it", "caf\u00e9-is-not-ascii"])
    async def test_a_key_that_is_none_is_refused_by_name(self, shared_city: TestCity, key: str) -> None:
        resident = await shared_city.resident()
        headers = {b"Authorization": f"Bearer {resident.token}".encode(), b"Idempotency-Key": key.encode("latin-1")}
        url = f"{shared_city.api.url}/api/bookings"
        answer = await shared_city.http.post(url, json=SMALL, headers=headers)
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), "Idempotency-Key")

    async def test_a_login_code_works_once(self, shared_city: TestCity) -> None:
        code = (await shared_city.wechat.control("login"))["code"]
        url = f"{shared_city.api.url}/api/session"
        assert (await shared_city.http.post(url, json={"code": code})).status_code == 201
        for wrong in (code, "nobody-issued-this", "$ne", "\x00", " "):
            again = await shared_city.http.post(url, json={"code": wrong})
            assert code_of(again) == (400, "INVALID_LOGIN_CODE"), wrong

    async def test_a_phone_code_works_once(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        number = f"137{secrets.randbelow(10**8):08}"
        code = (await shared_city.wechat.control("phone", openid=resident.openid, phone=number))["code"]
        await resident.ok("PUT", "/api/me/phone", {"code": code})
        again = await resident.call("PUT", "/api/me/phone", {"code": code})
        assert (code_of(again), field_of(again)) == ((400, "INVALID_INPUT"), "$.code")


class TestOutsiders:
    async def test_a_forged_push_is_refused_and_changes_nothing(self, shared_city: TestCity) -> None:
        http, url = shared_city.http, f"{shared_city.api.url}/callbacks/wechat"
        forged = "signature=0000&timestamp=1&nonce=1&msg_signature=0000&encrypt_type=aes"
        bodies = (b"", b"<xml><Encrypt>A</Encrypt></xml>", b'{"Encrypt": "A"}', b"\xff", b'{"Encrypt": {"$ne": 1}}')
        for body in bodies:
            for query in (forged, "", "signature=%ff", "msg_signature=%E8%AF%81&timestamp=1&nonce=1&signature=%E8"):
                answer = await http.post(f"{url}?{query}", content=body)
                assert code_of(answer) == (401, "BAD_SIGNATURE"), (query, body)
        assert code_of(await http.get(f"{url}?{forged}&echostr=hello")) == (401, "BAD_SIGNATURE")

    async def test_receipts_at_a_wrong_address_are_no_route(self, shared_city: TestCity) -> None:
        for secret in ("wrong", "%E9%94%99", "receipts-come-her", "receipts-come-here2"):
            answer = await shared_city.http.post(f"{shared_city.api.url}/callbacks/sms/{secret}", content=b"[]")
            assert code_of(answer) == (404, "ROUTE_NOT_FOUND")

    @pytest.mark.parametrize("body", [b"", b"{", b"{}", b'"x"', b"[1]", b'[{"sid": {"$ne": ""}}]', b"\xff", b"[[[]]]"])
    async def test_receipts_that_are_none_do_no_harm(self, shared_city: TestCity, body: bytes) -> None:
        answer = await shared_city.http.post(f"{shared_city.api.url}/callbacks/sms/receipts-come-here", content=body)
        assert answer.status_code < 500

    @pytest.mark.parametrize(("kind", "status"), [("drop", 503), ("http500", 503), ("delay", 503), ("refuse", 502)])
    async def test_while_wechat_is_down_a_login_gets_a_typed_answer(
        self, shared_city: TestCity, kind: str, status: int
    ) -> None:
        path = "/sns/jscode2session"
        await shared_city.wechat.fault(path, kind, seconds=2.3, count=1, errcode=40013)
        code = (await shared_city.wechat.control("login"))["code"]
        answer = await shared_city.http.post(f"{shared_city.api.url}/api/session", json={"code": code})
        assert answer.status_code == status
        assert answer.json()["error"]["code"] in ("UNAVAILABLE", "UPSTREAM_FAILED")
        assert "Traceback" not in answer.text
        await shared_city.resident()


def id_number(day: str, province: str = "37", order: int = 123) -> str:
    """A number with a right check character."""
    seventeen = f"{province}1002{day}{order:03}"
    return seventeen + resident_id_check_character(seventeen)


class TestIdentity:
    @pytest.mark.parametrize(
        "number",
        [
            "1", "110105194912310021", "11010519491231002Y", "99010519491231002X", "110105194913310020", "1" * 18,
            "身份证", id_number("20991231"), id_number("19900230"), id_number("19900101", "00"),
        ],
    )  # fmt: skip
    async def test_a_wrong_id_number_is_named_and_not_repeated(self, shared_city: TestCity, number: str) -> None:
        resident = await shared_city.resident()
        answer = await resident.call("PUT", "/api/me/identity", {"name": "王小明", "id_number": number})
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_ID_NUMBER"), "$.id_number")
        assert len(number) < 15 or number not in answer.text
        assert (await resident.ok("GET", "/api/me"))["level"] == 0

    @pytest.mark.parametrize("name", ["   ", "1", "$ne", "<script>", "\x00\x00"])
    async def test_a_wrong_name_is_named(self, shared_city: TestCity, name: str) -> None:
        resident = await shared_city.resident()
        answer = await resident.call("PUT", "/api/me/identity", {"name": name, "id_number": id_number("19900101")})
        assert (code_of(answer), field_of(answer)) == ((400, "INVALID_INPUT"), "$.name")

    async def test_a_real_name_is_given_once(self, shared_city: TestCity) -> None:
        resident, other = await shared_city.resident(), await shared_city.resident()
        given = {"name": "王小明", "id_number": id_number("19900101")}
        profile = await resident.ok("PUT", "/api/me/identity", given)
        assert await resident.ok("PUT", "/api/me/identity", given) == profile
        second = given | {"id_number": id_number("19910101")}
        answer = await resident.call("PUT", "/api/me/identity", second)
        assert code_of(answer) == (409, "IDENTITY_ALREADY_SET")
        assert code_of(await other.call("PUT", "/api/me/identity", given)) == (409, "IDENTITY_TAKEN")


class TestLimits:
    @pytest.mark.parametrize("limit", [Limit.READ, Limit.WRITE])
    async def test_one_call_too_many_is_told_when_to_come_back(self, valkey: Redis, limit: Limit) -> None:
        limits = Limits(dict.fromkeys(Limit, 3), valkey)
        caller_ = secrets.token_hex(8)

        async def eight_calls() -> None:  # twice the number and more: a minute may end in between
            for _ in range(8):
                await limits.check(limit, caller_)

        with pytest.raises(TooManyRequests) as caught:
            await eight_calls()
        assert 1 <= caught.value.fields["retry_after"] <= 60
        await limits.check(limit, secrets.token_hex(8))

    async def test_a_bucket_fills_again_with_time(self, valkey: Redis) -> None:
        now = 0.0
        limits = Limits(dict.fromkeys(Limit, 60), valkey, lambda: now)
        for _ in range(60):
            await limits.check(Limit.READ, "somebody")
        with pytest.raises(TooManyRequests) as caught:
            await limits.check(Limit.READ, "somebody")
        now += caught.value.fields["retry_after"]
        await limits.check(Limit.READ, "somebody")

    async def test_without_valkey_the_process_counts_alone(self) -> None:
        away = Redis.from_url("redis://127.0.0.1:1/0")
        limits = Limits(dict.fromkeys(Limit, 2), away, lambda: 0.0)
        await limits.check(Limit.WRITE, "somebody")
        await limits.check(Limit.WRITE, "somebody")
        with pytest.raises(TooManyRequests):
            await limits.check(Limit.WRITE, "somebody")
        await away.aclose()

    async def test_the_answer_carries_retry_after(
        self, shared_city: TestCity, monkeypatch: pytest.MonkeyPatch, valkey: Redis
    ) -> None:
        resident = await shared_city.resident()
        monkeypatch.setattr(shared_city.api.frame, "limits", Limits(dict.fromkeys(Limit, 1), valkey))
        answers = [await resident.call("GET", "/api/me") for _ in range(3)]
        assert code_of(answers[-1]) == (429, "TOO_MANY_REQUESTS")
        told = answers[-1].json()["error"]["fields"]["retry_after"]
        assert answers[-1].headers["Retry-After"] == str(told)
        assert 1 <= told <= 60


class TestTime:
    """The clock goes forward here: these come last."""

    async def test_a_hold_that_ran_out_cannot_be_confirmed(self, shared_city: TestCity) -> None:
        resident = await shared_city.resident()
        start = await first_free(resident, days=4)
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
        held = await resident.ok("POST", "/api/bookings", body)
        shared_city.clock.advance(timedelta(minutes=5))
        late = await resident.call("POST", f"/api/bookings/{held['id']}/confirm")
        assert code_of(late) == (409, "HOLD_EXPIRED")
        # Whoever comes late may simply choose again, without waiting for anything to be tidied.
        again = await resident.ok("POST", "/api/bookings", body)
        await resident.ok("POST", f"/api/bookings/{again['id']}/confirm")
        await resident.ok("POST", f"/api/bookings/{again['id']}/cancel", {})
        cancelled = await resident.call("POST", f"/api/bookings/{again['id']}/cancel", {})
        assert code_of(cancelled) == (409, "ACTION_NOT_ALLOWED")

    async def test_three_no_shows_suspend_booking_for_thirty_days(self, shared_city: TestCity) -> None:
        city = shared_city
        resident = await city.resident()

        async def hold() -> httpx.Response:
            start = await first_free(resident, days=1)
            body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
            return await resident.call("POST", "/api/bookings", body)

        for _ in range(3):
            held = (await hold()).json()
            await resident.ok("POST", f"/api/bookings/{held['id']}/confirm")
            officer = await city.staff()
            path = f"/staff/bookings/{held['id']}/no-show"
            assert code_of(await officer.call("POST", path)) == (409, "ACTION_NOT_ALLOWED")  # nobody is late yet
            city.clock.set(datetime.fromisoformat(held["start"]))
            officer = await city.staff()
            assert (await officer.ok("POST", path))["state"] == "no_show"
        refused = await hold()
        assert code_of(refused) == (403, "BOOKING_SUSPENDED")
        until = datetime.fromisoformat(refused.json()["error"]["fields"]["until"])
        assert until - city.clock.now() == timedelta(days=30)
        city.clock.set(until)
        # The session of a month ago is over; the person is the same.
        code = (await city.wechat.control("login", openid=resident.openid))["code"]
        answer = await city.http.post(f"{city.api.url}/api/session", json={"code": code})
        resident.token = answer.json()["token"]
        held = (await hold()).json()
        assert held["state"] == "held"
        await resident.ok("POST", f"/api/bookings/{held['id']}/cancel", {})
