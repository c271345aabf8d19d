"""Notifications of payments and refunds: encrypted, signed anew for each attempt, repeated until they are taken.

Faults, one notification each (POST /control/notification_faults, or the shared /control/faults with path ``callback``
for ``delay``, ``drop`` and ``repeat``):

    lose     it is never sent: WeChat Pay does not promise delivery
    drop     its first attempt does not arrive; the schedule goes on
    delay    its first attempt comes ``seconds`` (real ones) later
    repeat   once it was taken, it comes once more
    twice    its first attempt is made twice at the same time
    reorder  it waits until another notification has been tried, at most ``seconds`` (5 when 0)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from simulators.control import CALLBACK, Control
from simulators.wechat_pay.records import OrderRecord, RefundRecord, wire_time
from simulators.wechat_pay.signing import Signer
from simulators.wechat_pay.world import NotifyFault, WeChatPayWorld

# Seconds after each failed attempt: 15 repetitions in 24 h 4 min. Source: 支付成功通知, "通知规则".
SCHEDULE = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
FAULTS = ("lose", "drop", "delay", "repeat", "twice", "reorder")
_REORDER_SECONDS = 5.0


class Notifier:
    def __init__(self, world: WeChatPayWorld, control: Control, signer: Signer) -> None:
        self._world, self._control, self._signer = world, control, signer
        self._held: list[asyncio.Event] = []

    def paid(self, order: OrderRecord) -> None:
        numbers = {"out_trade_no": order.out_trade_no}
        self._announce("TRANSACTION.SUCCESS", "支付成功", "transaction", order.answer(), order.notify_url, numbers)

    def refunded(self, refund: RefundRecord) -> None:
        if not refund.notify_url:
            return
        numbers = {"out_trade_no": refund.out_trade_no, "out_refund_no": refund.out_refund_no}
        words = {"SUCCESS": "退款成功", "ABNORMAL": "退款异常", "CLOSED": "退款关闭"}[refund.state]
        plaintext = refund.plaintext(self._world.settings.mchid)
        self._announce(f"REFUND.{refund.state}", words, "refund", plaintext, refund.notify_url, numbers)

    async def refund_later(self, refund: RefundRecord) -> None:
        await asyncio.sleep(self._world.settings.refund_seconds)
        self._world.settle_refund(refund)
        self.refunded(refund)

    async def probe(self, url: str) -> dict[str, Any]:
        """One SIGNTEST probe by itself: a notification of no order, whose signature is wrong on purpose."""
        body = self._envelope("TRANSACTION.SUCCESS", "支付成功", "transaction", {"probe": True})
        record: dict[str, Any] = {"attempts": []}
        await self._attempt(record, url, body, probe=True)
        return dict(record["attempts"][0])

    def _announce(
        self,
        event: str,
        summary: str,
        kind: str,
        plaintext: Mapping[str, Any],
        url: str,
        numbers: Mapping[str, str],
    ) -> None:
        body = self._envelope(event, summary, kind, plaintext)
        record = {
            "number": len(self._world.notifications) + 1,
            "id": json.loads(body)["id"],
            "event_type": event,
            "out_trade_no": numbers.get("out_trade_no"),
            "out_refund_no": numbers.get("out_refund_no"),
            "url": self._world.callback_url or url,
            "state": "pending",
            "faults": [],
            "attempts": [],
        }
        self._world.notifications.append(record)
        self._control.start(self._deliver(record, body))

    def _envelope(self, event: str, summary: str, kind: str, plaintext: Mapping[str, Any]) -> bytes:
        plain = json.dumps(plaintext, ensure_ascii=False, separators=(",", ":")).encode()
        envelope = {
            "id": str(uuid.uuid4()),
            "create_time": wire_time(self._world.wire.now()),
            "event_type": event,
            "resource_type": "encrypt-resource",
            "summary": summary,
            "resource": self._signer.encrypt(plain, kind),
        }
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()

    async def _deliver(self, record: dict[str, Any], body: bytes) -> None:
        faults = self._faults(record)
        record["faults"] = sorted(faults)
        if "lose" in faults:
            record["state"] = "lost"
            return
        if "delay" in faults:
            await asyncio.sleep(faults["delay"].seconds)
        if "reorder" in faults:
            await self._wait_for_another(faults["reorder"].seconds or _REORDER_SECONDS)
        if self._probe_is_due(record):
            await self._attempt(record, record["url"], body, probe=True)
        for number, pause in enumerate((0, *SCHEDULE)):
            await asyncio.sleep(pause / self._world.settings.time_factor)
            if number == 0:
                taken = await self._first(record, body, faults)
                self._release()
            else:
                taken = await self._attempt(record, record["url"], body)
            if taken:
                record["state"] = "taken"
                break
        else:
            record["state"] = "given_up"
        if "repeat" in faults and record["state"] == "taken":
            await self._attempt(record, record["url"], body)

    async def _first(self, record: dict[str, Any], body: bytes, faults: Mapping[str, NotifyFault]) -> bool:
        if "drop" in faults:
            record["attempts"].append({"at": self._world.wire.now().isoformat(), "answer": "dropped", "taken": False})
            return False
        times = 2 if "twice" in faults else 1
        return any(await asyncio.gather(*(self._attempt(record, record["url"], body) for _ in range(times))))

    async def _attempt(self, record: dict[str, Any], url: str, body: bytes, *, probe: bool = False) -> bool:
        now = self._world.wire.now()
        attempt: dict[str, Any] = {"at": now.isoformat(), "probe": probe, "status": None, "answer": None}
        record["attempts"].append(attempt)
        headers = self._signer.headers(body, now.timestamp(), probe=probe) | {"Content-Type": "application/json"}
        within = self._world.settings.answer_within
        request = HTTPRequest(
            url,
            method="POST",
            headers=headers,
            body=body,
            connect_timeout=within,
            request_timeout=within,
            follow_redirects=False,
        )
        client = AsyncHTTPClient(force_instance=True)
        try:
            response = await client.fetch(request, raise_error=False)
            attempt["status"], attempt["answer"] = response.code, response.body.decode("utf-8", "replace")
        except Exception as error:
            attempt["answer"] = type(error).__name__
        finally:
            client.close()
        attempt["taken"] = attempt["status"] in (200, 204)
        return bool(attempt["taken"])

    def _faults(self, record: Mapping[str, Any]) -> dict[str, NotifyFault]:
        """The faults of this notification, each used up by one."""
        found: dict[str, NotifyFault] = {}
        for fault in list(self._world.notify_faults):
            event_fits = fault.event_type in (None, record["event_type"])
            if fault.kind in found or not event_fits or fault.out_trade_no not in (None, record["out_trade_no"]):
                continue
            found[fault.kind] = fault
            fault.count -= 1
            if fault.count <= 0:
                self._world.notify_faults.remove(fault)
        for kind in ("delay", "drop", "repeat"):
            if kind not in found and (shared := self._control.take(CALLBACK, kind)):
                found[kind] = NotifyFault(kind, seconds=shared.seconds)
        return found

    def _probe_is_due(self, record: Mapping[str, Any]) -> bool:
        every = self._world.settings.probe_every
        return every > 0 and int(record["number"]) % every == 0

    async def _wait_for_another(self, seconds: float) -> None:
        event = asyncio.Event()
        self._held.append(event)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    def _release(self) -> None:
        held, self._held = self._held, []
        for event in held:
            event.set()
