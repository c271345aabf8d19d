"""Complaints and the dialogue, from settings."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from server.settings import Settings
from server.wiring.parts import Parts
from services.appointments.actions import Appointments
from services.appointments.queries import AppointmentQueries
from services.ask.queries import Ask
from services.cases.queries import CaseQueries
from services.catalogue.queries import Catalogue
from services.centres.queries import Centres
from services.complaints.actions import Complaints
from services.complaints.model import ComplaintKind, ComplaintRules
from services.complaints.queries import ComplaintQueries
from services.complaints.store import ComplaintStore
from services.dialogue.engine import Dialogue
from services.dialogue.model import DialogueRules
from services.dialogue.perform import Performer
from services.dialogue.store import DialogueStates
from services.dialogue.world import CityWorld
from services.files.actions import Files
from services.knowledge.queries import Knowledge
from services.learning.actions import Learning
from services.payments.queries import PaymentQueries


def build_complaints(
    parts: Parts, files: Files, catalogue: Catalogue, ask: Ask
) -> tuple[Complaints, ComplaintQueries, ComplaintStore]:
    store = ComplaintStore(parts.database, parts.clock, parts.ids)
    rules = complaint_rules(parts.settings)
    complaints = Complaints(store, files, catalogue, ask, parts.workdays, parts.clock, parts.ids, rules)
    return complaints, ComplaintQueries(store), store


def build_dialogue(
    parts: Parts,
    catalogue: Catalogue,
    centres: Centres,
    ask: Ask,
    appointments: Appointments,
    appointment_queries: AppointmentQueries,
    complaints: Complaints,
    complaint_queries: ComplaintQueries,
    payment_queries: PaymentQueries,
    case_queries: CaseQueries,
    knowledge: Knowledge,
    learning: Learning,
) -> tuple[Dialogue, DialogueStates]:
    """The dialogue uses the services as the screens do."""
    spoken = json.loads((Path(parts.settings.data_folder) / "nlp" / "places.json").read_text(encoding="utf-8"))
    rules = DialogueRules(
        keep=timedelta(minutes=parts.settings.dialogue_minutes), rounds=parts.settings.dialogue_rounds,
        photos=complaints.rules.max_photos,
    )  # fmt: skip
    world = CityWorld(catalogue, centres, parts.workdays, spoken)
    performer = Performer(
        appointments, appointment_queries, complaints, complaint_queries, payment_queries, case_queries
    )
    return Dialogue(world, ask, performer, rules, knowledge, learning), DialogueStates(parts.redis, rules.keep)


def complaint_rules(settings: Settings) -> ComplaintRules:
    return ComplaintRules(
        close_days=settings.complaint_close_days,
        limits={
            ComplaintKind.CONSULT: settings.complaint_consult_days,
            ComplaintKind.REQUEST: settings.complaint_request_days,
            ComplaintKind.COMPLAINT: settings.complaint_days,
        },
    )
