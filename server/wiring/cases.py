"""Cases, from the parts and the capabilities they stand on."""

from __future__ import annotations

from server.wiring.parts import Parts
from services.cases.actions import Cases
from services.cases.model import CaseRules
from services.cases.queries import CaseQueries
from services.cases.store import CaseStore
from services.cases.work import Around
from services.catalogue.queries import Catalogue
from services.centres.queries import Centres
from services.files.actions import Files
from services.files.queries import FileQueries
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.queries import StaffQueries
from services.payments.actions import Payments
from services.payments.queries import PaymentQueries


def build(
    parts: Parts,
    catalogue: Catalogue,
    centres: Centres,
    identity: IdentityQueries,
    staff: Staff,
    staff_queries: StaffQueries,
    files: Files,
    file_queries: FileQueries,
    payments: Payments,
    payment_queries: PaymentQueries,
) -> tuple[Cases, CaseQueries, CaseStore]:
    store = CaseStore(parts.database, parts.clock, parts.ids, parts.cipher)
    rules = CaseRules(
        silence_days=parts.settings.case_silence_days,
        close_days=parts.settings.case_close_days,
        supplement_days=parts.settings.case_supplement_days,
    )
    cases = Cases(
        Around(
            store=store, catalogue=catalogue, centres=centres, identity=identity, staff=staff,
            staff_queries=staff_queries, files=files, payments=payments, payment_queries=payment_queries,
            workdays=parts.workdays, clock=parts.clock, ids=parts.ids, rules=rules,
        )
    )  # fmt: skip
    queries = CaseQueries(store, catalogue, centres, identity, file_queries, parts.workdays, parts.clock, rules)
    return cases, queries, store
