"""API v3 of api.mch.weixin.qq.com as far as the product uses it, with the checks of the real one.

Every request is verified, every answer but a bill is signed. Errors are ``{"code", "message", "detail"}``.
A fault (POST /control/faults) names either the path of one request or the path of its endpoint as documented, such as
``/v3/pay/transactions/out-trade-no/{out_trade_no}/close``. Source: pay.weixin.qq.com/doc/v3/merchant, state of 2026-07.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from typing import Any, cast

from kernel.clock import SystemClock
from simulators.control import BaseHandler, Control, Simulator
from simulators.wechat_pay import bills
from simulators.wechat_pay.checks import CLOSE, PREPAY, REFUND, read_body
from simulators.wechat_pay.notifier import Notifier
from simulators.wechat_pay.records import Refusal
from simulators.wechat_pay.signing import BadSignature, Signer
from simulators.wechat_pay.world import WeChatPayWorld


class WeChatPaySimulator(Simulator):
    def __init__(self, world: WeChatPayWorld, control: Control, handlers: list[Any]) -> None:
        super().__init__(world, control, handlers)
        self.signer = Signer(world.settings.keys)
        self.notifier = Notifier(world, control, self.signer)


class PayEndpoint(BaseHandler, ABC):
    """One endpoint. ``do`` gives the JSON of a 200, None for a 204, or bytes of a file, which are not signed."""

    method = "GET"
    documented = ""

    @property
    def world(self) -> WeChatPayWorld:
        return cast(WeChatPayWorld, self.simulator.world)

    @property
    def pay_simulator(self) -> WeChatPaySimulator:
        return cast(WeChatPaySimulator, self.application)

    @abstractmethod
    def do(self, number: str) -> dict[str, Any] | bytes | None:
        """The answer to a call whose signature is right."""

    async def get(self, number: str = "") -> None:
        await self._run(number)

    async def post(self, number: str = "") -> None:
        await self._run(number)

    async def _run(self, number: str) -> None:
        fault = self.control.take(self.request.path) or self.control.take(self.documented)
        if await self.spoiled(fault):
            return
        try:
            if fault and fault.kind == "refuse":
                raise Refusal(str(fault.errcode or "SYSTEM_ERROR"), "模拟的错误")
            self._check()
            result = self.do(number)
        except Refusal as refusal:
            self._send(_error(refusal), refusal.status)
            return
        if fault and fault.kind == "lose_answer":
            self.cut()
        elif isinstance(result, bytes):
            self.answer(result, "application/x-gzip")
        else:
            self._send(result, 204 if result is None else 200)

    def _check(self) -> None:
        request, settings = self.request, self.world.settings
        try:
            # Signatures are of the real time: the merchant's library knows no other.
            self.pay_simulator.signer.check(
                request.headers.get("Authorization", ""),
                str(request.method),
                str(request.uri),
                request.body,
                settings.mchid,
                SystemClock().now().timestamp(),
            )
        except BadSignature as error:
            raise Refusal("SIGN_ERROR", str(error)) from error
        if request.headers.get("Wechatpay-Serial") != settings.keys.public_key_id:
            # Without it the real server answers with a certificate's signature, which a new merchant cannot verify.
            raise Refusal("RESOURCE_NOT_EXISTS", "Wechatpay-Serial 错误，请使用微信支付公钥 ID")
        if request.headers.get("Accept") != "application/json" or not request.headers.get("User-Agent"):
            raise Refusal("PARAM_ERROR", "Http头Accept或User-Agent错误")
        if request.method != self.method:
            raise Refusal("PARAM_ERROR", f"请使用 {self.method}")

    def check_mchid(self) -> None:
        if self.get_query_argument("mchid", "") != self.world.settings.mchid:
            raise Refusal("PARAM_ERROR", "mchid 错误", field="/mchid")

    def _send(self, value: dict[str, Any] | None, status: int) -> None:
        body = b"" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        probe = self.world.probe_answers > 0
        self.world.probe_answers -= int(probe)
        now = SystemClock().now().timestamp()
        self.set_status(status)
        for name, text in self.pay_simulator.signer.headers(body, now, probe=probe).items():
            self.set_header(name, text)
        self.set_header("Request-ID", secrets.token_hex(16).upper())
        if body:
            self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(body or None)


class Prepay(PayEndpoint):
    method = "POST"
    documented = "/v3/pay/transactions/jsapi"

    def do(self, number: str) -> dict[str, Any]:
        return {"prepay_id": self.world.prepay(read_body(self.request.body, PREPAY)).prepay_id}


class Query(PayEndpoint):
    documented = "/v3/pay/transactions/out-trade-no/{out_trade_no}"

    def do(self, number: str) -> dict[str, Any]:
        self.check_mchid()
        return self.world.order(number).answer()


class QueryTransaction(PayEndpoint):
    documented = "/v3/pay/transactions/id/{transaction_id}"

    def do(self, number: str) -> dict[str, Any]:
        self.check_mchid()
        return self.world.order_of_transaction(number).answer()


class Close(PayEndpoint):
    method = "POST"
    documented = "/v3/pay/transactions/out-trade-no/{out_trade_no}/close"

    def do(self, number: str) -> None:
        if read_body(self.request.body, CLOSE)["mchid"] != self.world.settings.mchid:
            raise Refusal("MCH_NOT_EXISTS", "商户号不存在", field="/mchid")
        self.world.close(number)


class Refunds(PayEndpoint):
    method = "POST"
    documented = "/v3/refund/domestic/refunds"

    def do(self, number: str) -> dict[str, Any]:
        refund, is_new = self.world.refund(read_body(self.request.body, REFUND))
        if is_new:
            self.control.start(self.pay_simulator.notifier.refund_later(refund))
        return refund.answer()


class QueryRefund(PayEndpoint):
    documented = "/v3/refund/domestic/refunds/{out_refund_no}"

    def do(self, number: str) -> dict[str, Any]:
        return self.world.refund_of(number).answer()


class TradeBill(PayEndpoint):
    documented = "/v3/bill/tradebill"

    def do(self, number: str) -> dict[str, Any]:
        return bills.issue(
            self.world,
            self.get_query_argument("bill_date", ""),
            self.get_query_argument("bill_type", "ALL"),
            self.get_query_argument("tar_type", ""),
            f"{self.request.protocol}://{self.request.host}",
        )


class BillDownload(PayEndpoint):
    documented = "/v3/billdownload/file"

    def do(self, number: str) -> bytes:
        return bills.download(self.world, self.get_query_argument("token", ""))


def _error(refusal: Refusal) -> dict[str, Any]:
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.field:
        error["detail"] = {"field": refusal.field, "issue": refusal.message, "location": "body"}
    return error


ROUTES: list[Any] = [
    ("/v3/pay/transactions/jsapi", Prepay),
    (r"/v3/pay/transactions/out-trade-no/([^/]+)/close", Close),
    (r"/v3/pay/transactions/out-trade-no/([^/]+)", Query),
    (r"/v3/pay/transactions/id/([^/]+)", QueryTransaction),
    ("/v3/refund/domestic/refunds", Refunds),
    (r"/v3/refund/domestic/refunds/([^/]+)", QueryRefund),
    ("/v3/bill/tradebill", TradeBill),
    ("/v3/billdownload/file", BillDownload),
]
