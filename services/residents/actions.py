"""A resident leaves: everything that is theirs alone goes, what the city must keep stays where it is kept."""

from __future__ import annotations

from kernel.errors import Code, Conflict
from services.cases.actions import Cases
from services.cases.model import State
from services.cases.queries import CaseQueries
from services.identity.actions import Identity
from services.notifications.actions import Notifications
from services.payments.accounts.actions import AccountQueries, Accounts
from services.residents.queries import Residents


class Leaving:
    """Each step finds the work done when it is taken again: whoever died between two of them asks once more."""

    def __init__(
        self,
        residents: Residents,
        case_queries: CaseQueries,
        cases: Cases,
        account_queries: AccountQueries,
        accounts: Accounts,
        notifications: Notifications,
        identity: Identity,
    ) -> None:
        self._residents = residents
        self._case_queries = case_queries
        self._cases = cases
        self._account_queries = account_queries
        self._accounts = accounts
        self._notifications = notifications
        self._identity = identity

    async def do_close(self, person: str) -> None:
        """Drafts are thrown away, bound accounts let go, WeChat's consents forgotten, then the account ends.

        Open cases, bills (one that is being paid is open) and bookings stand in the way, waiting places too: they are
        the resident's to end, since a tap here must not give up a place or a right that they have forgotten of. Cases,
        the ledger, complaints, conversations, messages and the audit stay as the law on archives and accounts asks
        (PIPL, article 47), with their own copy of what they need. A booking made at this very moment ends as one that
        nobody came to.

        Raises Conflict ACCOUNT_IN_USE with ``cases``, ``bookings``, ``bills``: their ids.
        """
        matters = await self._residents.open_matters(person)
        if matters.cases or matters.bookings or matters.bills:
            raise Conflict(Code.ACCOUNT_IN_USE, cases=matters.cases, bookings=matters.bookings, bills=matters.bills)
        for case in await self._case_queries.mine(person):
            if case.state == State.DRAFT:
                await self._cases.do_discard(person, case.item)
        for account, _ in await self._account_queries.mine(person):
            await self._accounts.do_unbind(person, account.id)
        await self._notifications.do_forget(person)
        await self._identity.do_close(person)
