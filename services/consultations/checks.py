"""WeChat's content check of what residents write (msg_sec_check), beside the conversation and never in its way."""

from __future__ import annotations

import logging
from datetime import timedelta

from kernel.clock import Clock
from kernel.errors import BanshiError
from services.consultations.entries import Entries
from services.consultations.model import Check, Draft, Entry, Kind, Side
from services.consultations.ports import ContentCheck, Live, Verdict
from services.consultations.store import EntryStore

log = logging.getLogger("banshi.consultations")

# Longer than a call to WeChat may take: a worker that died over a check leaves it to the next one.
LEASE = timedelta(seconds=60)
# After each failed attempt; then the words stay unchecked, and staff see that they are.
RETRY_AFTER = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600))

# msg_sec_check's labels, as staff read them.
LABELS = {
    10001: "广告", 20001: "时政", 20002: "色情", 20003: "辱骂", 20006: "违法犯罪", 20008: "欺诈", 20012: "低俗",
    20013: "版权", 21000: "其他",
}  # fmt: skip


def label_text(label: int | None) -> str:
    return LABELS.get(label or 0, "其他")


class Checks:
    def __init__(self, store: EntryStore, entries: Entries, check: ContentCheck, live: Live, clock: Clock) -> None:
        self._store = store
        self._entries = entries
        self._check = check
        self._live = live
        self._clock = clock

    async def do_check_due(self, limit: int = 50) -> int:
        """Has WeChat judge what is due; returns how many were asked about."""
        now = self._clock.now()
        asked = 0
        for entry in await self._store.to_check(now, limit):
            if await self._store.lease_check(entry, now + LEASE):
                asked += 1
                await self._judge(entry)
        return asked

    async def _judge(self, entry: Entry) -> None:
        try:
            verdict = await self._check.judge(entry.sender, entry.text)
        except BanshiError as error:
            await self._try_later(entry, error)
            return
        if verdict is None:
            await self._store.checked(entry, Check.UNCHECKED, None, None)
            return
        if verdict.risky:
            # Before the verdict is noted: should this process die in between, it is judged and told again, once.
            await self._tell(entry, verdict)
        await self._store.checked(entry, Check.RISKY if verdict.risky else Check.PASSED, verdict.label, None)

    async def _try_later(self, entry: Entry, error: BanshiError) -> None:
        again_at = None
        if entry.check_attempts < len(RETRY_AFTER):
            again_at = self._clock.now() + RETRY_AFTER[entry.check_attempts]
        else:
            log.warning("content stays unchecked", extra={"entry": entry.id, "error": repr(error)})
        await self._store.checked(entry, Check.UNCHECKED, None, again_at)

    async def _tell(self, entry: Entry, verdict: Verdict) -> None:
        draft = Draft(
            side=Side.SYSTEM, sender="system", client_msg_id=f"masked/{entry.seq}", kind=Kind.MASKED,
            text=f"一条消息未通过内容安全检测（{label_text(verdict.label)}），已对工作人员隐藏。",
            data={"seq": entry.seq, "label": verdict.label},
        )  # fmt: skip
        for made, fresh in await self._entries.append(entry.conversation, [draft]):
            if fresh:
                await self._live.tell(entry.conversation, {"type": "entry", "entry": made})
