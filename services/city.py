"""The product without its doors: every capability, wired by ``server.wiring``, used by handlers and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateways.wechat import PushReceiver
from kernel.clock import Clock
from kernel.ids import Ids
from kernel.workdays import WorkdayTable
from services.appointments.actions import Appointments
from services.appointments.queries import AppointmentQueries
from services.appointments.store import BookingStore
from services.ask.queries import Ask
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Catalogue
from services.centres.actions import CentreActions
from services.centres.queries import Centres
from services.events.store import DeadLetterStore
from services.identity.actions import Identity
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.queries import StaffQueries
from services.notifications.actions import Notifications
from services.notifications.dispatch import Dispatcher
from services.notifications.queries import NotificationQueries
from services.store import Aggregate, AggregateStore, RevisionStore


@dataclass(frozen=True)
class City:
    """What the city does. ``aggregates`` are the stores whose events the relay delivers."""

    clock: Clock
    ids: Ids
    workdays: WorkdayTable
    catalogue: Catalogue
    catalogue_actions: CatalogueActions
    centres: Centres
    centre_actions: CentreActions
    ask: Ask
    appointments: Appointments
    appointment_queries: AppointmentQueries
    bookings: BookingStore
    identity: Identity
    identity_queries: IdentityQueries
    staff: Staff
    staff_queries: StaffQueries
    notifications: Notifications
    notification_queries: NotificationQueries
    dispatcher: Dispatcher
    wechat_push: PushReceiver
    dead_letters: DeadLetterStore
    revisions: RevisionStore
    aggregates: Sequence[AggregateStore[Aggregate]]
