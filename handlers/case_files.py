"""The files of a case for officers; each reading is written into the audit. Handed in: handlers/staff_files.py."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from handlers.base import Call
from handlers.case_desk import officer_of
from handlers.routing import Idempotency, Limit, Raw, Route, staff
from handlers.uploads import file_answer
from kernel.clock import SHANGHAI
from kernel.errors import Code


class CaseFileView(Struct, kw_only=True):
    """A file of a case, before it is opened. ``part``: material, authorisation, result. ``risky``: look at ``flags``
    (attachments, encrypted, unreadable) before opening it. ``source``: the earlier case it is reused from."""

    id: str
    name: str
    part: str
    material: str
    content_type: str
    size: int
    risky: bool
    flags: list[str]
    handed_in_at: datetime
    source: str


class CaseFileList(Struct, kw_only=True):
    files: list[CaseFileView]


async def list_files(call: Call, case_id: str) -> CaseFileList:
    """What files the case has. Names are ours, not the senders', which may hold personal data."""
    found = await call.city.case_queries.files(officer_of(call), case_id)
    return CaseFileList(
        files=[
            CaseFileView(
                id=file.id, name=file.name, part=file.part, material=file.material, content_type=file.content_type,
                size=file.size, risky=bool(file.flags), flags=[flag.value for flag in file.flags],
                handed_in_at=file.handed_in_at.astimezone(SHANGHAI), source=file.source,
            )
            for file in found
        ]
    )  # fmt: skip


async def show_file(call: Call, case_id: str, file_id: str) -> Raw:
    """A file of a case: a material, a scan, an authorisation, the result. Who reads it is written down first."""
    await call.city.cases.do_open_file(officer_of(call), case_id, file_id)
    return file_answer(*await call.city.file_queries.read(file_id))


_ANY = staff("window_officer", "approver", "supervisor")

ROUTES = [
    Route(
        "GET", "/staff/cases/{case_id}/files", list_files, _ANY, Limit.READ, Idempotency.SAFE, "The files of a case",
        (Code.CASE_NOT_FOUND,),
    ),
    Route(
        "GET", "/staff/cases/{case_id}/files/{file_id}", show_file, _ANY, Limit.READ, Idempotency.SAFE,
        "Read a file of a case, audited", (Code.CASE_NOT_FOUND, Code.FILE_NOT_FOUND),
        content_type="application/octet-stream",
    ),
]  # fmt: skip
