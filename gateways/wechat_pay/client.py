"""WeChat Pay's API v3 for a mini-program: a thin asynchronous client of the endpoints this product uses.

Errors: the tree in ``gateways.wechat_pay.errors``, and InvalidInput for arguments WeChat Pay would refuse anyhow.
``refund`` alone never raises for WeChat Pay's part: it returns a RefundOutcome, because money must not go back twice.

Nothing is repeated here (``gateways.transport.NEVER``): an ambiguous prepay, close or refund is repeated by whoever
owns the order, with the same numbers, and is then harmless. Amounts are whole fen.
Source: pay.weixin.qq.com/doc/v3/merchant, JSAPI / 小程序支付, state of 2026-07. There is no sandbox for API v3.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from gateways.transport import UpstreamRefused, UpstreamUnavailable
from gateways.wechat_pay.bill import Bill, parse_bill
from gateways.wechat_pay.connection import Connection
from gateways.wechat_pay.errors import SYSTEM, BillCorrupt, BillNotReady, OrderClosed, PayRefused, Verdict
from gateways.wechat_pay.reading import read_order, read_refund
from gateways.wechat_pay.records import Order, PayFields, Refund, RefundFate, RefundOutcome, WeChatPaySettings
from kernel.clock import SHANGHAI, Clock, local_instant
from kernel.errors import InvalidInput
from kernel.money import Fen

MAX_DESCRIPTION, MAX_ATTACH, MAX_NOTIFY_URL, MAX_REASON = 127, 128, 255, 80
BILL_READY = time(10)  # of the next day, in Shanghai: "在每日10点后生成昨日交易账单文件"
BILL_RETRY = 1800.0  # seconds; the bill is late now and then
CONNECT_RETRY = 5.0  # seconds
_OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_OUT_REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_BILL_PATH = "/v3/billdownload/"
_T = TypeVar("_T")


class WeChatPayClient:
    """One merchant's side of WeChat Pay. Safe for concurrent calls on one event loop; ``await close()`` at the end."""

    def __init__(
        self, settings: WeChatPaySettings, clock: Clock, nonce: Callable[[], str] = lambda: secrets.token_hex(16)
    ) -> None:
        self._settings, self._clock, self._nonce = settings, clock, nonce
        self._connection = Connection(settings)

    async def prepay(
        self,
        out_trade_no: str,
        description: str,
        amount_fen: Fen,
        payer_openid: str,
        time_expire: datetime,
        attach: str,
        notify_url: str,
    ) -> str:
        """Place an order; the ``prepay_id``, good for 2 hours: 小程序下单. Again with the same arguments: harmless.

        Raises OutTradeNoUsed (same number, other arguments), OrderPaid, OrderClosed.
        """
        _check_number("out_trade_no", out_trade_no, _OUT_TRADE_NO)
        _check_amount("amount_fen", amount_fen)
        _check_length("description", description, 1, MAX_DESCRIPTION)
        _check_length("attach", attach, 0, MAX_ATTACH)
        _check_length("payer_openid", payer_openid, 1, 128)
        _check_notify_url(notify_url)
        body = await self._json(
            "prepay",
            lambda pay: pay.pay(
                description=description,
                out_trade_no=out_trade_no,
                amount={"total": int(amount_fen), "currency": "CNY"},
                payer={"openid": payer_openid},
                time_expire=time_expire.astimezone(SHANGHAI).isoformat(timespec="seconds"),
                attach=attach or None,
                notify_url=notify_url,
            ),
        )
        prepay_id = body.get("prepay_id")
        if not isinstance(prepay_id, str) or not prepay_id:
            raise UpstreamRefused(SYSTEM, "prepay", "no prepay_id", may_have_happened=True)
        return prepay_id

    def pay_sign(self, prepay_id: str) -> PayFields:
        """What the mini-program hands to ``wx.requestPayment``: 小程序调起支付. About 1 ms of RSA, no I/O."""
        stamp, nonce = str(int(self._clock.now().timestamp())), self._nonce()
        package = f"prepay_id={prepay_id}"
        signature = self._connection.pay.sign([self._settings.appid, stamp, nonce, package])
        return {"timeStamp": stamp, "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": signature}

    async def query(self, out_trade_no: str) -> Order:
        """The order as WeChat Pay sees it now: 商户订单号查询订单. Raises NoSuchOrder."""
        _check_number("out_trade_no", out_trade_no, _OUT_TRADE_NO)
        body = await self._json("query", lambda pay: pay.query(out_trade_no=_in_path(out_trade_no)))
        order = self._read("query", lambda: read_order(body, mchid=self._settings.mchid, appid=self._settings.appid))
        if order.out_trade_no != out_trade_no:
            raise UpstreamRefused(SYSTEM, "query", "another out_trade_no", may_have_happened=True)
        return order

    async def close(self, out_trade_no: str) -> None:
        """Close an unpaid order, so that nobody can pay it any more: 关闭订单. Done also when it was closed before.

        Raises OrderPaid (the payment came first: query it), NoSuchOrder.
        """
        _check_number("out_trade_no", out_trade_no, _OUT_TRADE_NO)
        try:
            await self._connection.call(
                "close", lambda: self._connection.pay.close(out_trade_no=_in_path(out_trade_no))
            )
        except OrderClosed:
            return

    async def refund(
        self,
        out_trade_no: str,
        out_refund_no: str,
        refund_fen: Fen,
        total_fen: Fen,
        reason: str,
        notify_url: str,
    ) -> RefundOutcome:
        """Ask for ``refund_fen`` of an order's ``total_fen`` back: 申请退款. ACCEPTED is not yet paid back.

        One ``out_refund_no`` is refunded once, however often it is asked for. At most 50 refunds of an order, a minute
        apart, within a year. ``notify_url`` is the refunds' own: the library would reuse the payments'.
        """
        _check_number("out_trade_no", out_trade_no, _OUT_TRADE_NO)
        _check_number("out_refund_no", out_refund_no, _OUT_REFUND_NO)
        _check_amount("refund_fen", refund_fen)
        _check_amount("total_fen", total_fen)
        if refund_fen > total_fen:
            raise InvalidInput(field="refund_fen", reason="more than total_fen")
        _check_length("reason", reason, 0, MAX_REASON)
        _check_notify_url(notify_url)
        try:
            refund = await self._refund_of(
                "refund",
                lambda pay: pay.refund(
                    out_refund_no=out_refund_no,
                    out_trade_no=out_trade_no,
                    amount={"refund": int(refund_fen), "total": int(total_fen), "currency": "CNY"},
                    reason=reason or None,
                    notify_url=notify_url,
                ),
                out_refund_no,
            )
        except (PayRefused, UpstreamRefused, UpstreamUnavailable) as error:
            return _refused_refund(error)
        if (refund.amount, refund.total, refund.out_trade_no) != (refund_fen, total_fen, out_trade_no):
            return RefundOutcome(RefundFate.AMBIGUOUS, reason="the answer tells of another refund")
        return RefundOutcome(RefundFate.ACCEPTED, refund=refund)

    async def query_refund(self, out_refund_no: str) -> Refund:
        """The refund as WeChat Pay sees it now: 查询单笔退款. Raises NoSuchRefund."""
        _check_number("out_refund_no", out_refund_no, _OUT_REFUND_NO)
        return await self._refund_of(
            "query_refund", lambda pay: pay.query_refund(out_refund_no=_in_path(out_refund_no)), out_refund_no
        )

    async def download_bill(self, day: date) -> Bill:
        """The trade bill of a day in Shanghai, checked: 申请交易账单, 下载账单.

        Raises BillNotReady (also without asking, before 10:00 of the next day) and BillCorrupt. A day on which nothing
        was paid or refunded gives an empty bill.
        """
        missing = (local_instant(day + timedelta(days=1), BILL_READY) - self._clock.now()).total_seconds()
        if missing > 0:
            raise BillNotReady(day.isoformat(), missing)
        try:
            body = await self._json("tradebill", lambda pay: pay.trade_bill(bill_date=day.isoformat()))
        except PayRefused as refused:
            if refused.error.plain_code == "STATEMENTCREATING":
                raise BillNotReady(day.isoformat(), BILL_RETRY) from refused
            if refused.error.plain_code == "NOSTATEMENTEXIST":
                return Bill.empty(day)
            raise
        url, hash_value = body.get("download_url"), body.get("hash_value")
        if body.get("hash_type") != "SHA1" or not isinstance(url, str) or not isinstance(hash_value, str):
            raise BillCorrupt("no usable hash_type, hash_value or download_url")
        _, packed = await self._connection.call(
            "billdownload",
            lambda: self._connection.pay.download_bill(self._own(url)),
            within=self._settings.bill_timeout,
        )
        data = packed.encode() if isinstance(packed, str) else packed
        limit, mchid = self._settings.max_bill_bytes, self._settings.mchid
        # A city's day has several 100,000 rows: seconds of work, which the event loop does not have.
        return await asyncio.to_thread(parse_bill, data, day=day, sha1=hash_value, mchid=mchid, max_bytes=limit)

    def _own(self, url: str) -> str:
        """The download on our own base URL: a signed request goes nowhere else, whatever an answer says."""
        parts = urlsplit(url)
        if not parts.path.startswith(_BILL_PATH):
            raise BillCorrupt("download_url is not a bill's")
        return f"{self._connection.base_url}{parts.path}?{parts.query}"

    async def aclose(self) -> None:
        """End the connections. Not called ``close``, which closes an order."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _json(self, operation: str, request: Callable[[Any], Any]) -> dict[str, Any]:
        _, body = await self._connection.call(operation, lambda: request(self._connection.pay))
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise UpstreamRefused(SYSTEM, operation, f"not a JSON object, {len(body)} bytes", may_have_happened=True)
        return value

    async def _refund_of(self, operation: str, request: Callable[[Any], Any], out_refund_no: str) -> Refund:
        body = await self._json(operation, request)
        refund = self._read(operation, lambda: read_refund(body, state_key="status"))
        if refund.out_refund_no != out_refund_no:
            raise UpstreamRefused(SYSTEM, operation, "another out_refund_no", may_have_happened=True)
        return refund

    def _read(self, operation: str, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except ValueError as error:
            raise UpstreamRefused(SYSTEM, operation, str(error), may_have_happened=True) from error


def _refused_refund(error: PayRefused | UpstreamRefused | UpstreamUnavailable) -> RefundOutcome:
    if isinstance(error, PayRefused):
        fate = RefundFate.RETRY if error.verdict is Verdict.RETRY else RefundFate.FINAL
        return RefundOutcome(fate, error=error.error, reason=str(error), retry_after=error.retry_after)
    if error.may_have_happened:
        return RefundOutcome(RefundFate.AMBIGUOUS, reason=str(error))
    return RefundOutcome(RefundFate.RETRY, reason=str(error), retry_after=CONNECT_RETRY)


def _in_path(number: str) -> str:
    """A number as one segment of a path. The library puts it there as it is and signs that, while httpx sends ``|``
    as ``%7C``: without this, WeChat Pay would find another signature."""
    return quote(number, safe="")


def _check_number(name: str, value: str, pattern: re.Pattern[str]) -> None:
    if pattern.fullmatch(value) is None:
        raise InvalidInput(field=name, reason=pattern.pattern)


def _check_amount(name: str, value: int) -> None:
    # bool is an int in Python, and a float may come from anywhere that is not type-checked.
    if type(value) is not int or value < 1:
        raise InvalidInput(field=name, reason="not a whole number of at least 1 fen")


def _check_length(name: str, value: str, least: int, most: int) -> None:
    if not least <= len(value) <= most:
        raise InvalidInput(field=name, reason=f"{least} to {most} characters")


def _check_notify_url(value: str) -> None:
    _check_length("notify_url", value, 1, MAX_NOTIFY_URL)
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment or "?" in value:
        raise InvalidInput(field="notify_url", reason="an absolute address without a query")
