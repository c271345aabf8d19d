"""The second half of payments: imported accounts, receipts, the daily bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any

from server.settings import Settings
from server.wiring.parts import Parts
from server.wiring.payments import PaymentParts
from services.identity.queries import IdentityQueries
from services.payments.accounts.actions import AccountQueries, Accounts
from services.payments.accounts.importing import Importing
from services.payments.accounts.store import AccountStore, BindingAttemptStore
from services.payments.receipts import Receipts
from services.payments.reconciliation.actions import Reconciliation
from services.payments.reconciliation.model import ReconciliationRules
from services.payments.reconciliation.queries import ReconciliationQueries
from services.payments.reconciliation.resolving import Resolving
from services.payments.reconciliation.store import DayStore, DifferenceStore
from services.payments.store import BillStore, LedgerStore, OrderStore, RefundStore


@dataclass(frozen=True)
class BooksParts:
    """What the City has of it; ``stores``: whose events the relay delivers."""

    accounts: Accounts
    account_queries: AccountQueries
    imports: Importing
    receipts: Receipts
    reconciliation: Reconciliation
    resolving: Resolving
    queries: ReconciliationQueries
    stores: list[Any]


def build(parts: Parts, pay: PaymentParts, identity: IdentityQueries) -> BooksParts:
    database, clock, ids, cipher = parts.database, parts.clock, parts.ids, parts.cipher
    rules = reconciliation_rules(parts.settings)
    bills, ledger = BillStore(database, clock, ids), LedgerStore(database)
    accounts = AccountStore(database, clock, ids, cipher)
    days, differences = DayStore(database, clock, ids), DifferenceStore(database, clock, ids)
    account_queries = AccountQueries(accounts)
    resolving = Resolving(differences, ledger, pay.orders, pay.refunds, pay.till, clock, ids, rules)
    orders, refunds = OrderStore(database, clock, ids), RefundStore(database, clock, ids)
    return BooksParts(
        accounts=Accounts(accounts, BindingAttemptStore(database), bills, pay.payments, clock),
        account_queries=account_queries,
        imports=Importing(accounts, bills, pay.payments, clock, ids),
        receipts=Receipts(bills, identity, account_queries, cipher, clock, parts.settings.public_url),
        reconciliation=Reconciliation(days, differences, orders, refunds, ledger, resolving, pay.till, clock, rules),
        resolving=resolving,
        queries=ReconciliationQueries(days, differences, clock),
        stores=[accounts, days, differences],
    )


def reconciliation_rules(settings: Settings) -> ReconciliationRules:
    ready = settings.pay_bill_minute
    return ReconciliationRules(ready_at=time(ready // 60, ready % 60), fee_basis_points=settings.pay_fee_basis_points)
