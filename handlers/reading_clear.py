"""Personal data in clear are shown for a reason, which the audit has before they are."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from services.identity.staff.model import REASON_MOST

# Its least length is counted without the blanks around it, where it is written down (``do_read_clear``).
ClearReason = Annotated[str, Meta(max_length=REASON_MOST)]


class ClearRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason``, at least four characters: why the data are needed. It is kept in the audit."""

    reason: ClearReason
