"""What becomes of a case's fees when the case comes to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.machine import Actor
from services.payments.model import BillLine, SubjectKind
from tests.cases import accepted, applicant, approvers, code, granted, officer, submitted
from tests.city import Resident, TestCity, until


async def charged(window: Resident, case_id: str, quantity: int) -> str:
    """The bill's id."""
    await window.ok("POST", f"/staff/cases/{case_id}/charge", {"quantities": {"证书工本费": quantity}})
    bills = (await window.ok("GET", f"/staff/cases/{case_id}"))["bills"]
    [bill] = [one["id"] for one in bills if one["amount_fen"] == 1000 * quantity]
    return str(bill)


async def begun(resident: Resident, bill: str) -> str:
    return str((await resident.ok("POST", f"/api/bills/{bill}/pay", {}))["order"])


async def bill_of(resident: Resident, bill: str) -> Any:
    return await resident.ok("GET", f"/api/bills/{bill}")


async def ready(city: TestCity) -> tuple[Resident, str]:
    """The window and a case whose result is made, to be fetched there."""
    window, case_id = await officer(city, "window_officer"), (await submitted(await applicant(city)))["case_id"]
    await granted(city, window, case_id)
    lead = (await approvers(city))[2]
    await lead.ok("POST", f"/staff/cases/{case_id}/result", {"name": "决定书"})
    return window, case_id


async def test_a_charge_that_comes_while_a_case_is_handed_over_holds_it_back(
    city: TestCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, case_id = await ready(city)
    queries = city.api.house.city.payment_queries
    look = queries.of_subject
    late: list[str] = []

    async def and_then_a_colleague_charges(kind: SubjectKind, subject: str) -> Any:
        bills = await look(kind, subject)
        if not late:
            late.append("charging")
            late.append(await charged(window, case_id, 1))
        return bills

    monkeypatch.setattr(queries, "of_subject", and_then_a_colleague_charges)
    refused = await window.call("POST", f"/staff/cases/{case_id}/issue", {"tracking": "SF1"})
    monkeypatch.undo()
    assert (code(refused), refused.json()["error"]["fields"]["bills"]) == ("409 BILL_UNPAID", late[1:])
    case = await city.api.house.city.case_store.get(case_id)
    assert case is not None
    assert case.state == "ready"


async def test_a_bill_for_a_case_that_was_handed_over_meanwhile_is_taken_back(
    city: TestCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, case_id = await ready(city)
    payments = city.api.house.city.payments
    make = payments.do_bill
    made: list[Any] = []

    async def after_a_colleague_has_issued(**given: Any) -> Any:
        await window.ok("POST", f"/staff/cases/{case_id}/issue", {"tracking": "SF1"})
        made.append(await make(**given))
        return made[0]

    monkeypatch.setattr(payments, "do_bill", after_a_colleague_has_issued)
    refused = await window.call("POST", f"/staff/cases/{case_id}/charge", {"quantities": {"证书工本费": 1}})
    monkeypatch.undo()
    assert code(refused) == "409 ACTION_NOT_ALLOWED"
    assert (await city.api.house.city.payment_queries.any(made[0].id)).state == "cancelled"


async def test_a_withdrawn_case_has_nothing_left_to_pay_and_keeps_what_is_paid(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    done, left, racing = [await charged(window, case_id, quantity) for quantity in (1, 2, 3)]
    order = await begun(resident, done)
    assert (await city.pay.control("pay", out_trade_no=order))["result"] == "paid"

    async def settled() -> bool:
        return bool((await bill_of(resident, done))["state"] == "paid")

    await until(settled)
    under_way = await begun(resident, racing)
    await resident.ok("POST", f"/api/cases/{case_id}/withdraw", {"reason": "不办了"})
    # The resident's thumb was faster than the worker, and WeChat Pay's word of it is lost.
    await city.pay.control("notification_faults", kind="lose", out_trade_no=under_way)
    assert (await city.pay.control("pay", out_trade_no=under_way))["result"] == "paid"
    await city.work()
    await city.work()
    shown = {one["id"]: one["state"] for one in (await window.ok("GET", f"/staff/cases/{case_id}"))["bills"]}
    assert shown == {done: "paid", left: "cancelled", racing: "cancelled"}
    assert [(await bill_of(resident, one))["payable"] for one in (done, left, racing)] == [False] * 3
    refused = await resident.call("POST", f"/api/bills/{left}/pay", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "BILL_NOT_PAYABLE")

    # What was paid for the cancelled bill never was the city's, and is back.
    queries = city.api.house.city.payment_queries
    [late] = await queries.orders_of(racing)
    assert (late.state, late.surplus, late.captured_fen) == ("paid", True, 3000)

    async def back() -> bool:
        return [one.refunded_fen for one in await queries.orders_of(racing)] == [3000]

    await until(back)
    assert (await queries.check_books()).differences == []


async def test_a_refused_application_has_nothing_left_to_pay_whichever_was_first(city: TestCity) -> None:
    resident, window = await applicant(city), await officer(city, "window_officer")
    case_id = (await submitted(resident))["case_id"]
    bill = await charged(window, case_id, 1)
    await window.ok("POST", f"/staff/cases/{case_id}/refuse", {"reason": "不属于本机关职权"})
    await city.work()
    cancelled = await city.api.house.city.payment_queries.any(bill)
    assert (cancelled.state, cancelled.history[-1].note) == ("cancelled", "申请不予受理")

    # An officer asked for a fee at the very moment: the bill was made, its case was over.
    late = await city.api.house.city.payments.do_bill(
        subject_kind=SubjectKind.CASE, subject=case_id, person=cancelled.person, title="证书工本费",
        lines=[BillLine(name="证书工本费", amount_fen=1000)], by="test", actor=Actor.STAFF,
    )  # fmt: skip
    await city.work()
    assert (await bill_of(resident, late.id))["state"] == "cancelled"
    # Delivered once more, it finds nothing to do.
    await city.api.house.city.cases.do_drop_fees(case_id)
    assert [one.action for one in (await city.api.house.city.payment_queries.any(bill)).history] == ["issue", "cancel"]
