from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from nlp import apart
from nlp.entry import Entry
from nlp.matcher import Matcher
from nlp.policy import Policy


def test_a_matcher_built_apart_gives_the_same_answers(entries: list[Entry], matcher: Matcher) -> None:
    built = apart.build(entries, apart_from=1)
    assert built.entries == matcher.entries
    assert built.segmenter.terms == matcher.segmenter.terms
    for entry in entries[::7]:
        assert built.explain(entry.questions[0]) == matcher.explain(entry.questions[0])


def test_the_policy_goes_along(entries: list[Entry]) -> None:
    policy = replace(Policy(), answer_at=1.1, sharpness=1.2, words_only=())
    built, here = apart.build(entries[:40], policy=policy, apart_from=1), Matcher.build(entries[:40], policy=policy)
    assert built.policy == policy
    assert [built.ask(entry.name) for entry in entries[:40]] == [here.ask(entry.name) for entry in entries[:40]]


@pytest.mark.parametrize("python", ["/bin/false", "/no/such/python"])
def test_without_another_process_it_is_built_here_and_logged(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, python: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    with caplog.at_level(logging.WARNING):
        built = apart.build(entries[:30], apart_from=1)
    assert built.ask(entries[0].name).candidates[0].code == entries[0].code
    assert [record.message for record in caplog.records] == ["nlp_build_apart_failed"]


def test_a_text_that_cannot_be_written_is_built_here() -> None:
    odd = [Entry("1", 1, "护照\ud800"), Entry("2", 1, "社保卡")]
    assert apart.build(odd, apart_from=1).ask("社保卡").candidates[0].code == "2"


async def test_the_event_loop_is_not_late_while_a_large_catalogue_is_published(entries: list[Entry]) -> None:
    """How late a timer is, as far as this process was at work meanwhile: other processes' work is not its fault."""
    many = [replace(entry, code=f"{entry.code}-{copy}") for copy in range(8) for entry in entries]
    assert len(many) >= apart.APART_FROM
    late: list[float] = []
    build = asyncio.create_task(asyncio.to_thread(apart.build, many))
    while not build.done():
        began, processor = time.perf_counter(), time.process_time()
        await asyncio.sleep(0.002)
        late.append(min(time.perf_counter() - began - 0.002, time.process_time() - processor))
    assert len(await build) == len(many)
    assert np.percentile(late, 99) <= 0.020
