"""Every collection of the product."""

from __future__ import annotations

from services.appointments.store import BookingStore
from services.catalogue.store import ItemStore, ItemVersionStore
from services.centres.store import CentreStore
from services.events.store import DeadLetterStore
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.store import PersonStore, SessionStore
from services.notifications.store import ConsentStore, EarlyReceiptStore, MessageStore, TemplateStore
from services.store import RevisionStore, Store

# ``init`` makes their indexes, structural tests walk them.
STORES: tuple[type[Store], ...] = (
    ItemStore, ItemVersionStore, CentreStore, BookingStore, DeadLetterStore, RevisionStore,
    PersonStore, SessionStore, StaffStore, StaffSessionStore, AttemptStore, AuditStore,
    MessageStore, TemplateStore, ConsentStore, EarlyReceiptStore,
)  # fmt: skip
