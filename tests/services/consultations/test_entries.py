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
