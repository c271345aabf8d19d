"""The capabilities and what each stands on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from gateways.wechat import PushReceiver, PushSettings
from server.wiring.cases import build as build_cases
from server.wiring.consultations import build as build_consultations
from server.wiring.dialogue import build_complaints, build_dialogue
from server.wiring.files import build as build_files
from server.wiring.knowledge import build as build_knowledge
from server.wiring.learning import build as build_learning
from server.wiring.parts import Parts
from server.wiring.payments import build as build_payments
from server.wiring.reconciliation import build as build_books
from server.wiring.rules import booking_rules, notification_rules, staff_rules
from server.wiring.supervision import build as build_supervision
from services.appointments.actions import Appointments
from services.appointments.fees import BookingFees
from services.appointments.places import Places
from services.appointments.queries import AppointmentQueries
from services.appointments.store import BookingStore
from services.ask.queries import Ask
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Catalogue, Editorial
from services.catalogue.store import ItemStore, ItemVersionStore
from services.centres.actions import CentreActions
from services.centres.queries import Centres
from services.centres.store import CentreStore
from services.city import City
from services.dialogue.bot import DialogueBot
from services.events.store import DeadLetterStore
from services.identity.actions import Identity
from services.identity.cache import SessionCache
from services.identity.model import IdentityRules, Session
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.model import StaffSession
from services.identity.staff.queries import StaffQueries
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.store import PersonStore, SessionStore
from services.notifications.actions import Notifications
from services.notifications.dispatch import Dispatcher
from services.notifications.queries import NotificationQueries
from services.notifications.store import (
    ConsentStore,
    EarlyReceiptStore,
    MessageStore,
    TemplateStore,
    ValkeyPersonLeases,
)
from services.residents.actions import Leaving
from services.residents.queries import Residents
from services.store import RevisionStore


def build(parts: Parts) -> City:
    """Everything the city does, over one process's connections."""
    settings, database, redis, clock, ids = parts.settings, parts.database, parts.redis, parts.clock, parts.ids
    workdays, wechat, sms = parts.workdays, parts.wechat, parts.sms
    revisions, dead_letters = RevisionStore(database), DeadLetterStore(database)
    items, versions = ItemStore(database, clock, ids), ItemVersionStore(database)
    catalogue, centres = Catalogue(versions), Centres()
    bookings = BookingStore(database, clock, ids)
    rules = booking_rules(settings)
    places = Places(bookings, catalogue, centres, workdays, clock, rules)
    persons, accounts = PersonStore(database, clock, ids, parts.cipher), StaffStore(database, clock, ids)
    identity, identity_queries = _identity(parts, persons)
    staff, staff_queries = _staff(parts, accounts)
    messages, templates = MessageStore(database, clock, ids), TemplateStore(database)
    consents, early = ConsentStore(database), EarlyReceiptStore(database)
    told = notification_rules(settings)
    leases = ValkeyPersonLeases(redis)
    files, file_queries = build_files(parts)
    known, knowledge, knowledge_actions, canned = build_knowledge(parts, revisions, catalogue)
    pay = build_payments(parts, identity_queries)
    books = build_books(parts, pay, identity_queries)
    models = Path(settings.models_folder) if settings.models_folder else None
    ask, editorial = Ask(catalogue, models), Editorial(items)
    catalogue_actions = CatalogueActions(items, versions, revisions, catalogue, clock)
    taught = build_learning(parts, catalogue, catalogue_actions, editorial, ask, knowledge_actions)
    cases, case_queries, case_store = build_cases(
        parts,
        catalogue,
        centres,
        identity_queries,
        staff,
        staff_queries,
        files,
        file_queries,
        pay.payments,
        pay.queries,
    )
    supervision, supervision_queries, supervision_store = build_supervision(parts)
    appointments = Appointments(bookings, places, centres, clock, ids, rules)
    appointment_queries = AppointmentQueries(bookings, catalogue, centres, workdays, clock, rules)
    complaints, complaint_queries, complaint_store = build_complaints(parts, files, catalogue, ask)
    dialogue, dialogue_states = build_dialogue(
        parts, catalogue, centres, ask, appointments, appointment_queries, complaints, complaint_queries, pay.queries,
        case_queries, knowledge, taught.learning,
    )  # fmt: skip
    chat = build_consultations(parts, ask, catalogue, identity_queries, files, file_queries, bot=DialogueBot(dialogue))
    notifications = Notifications(messages, templates, consents, early, clock, ids, told)
    residents = Residents(case_queries, appointment_queries, pay.queries)
    push = PushSettings(settings.wechat_appid, settings.wechat_push_token, settings.wechat_push_aes_key)
    return City(
        clock=clock,
        ids=ids,
        workdays=workdays,
        catalogue=catalogue,
        catalogue_actions=catalogue_actions,
        editorial=editorial,
        centres=centres,
        centre_actions=CentreActions(CentreStore(database), revisions, centres),
        ask=ask,
        appointments=appointments,
        booking_fees=BookingFees(bookings, catalogue, pay.payments, pay.queries),
        appointment_queries=appointment_queries,
        bookings=bookings,
        identity=identity,
        identity_queries=identity_queries,
        residents=residents,
        leaving=Leaving(residents, case_queries, cases, books.account_queries, books.accounts, notifications, identity),
        staff=staff,
        staff_queries=staff_queries,
        notifications=notifications,
        notification_queries=NotificationQueries(messages, templates, consents, clock),
        dispatcher=Dispatcher(messages, templates, consents, early, leases, identity_queries, wechat, sms, clock, told),
        knowledge=knowledge,
        knowledge_actions=knowledge_actions,
        canned=canned,
        files=files,
        file_queries=file_queries,
        payments=pay.payments,
        pay_orders=pay.orders,
        refunds=pay.refunds,
        payment_queries=pay.queries,
        payment_timers=pay.timers,
        pay_troubles=pay.troubles,
        till=pay.till,
        pay_reader=parts.pay_reader,
        pay_accounts=books.accounts,
        account_queries=books.account_queries,
        bill_imports=books.imports,
        receipts=books.receipts,
        reconciliation=books.reconciliation,
        resolving=books.resolving,
        reconciliation_queries=books.queries,
        cases=cases,
        case_queries=case_queries,
        case_store=case_store,
        supervision=supervision,
        supervision_queries=supervision_queries,
        consultations=chat.consultations,
        talk=chat.talk,
        consultation_desk=chat.desk,
        officers=chat.officers,
        consultation_ratings=chat.ratings,
        consultation_queries=chat.queries,
        consultation_timers=chat.timers,
        content_checks=chat.checks,
        live=chat.live,
        complaints=complaints,
        complaint_queries=complaint_queries,
        learning=taught.learning,
        learning_review=taught.review,
        learning_effects=taught.effects,
        dialogue=dialogue,
        dialogue_states=dialogue_states,
        wechat_push=PushReceiver(push, clock),
        dead_letters=dead_letters,
        revisions=revisions,
        aggregates=cast(
            Any,
            [
                items,
                bookings,
                persons,
                accounts,
                messages,
                known,
                *pay.stores,
                *books.stores,
                case_store,
                supervision_store,
                complaint_store,
                taught.store,
                *chat.stores,
            ],
        ),
    )


def _identity(parts: Parts, persons: PersonStore) -> tuple[Identity, IdentityQueries]:
    settings, clock = parts.settings, parts.clock
    rules = IdentityRules(session_for=timedelta(days=settings.resident_session_days))
    sessions = SessionStore(parts.database)
    cache = SessionCache(parts.redis, "session", Session, clock, rules.cache_for)
    queries = IdentityQueries(persons, sessions, cache, clock)
    return Identity(persons, sessions, queries, cache, parts.wechat, clock, parts.ids, rules), queries


def _staff(parts: Parts, accounts: StaffStore) -> tuple[Staff, StaffQueries]:
    database, clock = parts.database, parts.clock
    rules = staff_rules(parts.settings)
    sessions, audit = StaffSessionStore(database), AuditStore(database)
    cache = SessionCache(parts.redis, "staff-session", StaffSession, clock, rules.cache_for)
    queries = StaffQueries(accounts, sessions, audit, cache, clock, rules)
    attempts = AttemptStore(database)
    return Staff(
        accounts, sessions, attempts, audit, queries, parts.passwords, cache, parts.cipher, clock, parts.ids, rules
    ), queries
