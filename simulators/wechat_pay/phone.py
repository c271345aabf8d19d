"""The resident's WeChat, the banks and the bill office, played through control endpoints (loopback only).

    POST /control/pay                  {out_trade_no | prepay_id, openid?} -> {result, transaction_id?}
    POST /control/pay_outcome          {out_trade_no | prepay_id, outcome: success|refuse|user_paying}
    POST /control/refund_outcome       {out_refund_no, outcome: SUCCESS|ABNORMAL|CLOSED}: for a refund not yet made
                                       or still in progress
    POST /control/notification_faults  {kind, count=1, seconds=0, event_type?, out_trade_no?}: see notifier.py
    POST /control/probe                {url} a SIGNTEST probe now, or {answers: n} in the next n answers
    POST /control/bill                 {kind, day?, number?, amount?}: see bills.py; {} takes all changes back
    GET  /control/orders               ``?out_trade_no=`` and the like filter
    GET  /control/notifications        every notification with its attempts, newest last; filtered likewise

``result``: paid, refused, user_paying, already_paid, closed, order_expired, prepay_expired, wrong_openid,
wrong_prepay_id, unknown. Only ``paid`` makes a notification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tornado.web import HTTPError

from simulators.control import ControlHandler
from simulators.wechat_pay import bills, notifier
from simulators.wechat_pay.api import WeChatPaySimulator
from simulators.wechat_pay.records import OUTCOMES, REFUND_OUTCOMES, OrderRecord, Outcome, RefundOutcome
from simulators.wechat_pay.world import BillChange, NotifyFault, WeChatPayWorld


class PayControl(ControlHandler):
    @property
    def pay_simulator(self) -> WeChatPaySimulator:
        return cast(WeChatPaySimulator, self.application)

    @property
    def world(self) -> WeChatPayWorld:
        return cast(WeChatPayWorld, self.simulator.world)

    def order(self, body: Mapping[str, Any]) -> OrderRecord | None:
        if body.get("out_trade_no"):
            return self.world.orders.get(str(body["out_trade_no"]))
        return self.world.order_of_prepay(str(body.get("prepay_id", "")))

    def choice(self, body: Mapping[str, Any], key: str, among: tuple[str, ...]) -> str:
        value = self.need(body, key)
        if value not in among:
            raise HTTPError(400, f"{key} is one of {', '.join(among)}")
        return value

    def wanted(self) -> dict[str, str]:
        return {key: self.get_query_argument(key) for key in self.request.query_arguments}


class Pay(PayControl):
    def post(self) -> None:
        body = self.body()
        order = self.order(body)
        if order is None:
            self.reply({"result": "unknown"})
            return
        result = self.world.pay(order, body.get("openid"), body.get("prepay_id"))
        if result == "paid":
            self.pay_simulator.notifier.paid(order)
        self.reply({"result": result, "transaction_id": order.transaction_id or None})


class PayOutcome(PayControl):
    """What the next payment of the order comes to; decides at once about one that is under way."""

    def post(self) -> None:
        body = self.body()
        outcome = cast(Outcome, self.choice(body, "outcome", OUTCOMES))
        order = self.order(body)
        if order is None:
            raise HTTPError(404, "no such order")
        order.outcome = outcome
        if order.state == "USERPAYING" and self.world.settle(order, outcome) == "paid":
            self.pay_simulator.notifier.paid(order)
        self.reply({"trade_state": order.state})


class RefundOutcomeHandler(PayControl):
    def post(self) -> None:
        body = self.body()
        outcome = cast(RefundOutcome, self.choice(body, "outcome", REFUND_OUTCOMES))
        self.world.refund_outcomes[self.need(body, "out_refund_no")] = outcome
        self.reply({"outcome": outcome})


class NotificationFaults(PayControl):
    def post(self) -> None:
        body = self.body()
        self.world.notify_faults.append(
            NotifyFault(
                kind=self.choice(body, "kind", notifier.FAULTS),
                count=int(body.get("count", 1)),
                seconds=float(body.get("seconds", 0)),
                event_type=body.get("event_type"),
                out_trade_no=body.get("out_trade_no"),
            )
        )
        self.reply({"waiting": len(self.world.notify_faults)})


class Probe(PayControl):
    async def post(self) -> None:
        body = self.body()
        self.world.probe_answers += int(body.get("answers", 0))
        if body.get("url"):
            self.reply(await self.pay_simulator.notifier.probe(self.need(body, "url")))
        else:
            self.reply({"answers": self.world.probe_answers})


class BillHandler(PayControl):
    def post(self) -> None:
        body = self.body()
        if not body:
            self.world.bill_changes.clear()
        else:
            amount = body.get("amount")
            if amount is not None and type(amount) is not int:
                raise HTTPError(400, "amount is a whole number of fen")
            kind = self.choice(body, "kind", bills.CHANGES)
            self.world.bill_changes.append(BillChange(kind, body.get("day"), body.get("number"), amount))
        self.reply({"changes": len(self.world.bill_changes)})


class Orders(PayControl):
    def get(self) -> None:
        self.reply(self.world.sent_to(self.wanted()))


class Notifications(PayControl):
    def get(self) -> None:
        wanted = self.wanted().items()
        self.reply(
            [
                record
                for record in self.world.notifications
                if all(str(record.get(key)) == value for key, value in wanted)
            ]
        )


ROUTES: list[Any] = [
    ("/control/pay", Pay),
    ("/control/pay_outcome", PayOutcome),
    ("/control/refund_outcome", RefundOutcomeHandler),
    ("/control/notification_faults", NotificationFaults),
    ("/control/probe", Probe),
    ("/control/bill", BillHandler),
    ("/control/orders", Orders),
    ("/control/notifications", Notifications),
]
