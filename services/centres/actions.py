"""Changing centres: import of a whole file, closing days."""

from __future__ import annotations

import msgspec

from kernel.errors import InvalidInput
from services.centres.model import Centre, Closure, faults
from services.centres.queries import Centres
from services.centres.store import CentreStore
from services.imports import Parsed, parse
from services.store import RevisionStore

TOPIC = "centres"


class CentreActions:
    """Writes centres and tells every process to read them anew."""

    def __init__(self, store: CentreStore, revisions: RevisionStore, centres: Centres) -> None:
        self._store = store
        self._revisions = revisions
        self._centres = centres

    async def do_import(self, text: bytes, *, as_csv: bool = False) -> Parsed[Centre]:
        """All lines or none: see ``Parsed.rejections``."""
        parsed = parse(text, Centre, faults, lambda centre: centre.code, as_csv=as_csv)
        if parsed.sound:
            await self._store.replace(parsed.records)
            await self._published()
        return parsed

    async def do_close(self, code: str, closure: Closure) -> Centre:
        """Shuts a centre on some days. Bookings on these days stay: staff cancel them (``do_cancel_for``)."""
        centre = self._centres.get(code)
        changed = msgspec.structs.replace(centre, closures=[*centre.closures, closure])
        if wrong := faults(changed):
            raise InvalidInput(field=wrong[0][0], reason=wrong[0][1])
        await self._store.replace([changed])
        await self._published()
        return changed

    async def refresh(self) -> None:
        """Reads all centres into this process."""
        self._centres.load(await self._store.all())

    async def _published(self) -> None:
        await self._revisions.bump(TOPIC)
        await self.refresh()
