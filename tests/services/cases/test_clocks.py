"""A task's clock follows its case's pauses, and the timer looks exactly when something changes."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import local_instant
from kernel.limits import Colour, Mark, Sign
from kernel.workdays import WorkdayTable
from server.wiring import read_workdays
from services.cases.clocks import readings, silent_until, task_marks, wake_at, warnings_due
from services.cases.machine import MACHINE, TASK
from services.cases.model import AT_THE_DESK, IN_DEPARTMENTS, Case, CaseRules, CaseTask, Channel, State, TaskState
from services.cases.progress import STATES

RULES = CaseRules()


@pytest.fixture(scope="module")
def table(data_folder: Path) -> WorkdayTable:
    return read_workdays(data_folder)


def on(day: str, hour: int = 10) -> datetime:
    return local_instant(date.fromisoformat(day), time(hour))


def case(**changes: Any) -> Case:
    """Accepted on Monday 2026-11-02 with a promised limit of 5 days, a legal one of 20 and one task of 3 days."""
    start = on("2026-11-02")
    task = CaseTask(
        code="a", name="审查", department="D", working_days=3, state=TaskState.OPEN, opened_at=on("2026-11-03")
    )
    fields: dict[str, Any] = {
        "clock": [Mark(Sign.START, start)], "tasks": [task], "legal_limit_days": 20, "promised_limit_days": 5,
    }  # fmt: skip
    return Case(
        id="CA", state=State.IN_APPROVAL, created_at=start, updated_at=start, person="P", item="I", item_version=1,
        item_name="事项", department="D", channel=Channel.ONLINE, centre="C", **(fields | changes),
    )  # fmt: skip


def test_a_pause_of_the_case_is_one_of_its_open_tasks(table: WorkdayTable) -> None:
    pauses = [Mark(Sign.PAUSE, on("2026-11-04")), Mark(Sign.RESUME, on("2026-11-10"))]
    one = case(clock=[Mark(Sign.START, on("2026-11-02")), *pauses])
    assert [mark.sign for mark in task_marks(one, one.tasks[0])] == [Sign.START, Sign.PAUSE, Sign.RESUME]
    shown = readings(one, table, on("2026-11-11"))
    assert (shown["task:a"].used, shown["promised"].used, shown["legal"].used) == (2, 3, 3)


def test_a_pause_before_a_task_opened_is_none_of_its(table: WorkdayTable) -> None:
    pauses = [Mark(Sign.PAUSE, on("2026-11-02", 11)), Mark(Sign.RESUME, on("2026-11-02", 12))]
    one = case(clock=[Mark(Sign.START, on("2026-11-02")), *pauses])
    assert [mark.sign for mark in task_marks(one, one.tasks[0])] == [Sign.START]


def test_the_timer_looks_when_the_first_clock_turns_and_each_warning_is_due_once(table: WorkdayTable) -> None:
    one = case()
    turns = wake_at(one, table, on("2026-11-03"), RULES)
    # Of three days the second leaves one: Thursday the 5th.
    assert turns == local_instant(date(2026, 11, 5), time())
    assert warnings_due(one, table, turns - timedelta(seconds=1)) == []
    assert warnings_due(one, table, turns) == [("task:a", Colour.YELLOW)]
    told = case(warned=["task:a:yellow"])
    assert warnings_due(told, table, turns) == []
    assert wake_at(told, table, turns, RULES) == local_instant(date(2026, 11, 6), time())
    assert wake_at(one, table, turns, RULES) == turns


def test_a_paused_case_sleeps(table: WorkdayTable) -> None:
    paused = case(clock=[Mark(Sign.START, on("2026-11-02")), Mark(Sign.PAUSE, on("2026-11-04"))])
    assert wake_at(paused, table, on("2026-11-20"), RULES) is None


def test_the_office_may_be_silent_for_five_working_days(table: WorkdayTable) -> None:
    silent = case(received_at=on("2026-11-06"))
    assert silent_until(silent, table, RULES) == local_instant(date(2026, 11, 14), time())


def test_every_state_has_words_and_only_states_of_the_machine_have_queues() -> None:
    assert set(STATES) == set(State) == MACHINE.states
    assert MACHINE.states >= AT_THE_DESK | IN_DEPARTMENTS
    assert set(TaskState) == TASK.states
