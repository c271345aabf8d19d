"""Read views of reconciled days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kernel.clock import Clock, local_day
from kernel.errors import Code, InvalidInput, NotFound
from services.payments.reconciliation.model import Day, Difference
from services.payments.reconciliation.store import DayStore, DifferenceStore

MAX_DAYS = 92


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day and how many of its differences are open."""

    day: Day
    open: int


class ReconciliationQueries:
    """Nothing here changes anything."""

    def __init__(self, days: DayStore, differences: DifferenceStore, clock: Clock) -> None:
        self._days, self._differences, self._clock = days, differences, clock

    async def days(self, first: date | None, last: date | None) -> list[DayLine]:
        """The newest first; the last 31 days when nothing is said. Raises InvalidInput for more than 92 days."""
        last = last or local_day(self._clock.now())
        first = first or last - timedelta(days=30)
        if not 0 <= (last - first).days < MAX_DAYS:
            raise InvalidInput(field="from", reason=f"1 to {MAX_DAYS} days")
        days = await self._days.between(first.isoformat(), last.isoformat())
        counts = await self._differences.open_between(first.isoformat(), last.isoformat())
        return [DayLine(day, counts.get(day.id, 0)) for day in days]

    async def day(self, day: str) -> tuple[Day, list[Difference]]:
        """Raises NotFound DAY_NOT_FOUND."""
        record = await self._days.get(day)
        if record is None:
            raise NotFound(Code.DAY_NOT_FOUND, day=day)
        return record, await self._differences.of_day(day)
