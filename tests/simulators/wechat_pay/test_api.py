"""The simulated API, spoken to without our client: signatures, skew, parameters, error bodies.

The independent witness is the wechatpayv3 library: it signs the requests and verifies what the simulator signs.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from wechatpayv3 import utils

from simulators.wechat_pay import generate
from tests.helpers import MONDAY_MORNING
from tests.simulators.wechat_pay.support import (
    APPID,
    MCHID,
    NOWHERE,
    OPENID,
    PREPAY,
    REFUND,
    Pay,
    keys,
    other_keys,
    running_pay,
)

ORDER: dict[str, Any] = {
    "appid": APPID,
    "mchid": MCHID,
    "description": "水费",
    "out_trade_no": "WH0001",
    "time_expire": "2026-11-23T10:30:00+08:00",
    "notify_url": NOWHERE,
    "amount": {"total": 100, "currency": "CNY"},
    "payer": {"openid": OPENID},
}
REFUND_BODY: dict[str, Any] = {
    "out_trade_no": "WH0001",
    "out_refund_no": "R1",
    "notify_url": NOWHERE,
    "amount": {"refund": 1, "total": 100, "currency": "CNY"},
}


class Caller:
    """A merchant that signs with the library and sends by itself."""

    def __init__(self, pay: Pay) -> None:
        self.pay = pay

    async def __call__(
        self, method: str, path: str, body: Any = None, *, at: float = 0.0, private_key: str = "", **headers: str
    ) -> httpx.Response:
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        key = utils.load_private_key(private_key or keys().merchant_private_key)
        with mock.patch("wechatpayv3.utils.time.time", return_value=time.time() + at):
            authorization = utils.build_authorization(path, method, MCHID, keys().merchant_serial, key, data=text)
        sent = {
            "Authorization": authorization,
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Wechatpay-Serial": keys().public_key_id,
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.pay.client.request(method, self.pay.url + path, content=text, headers=sent)


@pytest.fixture
def call(pay: Pay) -> Caller:
    return Caller(pay)


def is_signed(response: httpx.Response) -> bool:
    headers = response.headers
    assert headers["Wechatpay-Serial"] == keys().public_key_id
    assert headers["Wechatpay-Signature-Type"] == "WECHATPAY2-SHA256-RSA2048"
    return bool(
        utils.rsa_verify(
            headers["Wechatpay-Timestamp"],
            headers["Wechatpay-Nonce"],
            response.text,
            headers["Wechatpay-Signature"],
            utils.load_public_key(keys().public_key),
        )
    )


class TestSignatures:
    async def test_answers_are_signed_and_so_are_errors_and_empty_ones(self, call: Caller) -> None:
        placed = await call("POST", PREPAY, ORDER)
        assert placed.status_code == 200
        missing = await call("GET", f"/v3/pay/transactions/out-trade-no/WH0002?mchid={MCHID}")
        assert missing.status_code == 404
        closed = await call("POST", "/v3/pay/transactions/out-trade-no/WH0001/close", {"mchid": MCHID})
        assert (closed.status_code, closed.content) == (204, b"")
        assert all(is_signed(response) for response in (placed, missing, closed))

    @pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (301, 401), (-290, 404), (290, 404)])
    async def test_five_minutes_of_skew_are_too_many(self, call: Caller, seconds: int, status: int) -> None:
        response = await call("GET", f"/v3/pay/transactions/out-trade-no/WH0001?mchid={MCHID}", at=seconds)
        assert response.status_code == status

    async def test_whatever_is_signed_otherwise_is_a_sign_error(self, call: Caller) -> None:
        path = f"/v3/pay/transactions/out-trade-no/WH0001?mchid={MCHID}"
        genuine = (await call("GET", path)).request.headers["Authorization"]
        for authorization in (
            "",
            "Basic abc",
            genuine.replace("SHA256", "SM3"),
            genuine.replace(MCHID, "1900099999"),
            genuine.replace(keys().merchant_serial, "0" * 40),
            genuine.replace('signature="', 'signature="A'),
            genuine.replace('signature="', 'signature="!'),
        ):
            response = await call("GET", path, Authorization=authorization)
            assert response.status_code == 401
            assert response.json()["code"] == "SIGN_ERROR"
        foreign = await call("GET", path, private_key=other_keys().merchant_private_key)
        assert foreign.status_code == 401

    async def test_the_query_and_the_body_are_signed_too(self, call: Caller) -> None:
        path = f"/v3/pay/transactions/out-trade-no/WH0001?mchid={MCHID}"
        genuine = (await call("GET", path)).request.headers["Authorization"]
        assert (await call("GET", path + "&a=1", Authorization=genuine)).status_code == 401
        placed = (await call("POST", PREPAY, ORDER)).request.headers["Authorization"]
        cheaper = ORDER | {"amount": {"total": 1, "currency": "CNY"}}
        assert (await call("POST", PREPAY, cheaper, Authorization=placed)).status_code == 401

    async def test_an_answer_needs_a_key_that_is_ours(self, call: Caller) -> None:
        response = await call("POST", PREPAY, ORDER, Wechatpay_Serial="PUB_KEY_ID_0000")
        assert response.json()["code"] == "RESOURCE_NOT_EXISTS"


class TestParameters:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"total": 100}, "/total"),
            ({"amount": {"total": 100.0, "currency": "CNY"}}, "/amount/total"),
            ({"amount": {"total": "100"}}, "/amount/total"),
            ({"amount": {"total": True}}, "/amount/total"),
            ({"amount": {"total": 0}}, "/amount/total"),
            ({"amount": {"total": 100, "currency": "USD"}}, "/amount/currency"),
            ({"amount": {"total": 100, "tax": 1}}, "/amount/tax"),
            ({"amount": 100}, "/amount"),
            ({"payer": {}}, "/payer/openid"),
            ({"out_trade_no": "WH#001"}, "/out_trade_no"),
            ({"out_trade_no": "WH001"}, "/out_trade_no"),
            ({"description": "水" * 128}, "/description"),
            ({"attach": ""}, "/attach"),
            ({"notify_url": "https://weihai.example/pay?a=1"}, "/notify_url"),
            ({"notify_url": "http://weihai.example/pay"}, "/notify_url"),
            ({"time_expire": "2026-11-23T10:30:00Z"}, "/time_expire"),
            ({"time_expire": "2026-13-23T10:30:00+08:00"}, "/time_expire"),
            ({"time_expire": "2026-11-23T08:59:59+08:00"}, "/time_expire"),
        ],
    )
    async def test_a_wrong_parameter_is_named(self, call: Caller, change: dict[str, Any], field: str) -> None:
        response = await call("POST", PREPAY, ORDER | change)
        assert response.status_code == 400
        assert response.json()["code"] == "PARAM_ERROR"
        assert response.json()["detail"]["field"] == field
        assert not await call.pay.look("orders")

    @pytest.mark.parametrize("missing", ["appid", "mchid", "description", "out_trade_no", "notify_url", "amount"])
    async def test_a_missing_parameter_is_named(self, call: Caller, missing: str) -> None:
        body = {name: value for name, value in ORDER.items() if name != missing}
        assert (await call("POST", PREPAY, body)).json()["detail"]["field"] == f"/{missing}"

    @pytest.mark.parametrize("body", ["", "[]", "{", "null"])
    async def test_no_json_object(self, call: Caller, body: str) -> None:
        assert (await call("POST", PREPAY, body)).json()["code"] == "PARAM_ERROR"

    async def test_a_wrong_method_and_a_wrong_mchid(self, call: Caller) -> None:
        assert (await call("GET", PREPAY)).json()["code"] == "PARAM_ERROR"
        assert (await call("GET", "/v3/pay/transactions/out-trade-no/WH0001?mchid=1")).json()["code"] == "PARAM_ERROR"
        assert (await call("POST", PREPAY, ORDER | {"mchid": "1"})).json()["code"] == "MCH_NOT_EXISTS"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"amount": {"refund": 1.5, "total": 100, "currency": "CNY"}}, "PARAM_ERROR"),
            ({"amount": {"refund": 1, "total": 100}}, "PARAM_ERROR"),
            ({"amount": {"refund": 101, "total": 100, "currency": "CNY"}}, "INVALID_REQUEST"),
            ({"amount": {"refund": 1, "total": 99, "currency": "CNY"}}, "INVALID_REQUEST"),
            ({"reason": "因" * 81}, "PARAM_ERROR"),
            ({"out_trade_no": None}, "PARAM_ERROR"),
            ({"transaction_id": "4200000"}, "RESOURCE_NOT_EXISTS"),
            ({"openid": OPENID}, "PARAM_ERROR"),
        ],
    )
    async def test_refunds_have_their_own(self, call: Caller, change: dict[str, Any], code: str) -> None:
        await call("POST", PREPAY, ORDER)
        await call.pay.control("pay", out_trade_no="WH0001")
        assert (await call("POST", REFUND, REFUND_BODY | change)).json()["code"] == code

    async def test_refunds_by_transaction(self, call: Caller) -> None:
        await call("POST", PREPAY, ORDER)
        paid = await call.pay.control("pay", out_trade_no="WH0001")
        body = {name: value for name, value in REFUND_BODY.items() if name != "out_trade_no"}
        accepted = await call("POST", REFUND, body | {"transaction_id": paid["transaction_id"]})
        assert accepted.json()["status"] == "PROCESSING"
        assert accepted.json()["out_trade_no"] == "WH0001"

    async def test_orders_by_transaction(self, call: Caller) -> None:
        await call("POST", PREPAY, ORDER)
        paid = await call.pay.control("pay", out_trade_no="WH0001")
        found = await call("GET", f"/v3/pay/transactions/id/{paid['transaction_id']}?mchid={MCHID}")
        assert found.json()["out_trade_no"] == "WH0001"
        assert found.json()["amount"]["total"] == 100
        assert found.json()["success_time"] == "2026-11-23T09:00:00+08:00"


class TestResident:
    async def test_an_order_is_paid_once(self, pay: Pay) -> None:
        prepay_id = await pay.prepay("WH0001")
        assert (await pay.control("pay", prepay_id=prepay_id, openid=OPENID))["result"] == "paid"
        assert (await pay.control("pay", prepay_id=prepay_id))["result"] == "already_paid"
        assert len(await pay.look("notifications")) == 1

    async def test_only_the_payer_of_the_order_pays(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        assert (await pay.control("pay", out_trade_no="WH0001", openid="oOther"))["result"] == "wrong_openid"

    async def test_two_hours_later_the_prepay_id_is_dead(self, pay: Pay) -> None:
        await pay.prepay("WH0001", time_expire=MONDAY_MORNING + timedelta(days=1))
        pay.later(hours=2)
        assert (await pay.control("pay", out_trade_no="WH0001"))["result"] == "prepay_expired"

    async def test_after_its_time_an_order_is_not_paid_and_not_closed_by_itself(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        pay.later(minutes=90)
        assert (await pay.control("pay", out_trade_no="WH0001"))["result"] == "order_expired"
        assert (await pay.wechat.query("WH0001")).state == "NOTPAY"

    async def test_a_refused_payment_may_be_tried_again(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        await pay.control("pay_outcome", out_trade_no="WH0001", outcome="refuse")
        assert (await pay.control("pay", out_trade_no="WH0001"))["result"] == "refused"
        assert not await pay.look("notifications")
        await pay.control("pay_outcome", out_trade_no="WH0001", outcome="success")
        assert (await pay.control("pay", out_trade_no="WH0001"))["result"] == "paid"

    async def test_reset_forgets_everything(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        await pay.control("reset")
        assert not await pay.look("orders")
        assert not await pay.look("notifications")

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("pay_outcome", {"out_trade_no": "WH0001", "outcome": "perhaps"}),
            ("notification_faults", {"kind": "forge"}),
            ("refund_outcome", {"outcome": "SUCCESS"}),
            ("bill", {"kind": "burn"}),
            ("bill", {"kind": "add_row", "amount": 1.5}),
        ],
    )
    async def test_controls_refuse_what_they_do_not_know(self, pay: Pay, path: str, body: dict[str, Any]) -> None:
        assert (await pay.client.post(f"{pay.url}/control/{path}", json=body)).status_code == 400


class TestBill:
    async def test_the_file_has_the_documented_form(self) -> None:
        async with running_pay(fee_basis_points=60) as pay:
            call = Caller(pay)
            await call("POST", PREPAY, ORDER)
            await pay.control("pay", out_trade_no="WH0001")
            pay.later(hours=25)
            answer = (await call("GET", "/v3/bill/tradebill?bill_date=2026-11-23&bill_type=ALL&tar_type=GZIP")).json()
            path = answer["download_url"].removeprefix(pay.url)
            packed = await call("GET", path)
            assert "Wechatpay-Signature" not in packed.headers
            text = gzip.decompress(packed.content)
            assert answer["hash_type"] == "SHA1"
            assert answer["hash_value"] == hashlib.sha1(text).hexdigest()
            assert text.startswith(b"\xef\xbb\xbf")
            header, row, _, summary, end = text.decode("utf-8-sig").split("\r\n")
            assert len(row.split(",")) == len(header.split(",")) == 27
            assert all(value.startswith("`") for value in row.split(","))
            assert row.startswith("`2026-11-23 09:00:00,")
            assert "`0.01000,`0.60%,`1.00,`0.00,`" in row
            assert summary == "`1,`1.00,`0.00,`0.00,`0.01000,`1.00,`0.00"
            assert end == ""
            assert (await pay.client.get(pay.url + path)).status_code == 401
            pay.later(minutes=5)
            assert (await call("GET", path)).json()["code"] == "INVALID_REQUEST"


class TestKeys:
    def test_keys_are_made_once_and_are_nobody_elses_to_read(self, tmp_path: Path) -> None:
        folder = tmp_path / "deep" / "keys"
        first = generate(folder)
        assert generate(folder) == first
        assert len(first.apiv3_key) == 32
        assert first.public_key_id.startswith("PUB_KEY_ID_")
        assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))
        assert [path.name for path in folder.parent.iterdir()] == ["keys"]
        assert "PRIVATE" not in repr(first)

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "notes.txt").write_text("mine")
        with pytest.raises(ValueError, match="no keys"):
            generate(tmp_path / "keys")
        assert [path.name for path in tmp_path.rglob("*")] == ["keys", "notes.txt"]
