"""Numbers without a gap, each sending once, whoever writes from wherever at once."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.consultations.model import Draft, Entry, Kind, Side
from tests.services.consultations.conftest import Office


def draft(name: str, sender: str = "PR-1") -> Draft:
    return Draft(side=Side.RESIDENT, sender=sender, client_msg_id=name, kind=Kind.TEXT, text=name)


@pytest.mark.parametrize("seed", range(8))
async def test_writers_of_two_processes_that_repeat_themselves_make_a_gapless_list_of_distinct_entries(
    office: Office, seed: int
) -> None:
    rng = random.Random(seed)
    processes = [office.process() for _ in range(2)]
    wanted = [f"m{n}" for n in range(40)]
    sendings = [(rng.choice(processes), name) for name in wanted * 2]
    rng.shuffle(sendings)

    async def send(number: int) -> Entry:
        process, name = sendings[number]
        await asyncio.sleep(rng.random() / 200)
        [(entry, _)] = await process.entries.append("CV-1", [draft(name)])
        return entry

    answered = await asyncio.gather(*(send(number) for number in range(len(sendings))))
    held = await processes[0].entry_store.after("CV-1", 0, 200)
    assert [entry.seq for entry in held] == list(range(1, len(wanted) + 1))
    assert sorted(entry.client_msg_id for entry in held) == sorted(wanted)
    by_name = {entry.client_msg_id: entry.seq for entry in held}
    assert all(entry.seq == by_name[entry.client_msg_id] for entry in answered)


async def test_several_at_once_are_one_command_and_one_that_is_there_already_is_found_between_new_ones(
    office: Office,
) -> None:
    process, other = office.process(), office.process()
    await process.entries.append("CV-1", [draft("b")])
    done = await other.entries.append("CV-1", [draft("a"), draft("b"), draft("c")])
    assert [(entry.client_msg_id, entry.seq, fresh) for entry, fresh in done] == [
        ("a", 2, True), ("b", 1, False), ("c", 3, True),
    ]  # fmt: skip


async def test_pages_backwards_meet_without_overlap(office: Office) -> None:
    process = office.process()
    await process.entries.append("CV-1", [draft(f"m{n}") for n in range(10)])
    before, seen = 11, []
    while page := await process.queries.entries_before("CV-1", before, 4):
        seen = [entry.seq for entry in page] + seen
        before = page[0].seq
    assert seen == list(range(1, 11))


async def test_what_goes_together_is_written_and_refused_each_by_itself(office: Office) -> None:
    process, other = office.process(), office.process()
    await other.entries.append("CV-3", [draft("m3")])
    await other.entries.append("CV-5", [draft("before")])
    # CV-3 has it already, CV-5 has gone on elsewhere; while the first is written the others gather.
    names = [f"CV-{number}" for number in range(20)]
    for name in names:
        process.entries._remember(name, 0)
    done = await asyncio.gather(*(process.entries.append(name, [draft(f"m{name[3:]}")]) for name in names))
    seqs = {name: (entry.seq, fresh) for name, [(entry, fresh)] in zip(names, done, strict=True)}
    assert seqs == dict.fromkeys(names, (1, True)) | {"CV-3": (1, False), "CV-5": (2, True)}


async def test_pages_read_together_are_each_ones_own(office: Office) -> None:
    process = office.process()
    for name, count in (("CV-1", 5), ("CV-2", 3), ("CV-3", 230)):
        await process.entries.append(name, [draft(f"m{n}") for n in range(count)])
    asked = [("CV-1", 0, 200), ("CV-1", 3, 200), ("CV-2", 1, 1), ("CV-9", 0, 200), ("CV-3", 0, 200), ("CV-3", 210, 200)]
    pages = await asyncio.gather(*(process.entry_store.after(*one) for one in asked * 2))
    for (name, seq, limit), page in zip(asked * 2, pages, strict=True):
        held = {"CV-1": 5, "CV-2": 3, "CV-3": 230}.get(name, 0)
        assert [(entry.conversation, entry.seq) for entry in page] == [
            (name, number) for number in range(seq + 1, min(held, seq + limit) + 1)
        ]
