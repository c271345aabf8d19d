"""All changes of cases, by theme: residents (applications), windows, departments (approval), and here the timer."""

from __future__ import annotations

from kernel.limits import Colour
from kernel.machine import Actor
from services.cases.approval import Approval
from services.cases.clocks import reminder_at, reminder_key, silent_until, wake_at, warnings_due
from services.cases.machine import MACHINE
from services.cases.model import Case, State
from services.cases.work import Change


class Cases(Approval):
    """Everything that can be done with a case. Every ``do_*`` reads, decides, and makes one guarded write."""

    async def do_wake(self, case: Case) -> None:
        """A case's timer has come: silence has become acceptance, a clock has turned yellow or red, what a notice asks
        for is nearly too late, or the case is closed.

        Each warning goes out once: the write that tells of it also remembers it.
        """
        table, rules = self._around.workdays, self._around.rules
        now = self._clock.now()
        until = silent_until(case, table, rules)
        woken: Case | None = case
        if case.state == State.SUBMITTED and until is not None and until <= now:
            # 行政许可法 art. 32: not told in time what is missing, the application is accepted as of its receipt.
            change = self.accepted(case, await self._tasks(case), case.received_at, "")
            edge = MACHINE.step(case.state, "accept_silently", Actor.SYSTEM)
            woken = await self._write(case, edge, Actor.SYSTEM, "", change)
        elif (at := reminder_at(case, table, rules)) is not None and at <= now:
            woken = await self._remind(case)
        elif case.state == State.ISSUED and case.wake_at is not None and case.wake_at <= now:
            edge = MACHINE.step(case.state, "close", Actor.SYSTEM)
            woken = await self._write(case, edge, Actor.SYSTEM, "", Change())
        while woken is not None and woken.state == State.IN_APPROVAL and warnings_due(woken, table, now):
            woken = await self._warn(woken)
        if woken is case:
            await self._store.set_wake(case, wake_at(case, table, now, rules))

    async def _remind(self, case: Case) -> Case | None:
        """What was asked for is still missing, and the time for it nearly over."""
        notice = case.notices[-1]
        told = {"count": len(notice.missing), "until": str(notice.until)}
        change = Change({"warned": sorted({*case.warned, reminder_key(case)})}, told)
        edge = MACHINE.step(case.state, "remind_supplement", Actor.SYSTEM)
        return await self._write(case, edge, Actor.SYSTEM, "", change)

    async def _warn(self, case: Case) -> Case | None:
        """Tells of the first warning that is due; red stands for a yellow that nobody saw."""
        name, colour = warnings_due(case, self._around.workdays, self._clock.now())[0]
        gone = {f"{name}:{Colour.YELLOW}", f"{name}:{colour}"}
        change = Change({"warned": sorted({*case.warned, *gone})}, {"clock": name, "colour": colour.value})
        edge = MACHINE.step(case.state, f"warn_{colour}", Actor.SYSTEM)
        return await self._write(case, edge, Actor.SYSTEM, "", change, name)
