"""Imported accounts: files in wholly or not at all, nothing doubled; bound only by who names the holder."""

from __future__ import annotations

import asyncio

import pytest

from kernel.errors import ActionNotAllowed, BanshiError, Code, NotFound, TooManyRequests
from services.payments.accounts.actions import PER_PERSON
from services.payments.accounts.model import AccountKind, ImportReport, same_name
from services.payments.model import Bill
from tests.services.payments.conftest import Desk

HEADER = "issuer,kind,account_number,holder,title,period,amount,due_on,reference\n"
WATER = AccountKind.WATER


def line(
    number: str = "88001", holder: str = "王小明", amount: str = "35.60", reference: str = "W-1", **more: str
) -> str:
    cells = {
        "issuer": "威海市水务集团",
        "kind": "water",
        "title": "水费",
        "period": "2090-10",
        "due_on": "2090-12-15",
    } | more
    return ",".join(
        (cells["issuer"], cells["kind"], number, holder, cells["title"], cells["period"], amount,
         cells["due_on"], reference)
    )  # fmt: skip


def file(*lines: str) -> bytes:
    return ("\ufeff" + HEADER + "\n".join(lines) + "\n").encode()


async def load(desk: Desk, *lines: str) -> ImportReport:
    return await desk.house.city.bill_imports.do_import(file(*lines), "ST1")


async def bind(desk: Desk, person: str, number: str = "88001", holder: str = "王小明") -> None:
    await desk.house.city.pay_accounts.do_bind(person, WATER, number, holder)


async def mine(desk: Desk, person: str) -> list[Bill]:
    return await desk.house.city.payment_queries.mine(person)


async def test_a_file_is_imported_once_however_often_it_comes(desk: Desk) -> None:
    lines = [line(), line(amount="12", reference="W-2", period="2090-11"), line("88002", "李四", reference="W-3")]
    report = await load(desk, *lines)
    assert (report.lines, report.made, report.known, report.accounts, report.rejections) == (3, 3, 0, 2, [])
    again = await load(desk, *lines, line("88003", "张三", reference="W-4"))
    assert (again.made, again.known, again.accounts) == (1, 3, 1)
    both = await asyncio.gather(*(load(desk, line("88009", "赵六", reference="W-9")) for _ in range(2)))
    assert sorted((one.made, one.known) for one in both) == [(0, 1), (1, 0)]
    person = await desk.person()
    await bind(desk, person)
    assert sorted(bill.amount_fen for bill in await mine(desk, person)) == [1200, 3560]


async def test_every_faulty_line_is_named_with_its_field_and_nothing_is_imported(desk: Desk) -> None:
    report = await load(
        desk, line(), line(amount="12.345", reference="W-2"), line("8 8", reference="W-3"), line(reference="W-1"),
        line(kind="rent", reference="W-5"), line(holder="别人", reference="W-6"),
        line(due_on="2090-13-01", reference="W-7"),
        line(amount="0", reference="W-8"), line(holder="", reference="W-9"),
    )  # fmt: skip
    assert [(r.line, r.field) for r in report.rejections] == [
        (3, "amount"), (4, "account_number"), (5, "reference"), (6, "kind"), (8, "due_on"), (9, "amount"),
        (10, "holder"), (7, "holder"),
    ]  # fmt: skip
    person = await desk.person()
    with pytest.raises(NotFound):
        await bind(desk, person)
    assert (await desk.house.city.bill_imports.do_import(b"\xff\xfe", "ST1")).rejections
    assert (await desk.house.city.bill_imports.do_import(HEADER.encode(), "ST1")).rejections


async def test_a_reference_that_comes_again_with_another_amount_is_refused(desk: Desk) -> None:
    await load(desk, line())
    report = await load(desk, line(reference="W-2"), line(amount="35.61"))
    assert [(r.line, r.field) for r in report.rejections] == [(3, "amount")]
    assert (await load(desk, line(reference="W-2"))).made == 1


async def test_a_file_of_a_thousand_lines_goes_in_whole(desk: Desk) -> None:
    lines = [line(f"9{n:05}", "王小明", "1.00", f"B-{n}") for n in range(1000)]
    report = await load(desk, *lines)
    assert (report.made, report.accounts) == (1000, 1000)
    assert (await load(desk, *lines)).known == 1000


async def test_unknown_numbers_and_wrong_holders_get_one_answer_and_soon_none(desk: Desk) -> None:
    await load(desk, line())
    person = await desk.person()
    answers = []
    for number, holder in (("88001", "王大明"), ("70000", "王小明"), ("88001", "")):
        with pytest.raises(NotFound) as refused:
            await bind(desk, person, number, holder)
        answers.append((refused.value.code, refused.value.detail, refused.value.fields))
    assert answers == [(Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.sentence, {})] * 3
    for _ in range(PER_PERSON - 3):
        with pytest.raises(NotFound):
            await bind(desk, person, "70000")
    with pytest.raises(TooManyRequests):
        await bind(desk, person)
    other = await desk.person()
    await bind(desk, other)
    third = await desk.person()
    with pytest.raises(BanshiError) as taken:
        await bind(desk, third)
    assert taken.value.code is Code.ACCOUNT_BOUND
    desk.later(days=1)
    with pytest.raises(NotFound):
        await bind(desk, third, holder="不是他")


async def test_open_bills_follow_the_account_and_paid_ones_stay_with_their_payer(desk: Desk) -> None:
    city = desk.house.city
    await load(desk, line(), line(reference="W-2", period="2090-11"))
    first, second = await desk.person(), await desk.person()
    await bind(desk, first, holder=" 王 小明")
    paid, _ = sorted(await mine(desk, first), key=lambda bill: bill.title)
    assert paid.wake_at is not None
    order, _ = await city.pay_orders.do_pay(first, paid.id)
    await desk.settle(order.id)
    await city.pay_orders.do_check(first, order.id)
    ((account, holder),) = await city.account_queries.mine(first)
    assert holder == "王小明"
    with pytest.raises(NotFound):
        await city.pay_accounts.do_unbind(second, account.id)
    await city.pay_accounts.do_unbind(first, account.id)
    assert [bill.id for bill in await mine(desk, first)] == [paid.id]
    await bind(desk, second)
    await load(desk, line(reference="W-3", period="2090-12"))
    assert len(await mine(desk, second)) == 2
    freed = await city.pay_accounts.do_release("ST1", WATER, "88001", "已搬走")
    assert (freed.state, freed.history[-1].note, await mine(desk, second)) == ("free", "已搬走", [])
    with pytest.raises(ActionNotAllowed):
        await city.pay_accounts.do_release("ST1", WATER, "88001", "已搬走")


async def test_a_bill_paid_while_its_account_is_let_go_is_still_its_payers(desk: Desk) -> None:
    city, person = desk.house.city, await desk.person()
    await load(desk, line())
    await bind(desk, person)
    (bill,) = await mine(desk, person)
    order, _ = await city.pay_orders.do_pay(person, bill.id)
    ((account, _),) = await city.account_queries.mine(person)
    await city.pay_accounts.do_unbind(person, account.id)
    await desk.settle(order.id)
    await city.pay_orders.do_check(person, order.id)
    assert [(one.id, one.state) for one in await mine(desk, person)] == [(bill.id, "paid")]


async def test_a_new_holder_ends_the_former_ones_binding(desk: Desk) -> None:
    await load(desk, line())
    person = await desk.person()
    await bind(desk, person)
    report = await load(desk, line(holder="李新", reference="W-2"))
    assert report.renamed == 1
    city = desk.house.city
    assert await city.account_queries.mine(person) == []
    (left,) = await mine(desk, person)
    # The consumer of account.renamed takes what was open before.
    account = await city.pay_accounts._accounts.find(WATER, "88001")
    assert account is not None
    await city.pay_accounts.do_follow(account.outgoing[-1])
    assert await mine(desk, person) == []
    assert left.request_key == "import:威海市水务集团:W-1"


async def test_a_receipt_names_the_holder_of_its_day_also_when_the_account_is_somebody_elses(desk: Desk) -> None:
    city, person = desk.house.city, await desk.person()
    await load(desk, line())
    await bind(desk, person)
    (bill,) = await mine(desk, person)
    order, _ = await city.pay_orders.do_pay(person, bill.id)
    await desk.settle(order.id)
    await city.pay_orders.do_check(person, order.id)
    before = await city.receipts.of_bill(person, bill.id)
    await load(desk, line(holder="李新", reference="W-2"))
    after = await city.receipts.of_bill(person, bill.id)
    assert (await city.receipts.check(after.number, after.code)).payer == after.payer == before.payer == "王**"


async def test_holders_are_not_readable_in_the_database(desk: Desk) -> None:
    await load(desk, line(holder="欧阳修远"))
    for collection in ("accounts", "bills"):
        async for document in desk.house.database[collection].find({}):
            assert "欧阳" not in str(document)
            assert "欧阳修远".encode() not in (document.get("holder") or b"")


def test_names_are_compared_without_width_spaces_and_dots() -> None:
    assert same_name("ＡＢ 公司（威海）") == same_name("ab公司(威海)")
    assert same_name("买买提·艾力") == same_name("买买提•艾力")
    assert same_name("王小明") != same_name("王小民")
