"""Imported bills, receipts and the daily bill over HTTP, as residents, officers and strangers meet them."""

from __future__ import annotations

import io
import secrets
from datetime import date, time, timedelta
from typing import Any

from pypdf import PdfReader

from kernel.clock import local_day, local_instant
from server import embedded
from tests.city import Resident, TestCity, running_city
from tests.services.payments.test_accounts import file, line
from tests.story.test_payments import billed, pays


async def send(city: TestCity, who: Resident, data: bytes) -> Any:
    headers = {"Authorization": f"Bearer {who.token}"}
    url = f"{city.api.url}/staff/bills/import"
    return await city.http.post(url, files={"file": ("a.csv", data, "text/csv")}, headers=headers)


async def paid(city: TestCity, resident: Resident, bill: str) -> str:
    """Pays a bill without its callback; the order."""
    order = str((await resident.ok("POST", f"/api/bills/{bill}/pay", {}))["order"])
    await city.pay.control("notification_faults", kind="lose", out_trade_no=order)
    assert await pays(city, order) == "paid"
    assert (await resident.ok("POST", f"/api/orders/{order}/check"))["state"] == "paid"
    return order


async def test_a_water_bill_from_the_file_to_the_verified_receipt(shared_city: TestCity) -> None:
    city, resident = shared_city, await shared_city.resident()
    supervisor, officer, stranger = await city.staff("supervisor"), await city.staff(), await city.resident()
    number, reference = f"7{secrets.randbelow(10**9):09}", secrets.token_hex(6)
    data = file(line(number, "王小明", "120", reference))
    assert (await send(city, officer, data)).status_code == 403
    assert (await send(city, supervisor, data)).json() == {
        "lines": 1, "bills_made": 1, "bills_known": 0, "accounts_opened": 1, "accounts_renamed": 0,
    }  # fmt: skip
    assert (await send(city, supervisor, data)).json()["bills_known"] == 1
    wrong = (await send(city, supervisor, file(line(number, "王小明", "1.234", "other")))).json()["error"]
    assert (wrong["code"], wrong["fields"]["rejections"][0]["field"]) == ("IMPORT_REJECTED", "amount")
    body = {"kind": "water", "account_number": number, "holder": "王晓明"}
    refused = await stranger.call("POST", "/api/accounts", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "ACCOUNT_NOT_FOUND")
    bound = await resident.ok("POST", "/api/accounts", body | {"holder": "王小明"})
    assert (bound["holder"], bound["kind_text"]) == ("王**", "水费")
    (bill,) = (await resident.ok("GET", "/api/bills"))["bills"]
    assert (bill["amount_fen"], bill["payable"], bill["title"]) == (12_000, True, "水费（2090-10）")
    early = await resident.call("GET", f"/api/bills/{bill['id']}/receipt.pdf")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "BILL_NOT_PAID")
    await paid(city, resident, bill["id"])
    assert (await stranger.call("GET", f"/api/bills/{bill['id']}/receipt.pdf")).status_code == 404
    answer = await resident.call("GET", f"/api/bills/{bill['id']}/receipt.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    shown = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert "人民币壹佰贰拾元整" in shown
    assert "王**" in shown
    assert "王小明" not in shown
    receipt = answer.headers["Content-Disposition"].split('"')[1].removesuffix(".pdf")
    code = shown.split("校验码 ")[1].split()[0]
    await verified(city, receipt, code)
    await resident.ok("POST", f"/api/accounts/{bound['id']}/unbind")
    assert (await resident.ok("GET", "/api/accounts"))["accounts"] == []
    assert [b["state"] for b in (await resident.ok("GET", "/api/bills"))["bills"]] == ["paid"]


async def verified(city: TestCity, receipt: str, code: str) -> None:
    """Anybody, without a session."""
    api, page = f"{city.api.url}/api/receipts/{receipt}", f"{city.api.url}/verify/{receipt}"
    found = (await city.http.get(api, params={"code": code})).json()
    assert (found["paid_fen"], found["rest_fen"], found["payer"]) == (12_000, 12_000, "王**")
    assert (await city.http.get(api, params={"code": "0" * 16})).json()["error"]["code"] == "RECEIPT_NOT_FOUND"
    good = await city.http.get(page, params={"code": code})
    assert (good.status_code, "收据真实有效" in good.text, "壹佰贰拾元整" in good.text) == (200, True, True)
    forged = await city.http.get(page, params={"code": "<script>"})
    assert (forged.status_code, "谨防伪造" in forged.text, "<script>" in forged.text) == (404, True, False)


async def test_a_day_with_planted_differences_is_reconciled_by_the_worker_and_resolved_by_staff(
    database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> None:
    """Alone in its city, because it moves the clock."""
    async with running_city(database_server.port, valkey_server.port, "reconciling_city") as city:
        day = local_day(city.clock.now())
        resident = await city.resident()
        orders = [await paid(city, resident, (await billed(city, resident, 1000 + n)).id) for n in range(3)]
        lost = (await resident.ok("POST", f"/api/bills/{(await billed(city, resident, 500)).id}/pay", {}))["order"]
        await city.pay.control("notification_faults", kind="lose", out_trade_no=lost)
        assert await pays(city, lost) == "paid"
        await city.pay.control("bill", kind="drop_row", number=orders[0])
        await city.pay.control("bill", kind="change_amount", number=orders[1], amount=1002)
        city.clock.set(local_instant(day + timedelta(days=1), time(10, 6)))
        # The bill before the worker's own look at the order: reconciliation finds the lost payment.
        await city.api.house.city.reconciliation.do_wake()
        await city.api.house.city.reconciliation.do_wake()
        await city.work()
        # A staff session does not outlive the night.
        await settled(city, day, await city.staff("supervisor"), await city.staff("auditor"))
        assert (await resident.ok("GET", f"/api/orders/{lost}"))["state"] == "paid"


async def settled(city: TestCity, day: date, supervisor: Resident, auditor: Resident) -> None:
    path = f"/staff/reconciliation/{day}"
    detail = await auditor.ok("GET", path)
    found = {one["kind"]: one for one in detail["differences"]}
    assert set(found) == {"missing_at_wechat", "amount_differs", "missing_with_us"}
    assert (found["missing_with_us"]["state"], found["missing_with_us"]["resolution"]) == ("resolved", "adopted")
    assert (detail["day"]["open_differences"], detail["day"]["totals"]["unexplained_fen"]) == (2, 0)
    assert (await auditor.call("POST", f"{path}/run")).status_code == 403
    again = await supervisor.ok("POST", f"{path}/run")
    assert [one["id"] for one in again["differences"]] == [one["id"] for one in detail["differences"]]
    resolve = f"/staff/differences/{found['amount_differs']['id']}/resolve"
    assert (await auditor.call("POST", resolve, {"resolution": "wrong_bill", "note": "x"})).status_code == 403
    done = await supervisor.ok("POST", resolve, {"resolution": "written_off", "note": "差一分，记收益"})
    assert (done["state"], done["resolution"], done["actions"]) == ("resolved", "written_off", [])
    twice = await supervisor.call("POST", resolve, {"resolution": "timing", "note": "x"})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "ACTION_NOT_ALLOWED")
    listed = await auditor.ok("GET", f"/staff/reconciliation?from={day}&to={day}")
    assert [(one["day"], one["state"], one["open_differences"]) for one in listed["days"]] == [
        (str(day), "compared", 1)
    ]
    missing = await supervisor.call("GET", "/staff/reconciliation/2089-01-01")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "DAY_NOT_FOUND")
    assert (await supervisor.call("GET", "/staff/reconciliation/yesterday")).status_code == 400
    report = await supervisor.ok("GET", f"/staff/ledger/check?first={day}")
    assert report["differences"] == []
    assert report["balances"]["differences:written_off"] == -1
    assert report["balances"]["fees:wechat"] > 0
