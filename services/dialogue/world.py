"""The catalogue and the centres as the dialogue sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernel.errors import NotFound
from kernel.workdays import WorkdayTable
from nlp.slots import PlaceEntry, PlaceWords
from services.catalogue.model import ItemContent, ItemVersion
from services.catalogue.queries import Catalogue
from services.centres.model import Centre
from services.centres.queries import Centres
from services.dialogue.model import CentreFact, ItemFact

_LEVELS = {"city": 0, "county": 1, "town": 2, "village": 3}


class CityWorld:
    """What this process knows of the city; follows each newer edition by itself."""

    def __init__(
        self, catalogue: Catalogue, centres: Centres, workdays: WorkdayTable, spoken: Mapping[str, Sequence[str]]
    ) -> None:
        """``spoken``: what people call districts and centres (data/nlp/places.json)."""
        self._catalogue = catalogue
        self._centres = centres
        self.workdays = workdays
        self._spoken = spoken
        self._places: PlaceWords | None = None
        self._edition = -1

    @property
    def places(self) -> PlaceWords:
        if self._places is None or self._edition != self._centres.edition:
            entries = [PlaceEntry(code=c.code, name=c.name, district=c.district) for c in self._centres.all()]
            self._places, self._edition = PlaceWords(entries, self._spoken), self._centres.edition
        return self._places

    def item(self, code: str) -> ItemFact | None:
        try:
            return _item_fact(self._catalogue.get(code))
        except NotFound:
            return None

    def centre(self, code: str) -> CentreFact | None:
        try:
            return _centre_fact(self._centres.get(code))
        except NotFound:
            return None

    def centres_for(self, item: str) -> list[CentreFact]:
        try:
            content = self._catalogue.get(item).content
        except NotFound:
            return []
        found = [_centre_fact(centre) for centre in self._centres.for_item(content)]
        return sorted(found, key=lambda c: _LEVELS[c.level])


def _item_fact(item: ItemVersion) -> ItemFact:
    content = item.content
    return ItemFact(
        code=content.code,
        version=item.number,
        name=content.name,
        department=content.department,
        bookable=bool(content.counter),
        online=content.online.value,
        limit_days=content.promised_limit_days,
        materials=tuple(m.name + (f"（{m.condition}）" if m.condition else "") for m in content.materials),
        conditions=tuple(content.conditions),
        fee=_fee(content),
        steps=tuple(step.name for step in content.steps),
    )


def _fee(content: ItemContent) -> str:
    if not content.fees:
        return "不收费"
    lines = [f"{f.name}{f.amount_fen // 100}.{f.amount_fen % 100:02}元/{f.unit}" for f in content.fees]
    return "收费：" + "；".join(lines)


def _centre_fact(centre: Centre) -> CentreFact:
    return CentreFact(code=centre.code, name=centre.name, address=centre.address, level=centre.level.value)
