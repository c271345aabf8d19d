"""The centres as every process keeps them in memory: by code, by item, by distance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from kernel.errors import Code, NotFound
from services.catalogue.model import ItemContent
from services.centres.model import Centre, Counter

EARTH_KM = 6371.0


class Centres:
    """All centres; replaced as a whole when a newer edition is published."""

    def __init__(self, centres: Iterable[Centre] = ()) -> None:
        self._by_code: dict[str, Centre] = {}
        # Grows with every load, as the catalogue's does.
        self.edition = 0
        self.load(centres)

    def load(self, centres: Iterable[Centre]) -> None:
        self._by_code = {centre.code: centre for centre in sorted(centres, key=lambda c: c.code)}
        self.edition += 1

    def __len__(self) -> int:
        return len(self._by_code)

    def all(self) -> list[Centre]:
        return list(self._by_code.values())

    def get(self, code: str) -> Centre:
        """Raises NotFound CENTRE_NOT_FOUND."""
        centre = self._by_code.get(code)
        if centre is None:
            raise NotFound(Code.CENTRE_NOT_FOUND, centre=code)
        return centre

    def for_item(self, item: ItemContent) -> list[Centre]:
        """The centres that accept an item: those with its kind of counter, unless the counter excludes it."""
        return [centre for centre in self._by_code.values() if counter_for(centre, item) is not None]


def counter_for(centre: Centre, item: ItemContent) -> Counter | None:
    """The counter of a centre that takes the item, or None."""
    counter = centre.counter(item.counter) if item.counter else None
    return None if counter is None or item.code in counter.except_items else counter


def by_distance(centres: Sequence[Centre], longitude: float, latitude: float) -> list[tuple[Centre, float]]:
    """(centre, kilometres), nearest first, by great circle."""
    return sorted(((c, distance_km(c.location, (longitude, latitude))) for c in centres), key=lambda pair: pair[1])


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two [longitude, latitude] points in degrees (haversine formula)."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(h))
