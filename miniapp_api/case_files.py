"""The files of one's own cases: what was handed in, the window's scans, the result."""

from __future__ import annotations

from handlers.base import Call
from handlers.routing import RESIDENT, Idempotency, Limit, Raw, Route
from handlers.uploads import file_answer
from kernel.errors import Code, NotFound


async def read_result(call: Call, case_id: str) -> Raw:
    """The electronic result as a file, once it was handed over."""
    case = await call.city.case_queries.one(call.person, case_id)
    if case.handover is None or case.result is None or case.result.file is None:
        raise NotFound(Code.FILE_NOT_FOUND, case=case_id)
    return file_answer(*await call.city.file_queries.read(case.result.file))


async def read_file(call: Call, case_id: str, file_id: str) -> Raw:
    """Any file of the case: also one that an officer scanned at the window."""
    return file_answer(
        *await call.city.file_queries.read(await call.city.case_queries.file_of(call.person, case_id, file_id))
    )


_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)
_ERRORS = (Code.CASE_NOT_FOUND, Code.FILE_NOT_FOUND)
_BYTES = "application/octet-stream"
_CASE = "/api/cases/{case_id}"

ROUTES = [
    Route("GET", _CASE + "/result", read_result, *_READ, "The result as a file", _ERRORS, content_type=_BYTES),
    Route("GET", _CASE + "/files/{file_id}", read_file, *_READ, "A file of a case", _ERRORS, content_type=_BYTES),
]
