"""WeChat Pay as this capability uses it: the gateway's calls, each counted by outcome, or a typed refusal when it is
not configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from datetime import date, datetime
from typing import TypeVar

from gateways.wechat_pay import Bill, PayFields, RefundFate, RefundOutcome, WeChatPayClient
from gateways.wechat_pay import Order as SeenOrder
from gateways.wechat_pay import Refund as SeenRefund
from kernel.errors import BanshiError, Code, Unavailable
from kernel.money import Fen

T = TypeVar("T")

OPERATIONS = ("prepay", "query", "close", "refund", "query_refund", "bill")
OUTCOMES = ("done", "refused", "unavailable")


class Till:
    """One process's way to WeChat Pay. ``calls`` counts (operation, outcome) for the metrics."""

    def __init__(self, client: WeChatPayClient | None, notify_url: str) -> None:
        self._client = client
        self._notify_url = notify_url
        self.calls: Counter[tuple[str, str]] = Counter()

    @property
    def is_open(self) -> bool:
        return self._client is not None

    @property
    def client(self) -> WeChatPayClient:
        """Raises Unavailable PAY_NOT_OFFERED."""
        if self._client is None:
            raise Unavailable(Code.PAY_NOT_OFFERED)
        return self._client

    async def prepay(self, order: str, title: str, amount_fen: int, openid: str, until: datetime, bill: str) -> str:
        """The ``prepay_id``; the same call again gives the same. Raises as the gateway does."""
        call = self.client.prepay(order, title, Fen(amount_fen), openid, until, bill, self._notify_url)
        return await self._counted("prepay", call)

    def pay_fields(self, prepay_id: str) -> PayFields:
        return self.client.pay_sign(prepay_id)

    async def query(self, order: str) -> SeenOrder:
        return await self._counted("query", self.client.query(order))

    async def close(self, order: str) -> None:
        await self._counted("close", self.client.close(order))

    async def refund(self, order: str, refund: str, amount_fen: int, total_fen: int, reason: str) -> RefundOutcome:
        """Never raises for WeChat Pay's part: see RefundOutcome."""
        asked = self.client.refund(order, refund, Fen(amount_fen), Fen(total_fen), reason, self._notify_url)
        outcome = await asked
        said = {RefundFate.ACCEPTED: "done", RefundFate.FINAL: "refused"}.get(outcome.fate, "unavailable")
        self.calls["refund", said] += 1
        return outcome

    async def query_refund(self, refund: str) -> SeenRefund:
        return await self._counted("query_refund", self.client.query_refund(refund))

    async def bill(self, day: date) -> Bill:
        """WeChat Pay's trade bill of a day. Raises BillNotReady, BillCorrupt and what else the gateway raises."""
        return await self._counted("bill", self.client.download_bill(day))

    async def _counted(self, operation: str, call: Awaitable[T]) -> T:
        try:
            result = await call
        except BanshiError as error:
            self.calls[operation, "unavailable" if error.status == 503 else "refused"] += 1
            raise
        self.calls[operation, "done"] += 1
        return result
