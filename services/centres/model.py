"""A service centre (政务服务中心 / 便民服务中心), its counters and its opening hours."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec
from msgspec import Struct

from kernel.clock import minutes
from services.catalogue.model import Level

# Index 0 is Monday, as date.weekday() counts.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class CounterKind(StrEnum):
    """What a group of windows serves; an item names the kind it needs."""

    HOUSEHOLD = "household"  # 户政 出入境
    TRAFFIC = "traffic"  # 车管
    SOCIAL_INSURANCE = "social_insurance"  # 社保 就业
    MEDICAL_INSURANCE = "medical_insurance"  # 医保
    CIVIL_AFFAIRS = "civil_affairs"  # 民政
    REAL_ESTATE = "real_estate"  # 不动产
    HOUSING_FUND = "housing_fund"  # 公积金
    ENTERPRISE = "enterprise"  # 企业开办
    TAX = "tax"  # 税务
    GENERAL = "general"  # 综合窗口


class Counter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of windows that serve the same items. Times in minutes."""

    kind: CounterKind
    name: str
    # First character of the queue numbers called at this counter.
    prefix: str
    windows: list[str]
    service_minutes: int = 15
    slot_minutes: int = 30
    # Items of this kind that the counter does not take, by code.
    except_items: list[str] = msgspec.field(default_factory=list)

    @property
    def places_per_slot(self) -> int:
        """How many people one full slot serves: windows x services that fit into a slot."""
        return len(self.windows) * (self.slot_minutes // self.service_minutes)


class Period(Struct, frozen=True, array_like=True):
    """Opening times of one part of a day, "08:30" to "12:00"."""

    opens: str
    closes: str


class Closure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days, first and last included, on which the centre is shut, whatever the calendar says."""

    first: date
    last: date
    reason: str


class Centre(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place. ``location`` is [longitude, latitude] in degrees (GCJ-02, as WeChat's map shows it)."""

    code: str
    name: str
    level: Level
    # GB/T 2260 code of the district or county-level city, and its name.
    division: str
    district: str
    address: str
    phone: str
    location: tuple[float, float]
    # By weekday; a day that is missing is shut. Working days by the State Council's calendar come first: a make-up
    # working day on a weekend opens like Monday, a public holiday shuts the centre.
    opening: dict[str, list[Period]]
    counters: list[Counter]
    closures: list[Closure] = msgspec.field(default_factory=list)
    notes: str = ""

    def counter(self, kind: str) -> Counter | None:
        return next((counter for counter in self.counters if counter.kind == kind), None)


def faults(centre: Centre) -> list[tuple[str, str]]:
    """What the types cannot say: (field, reason) for every broken rule."""
    found: list[tuple[str, str]] = []
    if not centre.code.strip() or "/" in centre.code:
        found.append(("code", "不能为空，不能含 /"))
    if not (118 < centre.location[0] < 124 and 36 < centre.location[1] < 38):
        found.append(("location", "不在威海范围内（经度、纬度）"))
    for day, periods in centre.opening.items():
        found += [(f"opening.{day}", reason) for reason in _period_faults(day, periods)]
    kinds = [counter.kind for counter in centre.counters]
    if len(set(kinds)) != len(kinds):
        found.append(("counters", "同一类窗口出现两次"))
    for index, counter in enumerate(centre.counters):
        where = f"counters[{index}]"
        if not counter.windows or len(set(counter.windows)) != len(counter.windows):
            found.append((f"{where}.windows", "至少一个窗口，且不能重复"))
        if not 5 <= counter.slot_minutes <= 240:
            found.append((f"{where}.slot_minutes", "5 到 240 分钟"))
        elif not 1 <= counter.service_minutes <= counter.slot_minutes:
            found.append((f"{where}.service_minutes", "1 分钟到一个时段"))
        if len(counter.prefix) != 1:
            found.append((f"{where}.prefix", "一个字"))
    for index, closure in enumerate(centre.closures):
        if closure.last < closure.first:
            found.append((f"closures[{index}].last", "早于开始日期"))
    return found


def _period_faults(day: str, periods: list[Period]) -> list[str]:
    if day not in WEEKDAYS:
        return [f"应为 {', '.join(WEEKDAYS)} 之一"]
    reasons: list[str] = []
    end = -1
    for period in periods:
        try:
            opens, closes = minutes(period.opens), minutes(period.closes)
        except ValueError:
            return ["时间格式应为 08:30"]
        if opens >= closes:
            reasons.append("结束时间应晚于开始时间")
        if opens < end:
            reasons.append("时段重叠或次序不对")
        end = closes
    return reasons
