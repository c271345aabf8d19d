"""The product without its doors: every capability, wired by ``server.wiring``, used by handlers and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateways.wechat import PushReceiver
from gateways.wechat_pay import NotificationReader
from kernel.clock import Clock
from kernel.ids import Ids
from kernel.workdays import WorkdayTable
from services.appointments.actions import Appointments
from services.appointments.fees import BookingFees
from services.appointments.queries import AppointmentQueries
from services.appointments.store import BookingStore
from services.ask.queries import Ask
from services.cases.actions import Cases
from services.cases.queries import CaseQueries
from services.cases.store import CaseStore
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Catalogue, Editorial
from services.centres.actions import CentreActions
from services.centres.queries import Centres
from services.complaints.actions import Complaints
from services.complaints.queries import ComplaintQueries
from services.consultations.actions import Consultations
from services.consultations.checks import Checks
from services.consultations.desk import Desk
from services.consultations.ports import LocalLive
from services.consultations.presence import Officers
from services.consultations.queries import ConsultationQueries
from services.consultations.ratings import Ratings
from services.consultations.talk import Talk
from services.consultations.timers import Timers
from services.dialogue.engine import Dialogue
from services.dialogue.store import DialogueStates
from services.events.store import DeadLetterStore
from services.files.actions import Files
from services.files.queries import FileQueries
from services.identity.actions import Identity
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.queries import StaffQueries
from services.knowledge.actions import CannedAnswers, KnowledgeActions
from services.knowledge.queries import Knowledge
from services.learning.actions import Learning
from services.learning.effects import Effects
from services.learning.review import Review
from services.notifications.actions import Notifications
from services.notifications.dispatch import Dispatcher
from services.notifications.queries import NotificationQueries
from services.payments.accounts.actions import AccountQueries, Accounts
from services.payments.accounts.importing import Importing
from services.payments.actions import Payments
from services.payments.orders import Orders
from services.payments.queries import PaymentQueries
from services.payments.receipts import Receipts
from services.payments.reconciliation.actions import Reconciliation
from services.payments.reconciliation.queries import ReconciliationQueries
from services.payments.reconciliation.resolving import Resolving
from services.payments.refunds import Refunds
from services.payments.till import Till
from services.payments.timers import PaymentTimers
from services.payments.troubles import Troubles
from services.residents.actions import Leaving
from services.residents.queries import Residents
from services.store import Aggregate, AggregateStore, RevisionStore
from services.supervision.actions import Supervision
from services.supervision.queries import SupervisionQueries


@dataclass(frozen=True)
class City:
    """What the city does. ``aggregates`` are the stores whose events the relay delivers."""

    clock: Clock
    ids: Ids
    workdays: WorkdayTable
    catalogue: Catalogue
    catalogue_actions: CatalogueActions
    editorial: Editorial
    centres: Centres
    centre_actions: CentreActions
    ask: Ask
    appointments: Appointments
    appointment_queries: AppointmentQueries
    booking_fees: BookingFees
    bookings: BookingStore
    identity: Identity
    identity_queries: IdentityQueries
    residents: Residents
    leaving: Leaving
    staff: Staff
    staff_queries: StaffQueries
    notifications: Notifications
    notification_queries: NotificationQueries
    dispatcher: Dispatcher
    files: Files
    file_queries: FileQueries
    payments: Payments
    pay_orders: Orders
    refunds: Refunds
    payment_queries: PaymentQueries
    payment_timers: PaymentTimers
    pay_troubles: Troubles
    till: Till
    pay_reader: NotificationReader | None
    pay_accounts: Accounts
    account_queries: AccountQueries
    bill_imports: Importing
    receipts: Receipts
    reconciliation: Reconciliation
    resolving: Resolving
    reconciliation_queries: ReconciliationQueries
    cases: Cases
    case_queries: CaseQueries
    case_store: CaseStore
    supervision: Supervision
    supervision_queries: SupervisionQueries
    knowledge: Knowledge
    knowledge_actions: KnowledgeActions
    canned: CannedAnswers
    consultations: Consultations
    talk: Talk
    consultation_desk: Desk
    officers: Officers
    consultation_ratings: Ratings
    consultation_queries: ConsultationQueries
    consultation_timers: Timers
    content_checks: Checks
    live: LocalLive
    complaints: Complaints
    complaint_queries: ComplaintQueries
    learning: Learning
    learning_review: Review
    learning_effects: Effects
    dialogue: Dialogue
    dialogue_states: DialogueStates
    wechat_push: PushReceiver
    dead_letters: DeadLetterStore
    revisions: RevisionStore
    aggregates: Sequence[AggregateStore[Aggregate]]
