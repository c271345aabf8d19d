"""What each endpoint costs in database commands: at most two for a read and four for a write, with a known session."""

from __future__ import annotations

import itertools
import secrets
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from handlers.routing import Caller
from kernel.clock import local_day, local_instant
from kernel.identifiers import resident_id_check_character
from server.app import ROUTES
from tests.administration import COSTS as administration_costs
from tests.administration import measured as administration_measured
from tests.cases import measured
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free, until
from tests.complaints import measured as complaints_measured
from tests.learning import COSTS as learning_costs
from tests.learning import measured as learning_measured
from tests.services.files.samples import chunk, png
from tests.services.payments.test_accounts import file, line
from tests.simulators.wechat_pay.support import REFUND
from tests.story.test_payments import billed
from tests.story.test_reconciliation import paid
from tests.talk import COSTS as conversation_costs
from tests.talk import measured as conversations_measured

READ, WRITE = 2, 4
MORE = {
    # The case says whose file it is; the file is a record and its bytes; for staff also the audit.
    "GET /api/cases/{case_id}/result": 3,
    "GET /api/cases/{case_id}/files/{file_id}": 3,
    "GET /staff/cases/{case_id}/files/{file_id}": 4,
    "GET /staff/complaints/{complaint_id}/photos/{file_id}": 4,
    # Scans taken with a window's application are looked up and marked.
    "POST /staff/cases": 5,
    # Claim an attempt, read the account, forget the attempts, write the audit entry, write the session: each is asked
    # for by GB/T 22239-2019, and nobody signs in often.
    "POST /staff/session": 5,
    # One turn that confirms a booking holds and confirms: two calls of the screens, each within its number.
    "POST /api/dialogue": 5,
}
MORE |= conversation_costs | administration_costs | learning_costs
# Money moves in one transaction over order, bill, refund and ledger, commit included (docs/decisions/0003).
MORE |= {
    "POST /api/orders/{order_id}/check": 7,
    "POST /staff/bills/{bill_id}/refunds": 6,
    "POST /staff/orders/{order_id}/refund": 6,
    "POST /staff/refunds/{refund_id}/check": 8,
    "POST /staff/refunds/{refund_id}/settle": 8,
    "GET /staff/ledger/check": 4,
    # Two counts against guessing, the account, its open bills, and each of them handed over (here one).
    "POST /api/accounts": 6,
    # One transaction over accounts and bills, by the hundreds.
    "POST /staff/bills/import": 6,
    # A comparison reads all that a day has and files what it finds; the same again here. Not on anybody's way.
    "POST /staff/reconciliation/{day}/run": 16,
    # The gap is posted to the ledger in the same transaction.
    "POST /staff/differences/{difference_id}/resolve": 4,
}
# Signed by outside systems, and tested with the simulators: what a call costs depends on how many events it carries.
ELSEWHERE = {route.name for route in ROUTES if route.right.caller is Caller.SIGNED}

_names = itertools.count(1)


class Meter:
    """Calls endpoints and notes what each cost; ``wrong`` lists those over their number."""

    def __init__(self, city: TestCity) -> None:
        self.city = city
        self.costs: dict[str, int] = {}

    async def call(self, who: Resident, route: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        method, pattern = route.split(" ")
        key = f"cost-{next(_names)}-{secrets.token_hex(4)}" if method != "GET" else ""
        before = self.sent(route)
        answer = await who.call(method, path or pattern, body, key=key)
        cost = self.sent(route) - before
        assert answer.status_code == status, f"{route}: {answer.text}"
        self.costs[route] = max(cost, self.costs.get(route, 0))
        return answer.json() if answer.headers["Content-Type"].startswith("application/json") else None

    async def staff_upload(self, who: Resident, data: bytes) -> str:
        """An officer hands in a file."""
        return await self.upload(who, data, "/staff/files")

    async def upload(self, who: Resident, data: bytes, path: str = "/api/files") -> str:
        """Hands in a file; returns its id."""
        headers = {"Authorization": f"Bearer {who.token}"}
        before = self.sent(f"POST {path}")
        url = f"{self.city.api.url}{path}"
        answer = await self.city.http.post(url, files={"file": ("a.png", data, "image/png")}, headers=headers)
        cost = self.sent(f"POST {path}") - before
        self.costs[f"POST {path}"] = max(cost, self.costs.get(f"POST {path}", 0))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def sent(self, route: str) -> int:
        """Database commands sent so far for requests of a route."""
        sent = self.city.api.frame.metrics.registry.get_sample_value("banshi_database_commands_total", {"route": route})
        assert sent is not None, f"no such route: {route}"
        return int(sent)

    @property
    def wrong(self) -> dict[str, int]:
        most = {name: MORE.get(name, READ if name.startswith("GET") else WRITE) for name in self.costs}
        return {name: cost for name, cost in self.costs.items() if cost > most[name]}


@pytest.fixture
async def meter(shared_city: TestCity) -> Meter:
    return Meter(shared_city)


async def slot_where_one_must_wait(city: TestCity) -> dict[str, str]:
    """Takes every place of a time."""
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": await first_free(await city.resident(), days=18)}
    while (answer := await (await city.resident()).call("POST", "/api/bookings", body)).status_code == 201:
        pass
    assert answer.json()["error"]["code"] == "SLOT_FULL"
    return body


async def money(meter: Meter) -> None:
    """A bill paid, refunded in parts that end in each way, cancelled; and a disputed order."""
    city = meter.city
    resident, supervisor = await city.resident(), await city.staff("supervisor")
    await supervisor.ok("GET", "/staff/payments/troubles")
    bill, second = await billed(city, resident), await billed(city, resident)
    mine, theirs = f"/api/bills/{bill.id}", f"/staff/bills/{bill.id}"
    await meter.call(resident, "GET /api/bills")
    await meter.call(resident, "GET /api/bills/{bill_id}", mine)
    order = (await meter.call(resident, "POST /api/bills/{bill_id}/pay", f"{mine}/pay", {}))["order"]
    await meter.call(resident, "GET /api/orders/{order_id}", f"/api/orders/{order}")
    await city.pay.control("notification_faults", kind="lose", out_trade_no=order)
    await city.pay.control("pay", out_trade_no=order)
    await meter.call(resident, "POST /api/orders/{order_id}/check", f"/api/orders/{order}/check")
    desk, reason = "/staff/bills/{bill_id}", {"reason": "多收"}
    refunds = f"POST {desk}/refunds"
    part = await meter.call(supervisor, refunds, f"{theirs}/refunds", reason | {"amount_fen": 100}, 201)
    await city.pay.control("refund_outcome", out_refund_no=part["id"], outcome="ABNORMAL")
    await city.pay.control("notification_faults", kind="lose", event_type="REFUND.ABNORMAL")
    await city.api.house.city.payment_timers.do_wake()
    refund = "/staff/refunds/{refund_id}"
    await until(lambda: _is_abnormal(city, supervisor, part["id"]))
    await meter.call(supervisor, f"POST {refund}/check", f"/staff/refunds/{part['id']}/check")
    await meter.call(supervisor, f"POST {refund}/settle", f"/staff/refunds/{part['id']}/settle", reason)
    await meter.call(supervisor, f"GET {desk}", theirs)
    await meter.call(supervisor, f"GET {desk}/orders", f"{theirs}/orders")
    await meter.call(supervisor, f"GET {desk}/refunds", f"{theirs}/refunds")
    await meter.call(supervisor, "GET /staff/payments/troubles")
    await meter.call(supervisor, "GET /staff/ledger/check")
    other = (await resident.ok("POST", f"/api/bills/{second.id}/pay", {}))["order"]
    await city.pay.control("notification_faults", kind="lose", out_trade_no=other)
    await city.pay.control("pay", out_trade_no=other)
    world: Any = city.pay.served.app.world
    world.orders[other].body["amount"]["total"] = 1
    await resident.ok("POST", f"/api/orders/{other}/check")
    flagged = await flagged_order(supervisor, other)
    seen = reason | {"flagged_at": flagged["flagged_at"]}
    await meter.call(supervisor, "POST /staff/orders/{order_id}/seen", f"/staff/orders/{other}/seen", seen)
    reconsider = "POST /staff/orders/{order_id}/reconsider"
    await meter.call(supervisor, reconsider, f"/staff/orders/{other}/reconsider", reason)
    await meter.call(supervisor, f"POST {desk}/cancel", f"/staff/bills/{second.id}/cancel", reason)
    stuck = await stuck_surplus(city, resident, supervisor)
    returned = "POST /staff/orders/{order_id}/refund"
    await meter.call(supervisor, returned, f"/staff/orders/{stuck}/refund", reason, status=201)


async def stuck_surplus(city: TestCity, resident: Resident, supervisor: Resident) -> str:
    """An order that was paid although its bill is cancelled, and whose refund WeChat Pay has refused."""
    bill = await billed(city, resident)
    order = str((await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"])
    await city.pay.control("notification_faults", kind="lose", out_trade_no=order)
    await city.pay.control("pay", out_trade_no=order)
    await supervisor.ok("POST", f"/staff/bills/{bill.id}/cancel", {"reason": "录入有误"})
    await city.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    await resident.ok("POST", f"/api/orders/{order}/check")
    await city.api.house.city.payment_timers.do_wake()
    return order


async def flagged_order(supervisor: Resident, order: str) -> Any:
    listed = (await supervisor.ok("GET", "/staff/payments/troubles"))["orders"]
    return next(one for one in listed if one["id"] == order)


async def books(meter: Meter) -> None:
    """A bill from a file, bound, paid, its receipt checked; yesterday reconciled with a difference."""
    city = meter.city
    resident, supervisor = await city.resident(), await city.staff("supervisor")
    number, house = f"6{secrets.randbelow(10**9):09}", city.api.house
    headers = {"Authorization": f"Bearer {supervisor.token}"}
    files = {"file": ("a.csv", file(line(number, "王小明", "12", secrets.token_hex(6))), "text/csv")}
    await supervisor.ok("GET", "/staff/reconciliation")
    before = meter.sent("POST /staff/bills/import")
    answer = await city.http.post(f"{city.api.url}/staff/bills/import", files=files, headers=headers)
    meter.costs["POST /staff/bills/import"] = meter.sent("POST /staff/bills/import") - before
    assert answer.status_code == 200, answer.text
    await city.work()
    account = {"kind": "water", "account_number": number}
    bound = await meter.call(resident, "POST /api/accounts", body=account | {"holder": "王小明"}, status=201)
    await meter.call(resident, "GET /api/accounts")
    (bill,) = (await resident.ok("GET", "/api/bills"))["bills"]
    await paid(city, resident, bill["id"])
    await meter.call(resident, "GET /api/bills/{bill_id}/receipt.pdf", f"/api/bills/{bill['id']}/receipt.pdf")
    receipt = await house.city.receipts.of_bill(
        (await house.city.payment_queries.any(bill["id"])).person or "", bill["id"]
    )
    for path in ("/api/receipts", "/verify"):
        await meter.call(resident, f"GET {path}/{{number}}", f"{path}/{receipt.number}?code={receipt.code}")
    unbind = "/api/accounts/{account_id}/unbind"
    await meter.call(resident, f"POST {unbind}", f"/api/accounts/{bound['id']}/unbind")
    await resident.ok("POST", "/api/accounts", account | {"holder": "王小明"})
    await meter.call(supervisor, "POST /staff/accounts/release", body=account | {"reason": "已搬走"})
    day = local_day(city.clock.now())
    await city.pay.control("bill", kind="add_row", day=str(day), amount=5)
    city.clock.set(local_instant(day + timedelta(days=1), time(10, 6)))
    supervisor = await city.staff("supervisor")
    await supervisor.ok("GET", "/staff/reconciliation")
    path, pattern = f"/staff/reconciliation/{day}", "/staff/reconciliation/{day}"
    await supervisor.ok("POST", f"{path}/run")
    await meter.call(supervisor, f"POST {pattern}/run", f"{path}/run")
    await meter.call(supervisor, "GET /staff/reconciliation")
    found = (await meter.call(supervisor, f"GET {pattern}", path))["differences"]
    strange = next(one for one in found if one["theirs_fen"] == 5 and one["state"] == "open")
    body = {"resolution": "written_off", "note": "付款人不明"}
    resolve = "/staff/differences/{difference_id}/resolve"
    await meter.call(supervisor, f"POST {resolve}", f"/staff/differences/{strange['id']}/resolve", body)


async def _is_abnormal(city: TestCity, supervisor: Resident, refund: str) -> bool:
    return bool((await supervisor.ok("POST", f"/staff/refunds/{refund}/check"))["state"] == "abnormal")


async def knowledge(meter: Meter) -> None:
    """An entry from a question to its end, and a canned answer."""
    editor = await meter.city.staff("catalogue_editor")
    one = "/staff/knowledge/{entry_id}"
    body = {"question": f"费用{secrets.token_hex(3)}", "answer": "不收费。", "item": ID_CARD_LOST}
    made = await meter.call(editor, "POST /staff/knowledge", body=body, status=201)
    path = f"/staff/knowledge/{made['id']}"
    edited = await meter.call(editor, f"PUT {one}", path, body | {"seen": made["version"]})
    await meter.call(editor, f"POST {one}/publish", f"{path}/publish", {"seen": edited["version"]})
    await meter.call(editor, "POST /staff/knowledge/suggestions", body={"text": body["question"]})
    await meter.call(editor, "GET /staff/knowledge")
    await meter.call(editor, f"GET {one}", path)
    await meter.call(editor, f"POST {one}/withdraw", f"{path}/withdraw", {"reason": "过时"})
    proposal = {"question": "怎么收费", "origin": f"CV{secrets.token_hex(4)}#1"}
    proposed = await meter.call(editor, "POST /staff/knowledge/proposals", body=proposal, status=201)
    await meter.call(editor, f"POST {one}/reject", f"/staff/knowledge/{proposed['id']}/reject", {"reason": "重复"})
    canned = {"shortcut": secrets.token_hex(4), "title": "问候", "text": "您好"}
    kept = await meter.call(editor, "POST /staff/canned-answers", body=canned, status=201)
    await meter.call(editor, "GET /staff/canned-answers")
    own, name = f"/staff/canned-answers/{kept['id']}", "/staff/canned-answers/{canned_id}"
    await meter.call(editor, f"PUT {name}", own, canned)
    await meter.call(editor, f"DELETE {name}", own)


async def test_no_endpoint_sends_more_database_commands_than_allowed(meter: Meter) -> None:
    city = meter.city
    full = await slot_where_one_must_wait(city)
    resident = await city.resident(phone=True)
    await resident.ok("GET", "/api/me")

    item, centre = f"/api/items/{ID_CARD_LOST}", f"/api/centres/{CENTRE}"
    await meter.call(resident, "GET /api/directory")
    await meter.call(resident, "GET /api/items", f"/api/items?words=身份证&centre={CENTRE}")
    await meter.call(resident, "GET /api/items/{code}", item)
    await meter.call(resident, "GET /api/items/{code}/versions/{number}", f"{item}/versions/1")
    await meter.call(resident, "GET /api/items/{code}/centres", f"{item}/centres?longitude=122.1&latitude=37.5")
    await meter.call(resident, "GET /api/centres", f"/api/centres?item={ID_CARD_LOST}")
    await meter.call(resident, "GET /api/centres/{code}", centre)
    await meter.call(resident, "POST /api/ask", body={"text": "身份证丢了怎么补办"})
    await meter.call(resident, "GET /api/me")
    await meter.call(resident, "GET /api/subscriptions")
    await meter.call(resident, "PUT /api/me/privacy", body={"version": "2026-01"})
    phone = await city.wechat.control("phone", openid=resident.openid, phone=f"138{secrets.randbelow(10**8):08}")
    await meter.call(resident, "PUT /api/me/phone", body={"code": phone["code"]})
    number = f"37100219800229{secrets.randbelow(1000):03}"
    identity = {"name": "王小明", "id_number": number + resident_id_check_character(number)}
    await meter.call(resident, "PUT /api/me/identity", body=identity)

    picture = png(extra=chunk(b"juNk", secrets.token_bytes(600_000)))
    file = await meter.upload(resident, picture)
    assert await meter.upload(resident, picture) == file
    await meter.call(resident, "GET /api/files/{file_id}", f"/api/files/{file}")
    await meter.call(resident, "DELETE /api/files/{file_id}", f"/api/files/{file}")

    await meter.call(resident, "GET /api/calendar", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}")
    waiting = await meter.call(resident, "POST /api/waiting", body=full, status=201)
    await meter.call(resident, "POST /api/bookings/{booking_id}/cancel", f"/api/bookings/{waiting['id']}/cancel", {})
    start = await first_free(resident)
    wanted = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
    booking = await meter.call(resident, "POST /api/bookings", body=wanted, status=201)
    mine = f"/api/bookings/{booking['id']}"
    await meter.call(resident, "POST /api/bookings/{booking_id}/confirm", f"{mine}/confirm")
    later = await first_free(resident, days=3)
    await meter.call(resident, "POST /api/bookings/{booking_id}/move", f"{mine}/move", {"start": later})
    await meter.call(resident, "GET /api/bookings")
    await meter.call(resident, "GET /api/bookings/{booking_id}", mine)
    await meter.call(resident, "GET /api/bookings/{booking_id}/code.png", f"{mine}/code.png")
    await city.work()
    message = (await meter.call(resident, "GET /api/messages"))["messages"][0]
    await meter.call(resident, "PUT /api/messages/{message_id}/read", f"/api/messages/{message['id']}/read")

    await knowledge(meter)
    await complaints_measured(meter)

    # Two more bookings of the same time: one ends as a no-show, one is cancelled by the counter.
    others = []
    for other in (await city.resident(), await city.resident()):
        others.append(await other.ok("POST", "/api/bookings", wanted | {"start": later}))
        await other.ok("POST", f"/api/bookings/{others[-1]['id']}/confirm")
    missed, dropped = others

    await measured(meter, {i.content.code: i.content for i in city.api.house.city.catalogue.all()})
    city.clock.set(max(city.clock.now(), datetime.fromisoformat(later)))
    officer = await city.staff("supervisor")
    await officer.ok("GET", "/staff/bookings")
    desk = "/staff/bookings/{booking_id}"
    theirs = f"/staff/bookings/{booking['id']}"
    await meter.call(officer, "GET /staff/bookings")
    await meter.call(officer, "POST /staff/check-in", body={"code": booking["id"]})
    household = next(c for c in city.api.house.city.centres.get(CENTRE).counters if c.kind == "household")
    await meter.call(officer, f"POST {desk}/call", f"{theirs}/call", {"window": household.windows[0]})
    charged = {"quantities": {"居民身份证丢失补领工本费": 1}}
    await meter.call(officer, f"POST {desk}/charge", f"{theirs}/charge", charged, status=201)
    await meter.call(officer, f"GET {desk}/fees", f"{theirs}/fees")
    await meter.call(officer, f"POST {desk}/finish", f"{theirs}/finish")
    await meter.call(officer, f"POST {desk}/no-show", f"/staff/bookings/{missed['id']}/no-show")
    reason = {"reason": "窗口设备检修"}
    await meter.call(officer, f"POST {desk}/cancel", f"/staff/bookings/{dropped['id']}/cancel", reason)
    await meter.call(officer, "GET /staff/troubles")
    await meter.call(officer, "DELETE /staff/session")
    name, password = f"officer{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    await city.api.house.city.staff.do_create_staff(name, password, ["window_officer"], by="test", centre=CENTRE)
    nobody = Resident(city, "", "of-nobody")
    await meter.call(nobody, "POST /staff/session", body={"username": name, "password": password}, status=201)

    for openid in (resident.openid, f"new-{secrets.token_hex(4)}"):  # somebody known, and somebody new
        code = (await city.wechat.control("login", openid=openid))["code"]
        await meter.call(nobody, "POST /api/session", body={"code": code}, status=201)
    # The booking's time may be late in a day: officers answer in working hours.
    weekday = city.api.house.city.workdays.next_working_day(local_day(city.clock.now())).day
    city.clock.set(local_instant(weekday, time(10, 0)))
    await conversations_measured(meter)
    await administration_measured(meter)
    await learning_measured(meter)
    await meter.call(resident, "DELETE /api/session")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        await meter.call(nobody, f"GET {path}")

    await money(meter)
    await books(meter)
    assert meter.wrong == {}, meter.costs
    assert {route.name for route in ROUTES} - meter.costs.keys() == ELSEWHERE


async def test_a_repeated_request_is_answered_without_the_database(meter: Meter) -> None:
    resident = await meter.city.resident()
    start = await first_free(resident, days=3)
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
    key = secrets.token_hex(8)
    held = await resident.ok("POST", "/api/bookings", body, key=key)
    before = meter.sent("POST /api/bookings")
    assert await resident.ok("POST", "/api/bookings", body, key=key) == held
    assert meter.sent("POST /api/bookings") == before
    await resident.ok("POST", f"/api/bookings/{held['id']}/cancel", {})
