"""Officers and files: scans and results handed in, the files of a case shown, each reading written into the audit."""

from __future__ import annotations

from msgspec import Struct

from handlers.base import Call
from handlers.case_desk import officer_of
from handlers.routing import Idempotency, Limit, Raw, Route, staff
from handlers.uploads import file_answer, one_file
from kernel.errors import Code
from services.files.model import Flag, Purpose


class StaffUploadQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it is: a scan of what somebody brought, or a result."""

    purpose: Purpose = Purpose.MATERIAL


class StaffFileView(Struct, kw_only=True):
    """A file that the officer has handed in: its id goes into the step that refers to it. ``size`` in bytes."""

    id: str
    name: str
    content_type: str
    size: int
    flags: list[Flag]


async def upload(call: Call, query: StaffUploadQuery) -> StaffFileView:
    """Keeps a JPEG, PNG or PDF: one part named `file`. What no step refers to is removed after some days."""
    sent = one_file(call)
    kept = await call.city.files.do_store(call.officer.staff_id, sent.name, sent.data, query.purpose, officer=True)
    return StaffFileView(
        id=kept.id, name=kept.name, content_type=kept.content_type.value, size=kept.size, flags=kept.flags
    )


async def read_file(call: Call, case_id: str, file_id: str) -> Raw:
    """A file of a case: a material, a scan, an authorisation, the result. Who reads it is written down first."""
    await call.city.cases.do_open_file(officer_of(call), case_id, file_id)
    return file_answer(*await call.city.file_queries.read(file_id))


_ANY = staff("window_officer", "approver", "supervisor")

ROUTES = [
    Route(
        "POST", "/staff/files", upload, staff("window_officer", "approver"), Limit.WRITE, Idempotency.NATURAL,
        "Hand in a scan or a result",
        (Code.FILE_TYPE_NOT_ALLOWED, Code.FILE_DAMAGED, Code.TOO_MANY_FILES, Code.CONFLICT), 201, upload=True,
    ),
    Route(
        "GET", "/staff/cases/{case_id}/files/{file_id}", read_file, _ANY, Limit.READ, Idempotency.SAFE,
        "Read a file of a case, audited", (Code.CASE_NOT_FOUND, Code.FILE_NOT_FOUND),
        content_type="application/octet-stream",
    ),
]  # fmt: skip
