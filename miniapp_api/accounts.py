"""Accounts at water works, heating companies, schools: bind one, see it, let it go. Its bills are in /api/bills."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.routing import RESIDENT, Idempotency, Limit, Route
from kernel.clock import SHANGHAI
from kernel.errors import Code
from kernel.masking import mask_name
from services.payments.accounts.model import KIND_TEXT, AccountKind


class BindRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As the issuer's notice prints them: ``account_number`` 户号, ``holder`` 户名."""

    kind: AccountKind
    account_number: Annotated[str, Meta(min_length=1, max_length=32)]
    holder: Annotated[str, Meta(min_length=1, max_length=60)]


class AccountView(Struct, kw_only=True):
    """A bound account; the holder's name is masked."""

    id: str
    kind: str
    kind_text: str
    account_number: str
    issuer: str
    holder: str
    bound_at: datetime | None


class AccountList(Struct, kw_only=True):
    accounts: list[AccountView]


async def list_accounts(call: Call) -> AccountList:
    found = await call.city.account_queries.mine(call.person)
    return AccountList(
        accounts=[
            AccountView(
                id=account.id, kind=account.kind.value, kind_text=KIND_TEXT[account.kind],
                account_number=account.number, issuer=account.issuer, holder=mask_name(holder),
                bound_at=None if account.bound_at is None else account.bound_at.astimezone(SHANGHAI),
            )
            for account, holder in found
        ]
    )  # fmt: skip


async def bind(call: Call, body: BindRequest) -> AccountView:
    """Binds an account whose number and holder the caller names: its open bills are theirs to pay from now on."""
    account = await call.city.pay_accounts.do_bind(call.person, body.kind, body.account_number.strip(), body.holder)
    return AccountView(
        id=account.id, kind=account.kind.value, kind_text=KIND_TEXT[account.kind], account_number=account.number,
        issuer=account.issuer, holder=mask_name(body.holder),
        bound_at=None if account.bound_at is None else account.bound_at.astimezone(SHANGHAI),
    )  # fmt: skip


async def unbind(call: Call, account_id: str) -> Done:
    """Lets an account go; what is open of it leaves the caller's bills, what they have paid stays."""
    await call.city.pay_accounts.do_unbind(call.person, account_id)
    return Done()


ROUTES = [
    Route("GET", "/api/accounts", list_accounts, RESIDENT, Limit.READ, Idempotency.SAFE, "My accounts"),
    Route(
        "POST", "/api/accounts", bind, RESIDENT, Limit.LOGIN, Idempotency.NATURAL, "Bind an account",
        (Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_BOUND, Code.CONFLICT), 201,
    ),
    Route(
        "POST", "/api/accounts/{account_id}/unbind", unbind, RESIDENT, Limit.WRITE, Idempotency.NATURAL,
        "Let an account go", (Code.ACCOUNT_NOT_FOUND, Code.CONFLICT),
    ),
]  # fmt: skip
