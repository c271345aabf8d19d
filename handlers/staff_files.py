"""Files that staff hand in: the images of their answers, scans of what is brought to the window, results of cases."""

from __future__ import annotations

from msgspec import Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from handlers.uploads import one_file
from kernel.errors import Code


class StaffFile(Struct, kw_only=True):
    """A file of the caller's, to be named in what they send. ``size`` in bytes."""

    id: str
    name: str
    content_type: str
    size: int


async def upload(call: Call) -> StaffFile:
    """Keeps a JPEG, PNG or PDF: one part named `file`. The same file again is answered with the one that is kept.

    A file that nothing refers to is removed after some days.
    """
    sent = one_file(call)
    kept = await call.city.files.do_store(call.officer.staff_id, sent.name, sent.data, officer=True)
    return StaffFile(id=kept.id, name=kept.name, content_type=kept.content_type.value, size=kept.size)


ROUTES = [
    Route(
        "POST", "/staff/files", upload, staff("agent", "window_officer", "approver", "supervisor"), Limit.WRITE,
        Idempotency.NATURAL, "Hand in a file",
        (Code.FILE_TYPE_NOT_ALLOWED, Code.FILE_DAMAGED, Code.TOO_MANY_FILES, Code.CONFLICT), 201, upload=True,
    ),
]  # fmt: skip
