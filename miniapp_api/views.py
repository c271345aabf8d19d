"""The answers of the mini-program's API: what a screen shows, in the field's own names. Instants carry +08:00."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from kernel.clock import SHANGHAI
from services.appointments.model import Booking
from services.appointments.queries import Day
from services.catalogue.model import Field, ItemContent, ItemVersion
from services.centres.model import Centre

# Said on every page and in every answer that shows the catalogue or a place.
SAMPLE_NOTE = "示例数据：参照各地公开做法编写，不作为办事依据。"


class ItemSummary(Struct, kw_only=True):
    """An item in a list."""

    code: str
    version: int
    name: str
    field: Field
    department: str
    online: str
    counter: str
    promised_limit_days: int
    free_of_charge: bool


class ItemView(Struct, kw_only=True):
    """An item with its whole guide."""

    version: int
    published_at: datetime
    bookable: bool
    content: ItemContent
    sample: str = SAMPLE_NOTE


class CounterView(Struct, kw_only=True):
    kind: str
    name: str
    windows: int
    service_minutes: int


class CentreView(Struct, kw_only=True):
    """A place. ``distance_km`` only when the caller said where they are."""

    code: str
    name: str
    level: str
    district: str
    address: str
    phone: str
    location: tuple[float, float]
    opening: dict[str, list[tuple[str, str]]]
    counters: list[CounterView]
    notes: str = ""
    distance_km: float | None = None
    sample: str = SAMPLE_NOTE


class TimeView(Struct, kw_only=True):
    start: datetime
    end: datetime
    capacity: int
    free: int
    waiting: int


class DayView(Struct, kw_only=True):
    day: date
    free: int
    times: list[TimeView]


class CalendarView(Struct, kw_only=True):
    """All times of an item at a centre that can be booked."""

    item: str
    centre: str
    days: list[DayView]


class BookingView(Struct, kw_only=True):
    """A booking. ``until``: a hold or an offer ends then. ``state_text`` is for the screen."""

    id: str
    state: str
    state_text: str
    item: str
    item_version: int
    item_name: str
    centre: str
    centre_name: str
    centre_address: str
    start: datetime
    end: datetime
    until: datetime | None
    queue_number: str
    window: str
    created_at: datetime
    actions: list[str]


STATE_TEXT = {
    "waiting": "候补排队中",
    "held": "已为您保留，请尽快确认",
    "offered": "候补到号，请尽快确认",
    "confirmed": "预约成功",
    "checked_in": "已签到，请等候叫号",
    "called": "请到窗口办理",
    "done": "已办结",
    "no_show": "未到",
    "cancelled": "已取消",
    "closed": "已结束",
    "expired": "已失效",
}


def item_summary(item: ItemVersion) -> ItemSummary:
    content = item.content
    return ItemSummary(
        code=content.code,
        version=item.number,
        name=content.name,
        field=content.field,
        department=content.department,
        online=content.online.value,
        counter=content.counter,
        promised_limit_days=content.promised_limit_days,
        free_of_charge=not content.fees,
    )


def item_view(item: ItemVersion, *, bookable: bool) -> ItemView:
    return ItemView(version=item.number, published_at=local(item.published_at), bookable=bookable, content=item.content)


def centre_view(centre: Centre, distance_km: float | None = None) -> CentreView:
    return CentreView(
        code=centre.code,
        name=centre.name,
        level=centre.level.value,
        district=centre.district,
        address=centre.address,
        phone=centre.phone,
        location=centre.location,
        opening={day: [(p.opens, p.closes) for p in periods] for day, periods in centre.opening.items()},
        counters=[
            CounterView(kind=c.kind.value, name=c.name, windows=len(c.windows), service_minutes=c.service_minutes)
            for c in centre.counters
        ],
        notes=centre.notes,
        distance_km=None if distance_km is None else round(distance_km, 1),
    )


def calendar_view(item: str, centre: str, days: list[Day]) -> CalendarView:
    return CalendarView(
        item=item,
        centre=centre,
        days=[
            DayView(
                day=day.day,
                free=day.free,
                times=[
                    TimeView(
                        start=local(t.start), end=local(t.end), capacity=t.capacity, free=t.free, waiting=t.waiting
                    )
                    for t in day.times
                ],
            )
            for day in days
        ],
    )


def booking_view(booking: Booking, actions: list[str]) -> BookingView:
    """``actions``: what this caller may do with it now."""
    return BookingView(
        id=booking.id,
        state=booking.state,
        state_text=STATE_TEXT[booking.state],
        item=booking.item,
        item_version=booking.item_version,
        item_name=booking.item_name,
        centre=booking.centre,
        centre_name=booking.centre_name,
        centre_address=booking.centre_address,
        start=local(booking.start),
        end=local(booking.end),
        until=None if booking.until is None else local(booking.until),
        queue_number=booking.queue_number,
        window=booking.window,
        created_at=local(booking.created_at),
        actions=actions,
    )


def local(instant: datetime) -> datetime:
    return instant.astimezone(SHANGHAI)
