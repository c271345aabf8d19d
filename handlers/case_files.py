"""The files of a case for officers; each reading is written into the audit. Handed in: handlers/staff_files.py."""

from __future__ import annotations

from handlers.base import Call
from handlers.case_desk import officer_of
from handlers.routing import Idempotency, Limit, Raw, Route, staff
from handlers.uploads import file_answer
from kernel.errors import Code


async def show_file(call: Call, case_id: str, file_id: str) -> Raw:
    """A file of a case: a material, a scan, an authorisation, the result. Who reads it is written down first."""
    await call.city.cases.do_open_file(officer_of(call), case_id, file_id)
    return file_answer(*await call.city.file_queries.read(file_id))


_ANY = staff("window_officer", "approver", "supervisor")

ROUTES = [
    Route(
        "GET", "/staff/cases/{case_id}/files/{file_id}", show_file, _ANY, Limit.READ, Idempotency.SAFE,
        "Read a file of a case, audited", (Code.CASE_NOT_FOUND, Code.FILE_NOT_FOUND),
        content_type="application/octet-stream",
    ),
]  # fmt: skip
