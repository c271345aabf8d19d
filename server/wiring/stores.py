"""Every collection of the product."""

from __future__ import annotations

from services.appointments.store import BookingStore
from services.cases.store import CaseStore
from services.catalogue.store import ItemStore, ItemVersionStore
from services.centres.store import CentreStore
from services.complaints.store import ComplaintStore
from services.consultations.store import (
    ConversationStore,
    EntryStore,
    OfficerStore,
    RatingStore,
    UnansweredStore,
)
from services.events.store import DeadLetterStore
from services.files.store import ChunkStore, FileStore, QuotaStore
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.store import PersonStore, SessionStore
from services.knowledge.store import CannedStore, KnowledgeStore
from services.learning.store import ProposalStore, SignalStore
from services.notifications.store import ConsentStore, EarlyReceiptStore, MessageStore, TemplateStore
from services.payments.accounts.store import AccountStore, BindingAttemptStore
from services.payments.reconciliation.store import DayStore, DifferenceStore
from services.payments.store import BillStore, LedgerStore, OrderStore, RefundStore
from services.store import RevisionStore, Store
from services.supervision.store import SupervisionStore

# ``init`` makes their indexes, structural tests walk them.
STORES: tuple[type[Store], ...] = (
    ItemStore, ItemVersionStore, CentreStore, BookingStore, DeadLetterStore, RevisionStore,
    PersonStore, SessionStore, StaffStore, StaffSessionStore, AttemptStore, AuditStore,
    MessageStore, TemplateStore, ConsentStore, EarlyReceiptStore,
    ConversationStore, EntryStore, OfficerStore, RatingStore, UnansweredStore,
    FileStore, ChunkStore, QuotaStore,
    KnowledgeStore, CannedStore,
    SignalStore, ProposalStore,
    CaseStore, SupervisionStore,
    ComplaintStore,
    BillStore, OrderStore, RefundStore, LedgerStore,
    AccountStore, BindingAttemptStore, DayStore, DifferenceStore,
)  # fmt: skip
