"""The books: exact at every moment, and a difference does not go unseen."""

from __future__ import annotations

import asyncio
import random

import pytest

from kernel.errors import InvalidInput
from services.payments.ledger import CLEARING, Entry, Movement, balances
from services.payments.store import LedgerStore
from services.store import Duplicate
from tests.city import START
from tests.services.payments.conftest import Desk


def entry(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "id": "OR1", "kind": Movement.CAPTURE, "at": START, "book_day": "2090-11-21", "bill": "BL1", "order": "OR1",
        "debit": CLEARING, "credit": "collected:city", "amount_fen": 5,
    }  # fmt: skip
    return Entry(**(fields | changes))  # type: ignore[arg-type]


def test_an_entry_has_exactly_two_lines_that_agree() -> None:
    debit, credit = entry().lines
    assert (debit.account, debit.debit_fen, debit.credit_fen) == (CLEARING, 5, 0)
    assert (credit.account, credit.debit_fen, credit.credit_fen) == ("collected:city", 0, 5)
    assert balances([entry(), entry()]) == {CLEARING: 10, "collected:city": -10}


def test_the_ledger_has_no_write_but_adding() -> None:
    own = {name for name in vars(LedgerStore) if not name.startswith("_")}
    assert own == {"collection_name", "indexes", "post", "of_order", "books", "let_go"}


async def test_one_cause_is_posted_once(desk: Desk) -> None:
    ledger = LedgerStore(desk.house.database)
    await ledger.in_transaction(lambda session: ledger.post(entry(), session))
    with pytest.raises(Duplicate):
        await ledger.in_transaction(lambda session: ledger.post(entry(amount_fen=6), session))
    assert [one.amount_fen for one in await ledger.of_order("OR1")] == [5]


async def test_the_books_agree_at_every_moment_while_money_moves(desk: Desk) -> None:
    city, rng, checks = desk.house.city, random.Random(7), []
    moving = True

    async def check() -> None:
        while moving:
            checks.append((await desk.books()).captured_fen)
            await asyncio.sleep(0)

    async def one() -> None:
        bill = await desk.paid(rng.randint(100, 999))
        for _ in range(2):
            await city.refunds.do_refund("ST1", bill.id, rng.randint(1, 50), "多收")

    checking = asyncio.create_task(check())
    for _ in range(6):
        await asyncio.gather(*(one() for _ in range(4)))
        desk.later(minutes=2)
        await desk.work()
    moving = False
    await checking
    assert len(checks) > 10
    assert len(set(checks)) > 5, "the checks fell between the payments: they have seen nothing"
    for _ in range(30):
        desk.later(minutes=2)
        await desk.work()
    assert await city.payment_queries.pending_refunds() == []
    books = await desk.books()
    assert (books.orders, books.entries) == (24, 72)


@pytest.mark.parametrize(
    ("collection", "change", "told"),
    [
        ("ledger", {"$inc": {"amount_fen": 1}}, "captured 1230, entries [1231]"),
        ("ledger", {"$set": {"credit": "surplus:residents"}}, "posted to other accounts"),
        ("orders", {"$inc": {"refunded_fen": 1}}, "refunded 1, entries []"),
        ("orders", {"$inc": {"reserved_fen": 2000}}, "more than captured"),
        ("bills", {"$inc": {"paid_fen": -1}}, "not what"),
        ("bills", {"$unset": {"book_day": ""}}, "settles no bill"),
        ("orders", {"$unset": {"book_day": ""}}, "entries without an order"),
    ],
)
async def test_every_kind_of_difference_is_told(desk: Desk, collection: str, change: object, told: str) -> None:
    await desk.paid()
    await desk.house.database[collection].update_one({}, change)  # type: ignore[arg-type]
    report = await desk.house.city.payment_queries.check_books()
    assert any(told in line for line in report.differences), report.differences


async def test_a_window_of_more_than_a_month_is_refused(desk: Desk) -> None:
    last = START.date()
    with pytest.raises(InvalidInput):
        await desk.house.city.payment_queries.check_books(last.replace(month=1), last)
