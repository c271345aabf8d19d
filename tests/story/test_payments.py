"""Paying over HTTP against the simulator, with everything that can happen to the callback in between."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest

from kernel.clock import local_day
from kernel.machine import Actor
from server import embedded
from services.payments.model import Bill, BillLine, SubjectKind
from tests.city import Resident, TestCity, running_city, until
from tests.services.payments.test_accounts import file, line
from tests.simulators.wechat_pay.support import PREPAY

PATH = "/callbacks/wechat-pay"


async def billed(city: TestCity, resident: Resident, amount_fen: int = 1230) -> Bill:
    """A bill of this resident, as a case makes it."""
    person = await city.api.house.city.identity_queries.person_by_openid(resident.openid)
    return await city.api.house.city.payments.do_bill(
        subject_kind=SubjectKind.CASE, subject=f"CA{secrets.token_hex(5)}", person=person, title="不动产登记费",
        lines=[BillLine(name="登记费", amount_fen=amount_fen)], by="test", actor=Actor.SYSTEM, payee="市自然资源局",
    )  # fmt: skip


async def fault(city: TestCity, kind: str, order: str, **more: Any) -> None:
    await city.pay.control("notification_faults", kind=kind, out_trade_no=order, **more)


async def pays(city: TestCity, order: str) -> str:
    return str((await city.pay.control("pay", out_trade_no=order))["result"])


async def state_of(resident: Resident, order: str) -> str:
    return str((await resident.ok("GET", f"/api/orders/{order}"))["state"])


async def notified(city: TestCity, order: str, attempts: int = 1) -> list[dict[str, Any]]:
    """The attempts at the order's notifications, once there are so many answered."""

    async def there() -> list[dict[str, Any]] | None:
        records = await city.pay.look("notifications", out_trade_no=order)
        made = [a for record in records for a in record["attempts"] if "taken" in a]
        return made if len(made) >= attempts else None

    found: list[dict[str, Any]] = await until(there)
    return found


async def start(city: TestCity, amount_fen: int = 1230) -> tuple[Resident, Bill, str]:
    resident = await city.resident()
    bill = await billed(city, resident, amount_fen)
    answer = await resident.ok("POST", f"/api/bills/{bill.id}/pay", {})
    return resident, bill, answer["order"]


async def books(city: TestCity) -> Any:
    supervisor = await city.staff("supervisor")
    report = await supervisor.ok("GET", "/staff/ledger/check")
    assert report["differences"] == []
    assert report["captured_fen"] - report["refunded_fen"] == report["ledger_fen"]
    return report


async def test_a_resident_pays_a_bill_and_is_told(shared_city: TestCity) -> None:
    city, resident = shared_city, await shared_city.resident()
    bill = await billed(city, resident)
    (shown,) = (await resident.ok("GET", "/api/bills"))["bills"]
    assert (shown["id"], shown["state_text"], shown["payable"]) == (bill.id, "待缴费", True)
    answer = await resident.ok("POST", f"/api/bills/{bill.id}/pay", {})
    assert set(answer["pay"]) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert (answer["amount_fen"], answer["pay"]["signType"]) == (1230, "RSA")
    prepay_id = answer["pay"]["package"].removeprefix("prepay_id=")
    result = await city.pay.control("pay", prepay_id=prepay_id, openid=resident.openid)
    assert result["result"] == "paid"
    (attempt,) = await notified(city, answer["order"])
    assert attempt["status"] == 200
    order = await resident.ok("GET", f"/api/orders/{answer['order']}")
    assert (order["state"], order["state_text"], order["final"]) == ("paid", "支付成功", True)
    paid = await resident.ok("GET", f"/api/bills/{bill.id}")
    assert (paid["state"], paid["paid_fen"], paid["order"], paid["payable"]) == ("paid", 1230, answer["order"], False)
    await city.work()
    titles = [m["title"] for m in (await resident.ok("GET", "/api/messages"))["messages"]]
    assert sorted(titles) == ["有一笔费用待缴", "缴费成功"]
    await books(city)


async def test_whoever_is_asked_for_a_fee_is_told_with_the_way_to_it(shared_city: TestCity) -> None:
    city, resident = shared_city, await shared_city.resident()
    bill = await billed(city, resident)
    # Nobody's bill: there is nobody to tell, and nothing is left over as a dead letter.
    payments = city.api.house.city.payments
    await payments.do_bill(
        subject_kind=SubjectKind.CASE, subject="CA-NOBODY", person=None, title="登记费",
        lines=[BillLine(name="登记费", amount_fen=100)], by="test", actor=Actor.SYSTEM,
    )  # fmt: skip
    await city.work()
    await city.work()
    [told] = (await resident.ok("GET", "/api/messages"))["messages"]
    assert (told["title"], told["page"]) == ("有一笔费用待缴", f"pages/payment/bill?id={bill.id}")
    assert "“不动产登记费”有一笔费用待缴，12.30元" in told["body"]
    assert await city.api.house.city.dead_letters.count() == 0


async def test_a_file_of_bills_floods_nobody(shared_city: TestCity) -> None:
    """Whoever has bound an account finds its bills in the list, and is reminded before each is due."""
    city, resident = shared_city, await shared_city.resident()
    imports = city.api.house.city.bill_imports
    # Far from any reminder, wherever the clock stands by now.
    due = (local_day(city.clock.now()) + timedelta(days=60)).isoformat()
    first = line("96001", reference="F-0", due_on=due)
    await imports.do_import(file(first), "ST1")
    account = {"kind": "water", "account_number": "96001", "holder": "王小明"}
    await resident.ok("POST", "/api/accounts", account)
    more = [line("96001", reference=f"F-{number}", period=f"2090-{number:02}", due_on=due) for number in range(1, 10)]
    assert (await imports.do_import(file(*more), "ST1")).made == 9
    await city.work()
    assert len((await resident.ok("GET", "/api/bills"))["bills"]) == 10
    assert (await resident.ok("GET", "/api/messages"))["messages"] == []


async def test_a_lost_callback_is_made_good_by_the_residents_own_check(shared_city: TestCity) -> None:
    resident, _, order = await start(shared_city)
    await fault(shared_city, "lose", order)
    assert await pays(shared_city, order) == "paid"
    assert await state_of(resident, order) == "awaiting"
    assert (await resident.ok("POST", f"/api/orders/{order}/check"))["state"] == "paid"


@pytest.mark.parametrize(("kind", "attempts"), [("twice", 2), ("repeat", 2), ("drop", 2), ("delay", 1), ("reorder", 1)])
async def test_a_callback_doubled_late_or_out_of_order_books_once(
    shared_city: TestCity, kind: str, attempts: int
) -> None:
    resident, _, order = await start(shared_city)
    await fault(shared_city, kind, order, seconds=0.1)
    assert await pays(shared_city, order) == "paid"
    made = await notified(shared_city, order, attempts)
    assert {a["status"] for a in made if a["answer"] != "dropped"} == {200}
    assert await state_of(resident, order) == "paid"
    entries = await shared_city.api.house.city.payment_queries.entries_of(order)
    assert [entry.amount_fen for entry in entries] == [1230]


async def test_a_callback_before_the_prepay_answer_is_stored_is_taken(shared_city: TestCity) -> None:
    city, resident = shared_city, await shared_city.resident()
    bill = await billed(city, resident)
    await city.pay.fault(PREPAY, "lose_answer")
    answer = await resident.call("POST", f"/api/bills/{bill.id}/pay", {})
    assert answer.status_code in (502, 503)
    (order,) = await city.api.house.city.payment_queries.orders_of(bill.id)
    assert order.state == "created"
    assert await pays(city, order.id) == "paid"
    await notified(city, order.id)
    assert await state_of(resident, order.id) == "paid"
    again = await resident.call("POST", f"/api/bills/{bill.id}/pay", {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "BILL_NOT_PAYABLE")


def genuine(city: TestCity, order: str, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """A notification that WeChat Pay's own key has signed, its content bent by ``changes`` ("amount__total": 1)."""
    served: Any = city.pay.served.app
    plain = served.world.orders[order].answer()
    for path, value in changes.items():
        target, _, name = path.rpartition("__")
        (plain[target] if target else plain)[name] = value
    body = served.notifier._envelope("TRANSACTION.SUCCESS", "支付成功", "transaction", plain)
    return body, served.signer.headers(body, city.clock.now().timestamp())


async def deliver(city: TestCity, body: bytes, headers: dict[str, str]) -> int:
    answer = await city.http.post(f"{city.api.url}{PATH}", content=body, headers=headers)
    assert answer.json()["code"] == ("SUCCESS" if answer.status_code == 200 else "FAIL")
    return answer.status_code


async def test_forged_stale_and_probing_callbacks_are_refused(shared_city: TestCity) -> None:
    city = shared_city
    resident, _, order = await start(city)
    await fault(city, "lose", order)
    assert await pays(city, order) == "paid"
    body, headers = genuine(city, order)
    assert await deliver(city, b"{}", {}) == 401
    assert await deliver(city, body + b" ", headers) == 401
    assert await deliver(city, body, headers | {"Wechatpay-Serial": "PUB_KEY_ID_0"}) == 401
    served: Any = city.pay.served.app
    old = served.signer.headers(body, city.clock.now().timestamp() - 301)
    assert await deliver(city, body, old) == 401
    assert await deliver(city, body, served.signer.headers(body, city.clock.now().timestamp(), probe=True)) == 401
    probe = await city.pay.control("probe", url=f"{city.api.url}{PATH}")
    assert 400 <= probe["status"] < 600
    assert await state_of(resident, order) == "awaiting"
    assert await deliver(city, body, headers) == 200
    assert await state_of(resident, order) == "paid"


async def test_a_replayed_callback_changes_nothing(shared_city: TestCity) -> None:
    city = shared_city
    resident, bill, order = await start(city)
    assert await pays(city, order) == "paid"
    await notified(city, order)
    before = await city.api.house.city.payment_queries.order(bill.person or "", order)
    body, headers = genuine(city, order)
    for _ in range(3):
        assert await deliver(city, body, headers) == 200
    after = await city.api.house.city.payment_queries.order(bill.person or "", order)
    assert (after.version, after.captured_fen) == (before.version, 1230)
    assert await state_of(resident, order) == "paid"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"amount__total": 1}, 409),
        ({"amount__total": 1230.0}, 400),
        ({"amount__currency": "USD"}, 400),
        ({"mchid": "1900099999"}, 400),
        ({"appid": "wx0000000000000009"}, 400),
        ({"out_trade_no": "OR-NOT-OURS-00001"}, 404),
        ({"trade_state": "NOTPAY"}, 400),
    ],
)
async def test_a_genuine_callback_that_does_not_fit_is_refused_and_books_nothing(
    shared_city: TestCity, changes: dict[str, Any], status: int
) -> None:
    city = shared_city
    resident, _, order = await start(city)
    await fault(city, "lose", order)
    assert await pays(city, order) == "paid"
    assert await deliver(city, *genuine(city, order, **changes)) == status
    assert await state_of(resident, order) == "awaiting"
    assert await city.api.house.city.payment_queries.entries_of(order) == []
    if status == 409:
        # Flagged for people, and WeChat Pay asked at once: the true payment is booked without any further callback.
        supervisor = await city.staff("supervisor")
        flagged = (await supervisor.ok("GET", "/staff/payments/troubles"))["orders"]
        assert "notified of 1 fen" in next(o for o in flagged if o["id"] == order)["anomalies"][0]["what"]
        await city.work()
        assert await state_of(resident, order) == "paid"


async def test_the_client_has_no_say_in_the_amount(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    bill = await billed(shared_city, resident)
    for field in ("amount_fen", "amount", "openid"):
        answer = await resident.call("POST", f"/api/bills/{bill.id}/pay", {field: 1})
        assert answer.status_code == 400
        assert answer.json()["error"]["fields"]["field"] == f"$.{field}"


async def test_a_bill_and_an_order_of_somebody_else_do_not_exist(shared_city: TestCity) -> None:
    _, bill, order = await start(shared_city)
    other = await shared_city.resident()
    for method, path, code in (
        ("GET", f"/api/bills/{bill.id}", "BILL_NOT_FOUND"),
        ("POST", f"/api/bills/{bill.id}/pay", "BILL_NOT_FOUND"),
        ("GET", f"/api/orders/{order}", "ORDER_NOT_FOUND"),
        ("POST", f"/api/orders/{order}/check", "ORDER_NOT_FOUND"),
    ):
        answer = await other.call(method, path, {} if path.endswith("pay") else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code), path
    assert (await other.ok("GET", "/api/bills"))["bills"] == []


async def test_two_phones_pay_one_bill_once(shared_city: TestCity) -> None:
    city, resident = shared_city, await shared_city.resident()
    bill = await billed(city, resident)
    both = await asyncio.gather(*(resident.ok("POST", f"/api/bills/{bill.id}/pay", {}) for _ in range(2)))
    assert both[0]["order"] == both[1]["order"]
    results = [await pays(city, one["order"]) for one in both]
    assert results == ["paid", "already_paid"]
    await notified(city, both[0]["order"])
    assert await state_of(resident, both[0]["order"]) == "paid"


async def test_an_order_nobody_pays_ends_by_itself_and_a_refund_runs_its_course(
    database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> None:
    """Alone in its city, because it moves the clock."""
    async with running_city(database_server.port, valkey_server.port, "paying_city") as city:
        resident, bill, order = await start(city, 10_000)
        for _ in range(7):
            city.clock.advance(timedelta(minutes=15))
            await city.work()
        assert await state_of(resident, order) == "closed"
        order = (await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"]
        assert await pays(city, order) == "paid"
        await notified(city, order)
        await refunds(city, resident, bill)


async def refunds(city: TestCity, resident: Resident, bill: Bill) -> None:
    """In parts, over the rest, and in full, with one notification lost."""
    officer, supervisor = await city.staff("window_officer"), await city.staff("supervisor")
    path, part = f"/staff/bills/{bill.id}/refunds", {"reason": "多收工本费", "amount_fen": 4000}
    assert (await officer.call("POST", path, part)).status_code == 403
    made = await supervisor.ok("POST", path, part, key="refund-1-of-2")
    assert (await supervisor.ok("POST", path, part, key="refund-1-of-2"))["id"] == made["id"]
    over = await supervisor.call("POST", path, part | {"amount_fen": 6001})
    assert (over.status_code, over.json()["error"]["fields"]["rest_fen"]) == (409, 6000)
    await city.pay.control("notification_faults", kind="lose", event_type="REFUND.SUCCESS")
    for _ in range(6):
        await city.work()
        city.clock.advance(timedelta(minutes=2))
    assert (await resident.ok("GET", f"/api/bills/{bill.id}"))["state"] == "part_refunded"
    rest = await supervisor.ok("POST", path, {"reason": "事项撤回"})
    assert rest["amount_fen"] == 6000
    await city.work()

    async def refunded() -> bool:
        return (await resident.ok("GET", f"/api/bills/{bill.id}"))["state"] == "refunded"

    # By its notification alone: the clock stands still.
    await until(refunded)
    await city.work()
    listed = (await supervisor.ok("GET", path))["refunds"]
    assert [(r["amount_fen"], r["state"]) for r in listed] == [(4000, "succeeded"), (6000, "succeeded")]
    titles = [m["title"] for m in (await resident.ok("GET", "/api/messages"))["messages"]]
    assert sorted(titles) == ["有一笔费用待缴", "缴费成功", "退款成功", "退款成功"]
    report = await books(city)
    assert (report["captured_fen"], report["refunded_fen"], report["ledger_fen"]) == (10_000, 10_000, 0)
