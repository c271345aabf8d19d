"""Files that residents hand in: photos and PDFs of materials, before a case refers to them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from handlers.base import Call, Done
from handlers.routing import RESIDENT, Idempotency, Limit, Raw, Route
from handlers.uploads import file_answer, one_file
from kernel.errors import Code
from services.files.model import StoredFile


class FileView(Struct, kw_only=True):
    """A file of the caller. ``size`` in bytes; ``in_use``: something refers to it, it cannot be deleted."""

    id: str
    name: str
    content_type: str
    size: int
    created_at: datetime
    in_use: bool


async def upload(call: Call) -> FileView:
    """Keeps a JPEG, PNG or PDF: one part named `file`. The same file again is answered with the one that is kept.

    A file that nothing refers to is removed after some days.
    """
    sent = one_file(call)
    return file_view(await call.city.files.do_store(call.person, sent.name, sent.data))


async def download(call: Call, file_id: str) -> Raw:
    """The bytes of a file of the caller's."""
    return file_answer(*await call.city.file_queries.read(file_id, call.person))


async def delete(call: Call, file_id: str) -> Done:
    """Removes a file that nothing refers to."""
    await call.city.files.do_delete(call.person, file_id)
    return Done()


def file_view(file: StoredFile) -> FileView:
    return FileView(
        id=file.id,
        name=file.name,
        content_type=file.content_type.value,
        size=file.size,
        created_at=file.created_at,
        in_use=bool(file.uses),
    )


ROUTES = [
    Route(
        "POST", "/api/files", upload, RESIDENT, Limit.WRITE, Idempotency.NATURAL, "Hand in a file",
        (Code.FILE_TYPE_NOT_ALLOWED, Code.FILE_DAMAGED, Code.TOO_MANY_FILES, Code.CONFLICT), 201, upload=True,
    ),
    Route(
        "GET", "/api/files/{file_id}", download, RESIDENT, Limit.READ, Idempotency.SAFE, "Read a file",
        (Code.FILE_NOT_FOUND,), content_type="application/octet-stream",
    ),
    Route(
        "DELETE", "/api/files/{file_id}", delete, RESIDENT, Limit.WRITE, Idempotency.NATURAL, "Delete an unused file",
        (Code.FILE_NOT_FOUND, Code.FILE_IN_USE),
    ),
]  # fmt: skip
