from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import ManualClock
from kernel.errors import BanshiError, Code
from services.learning.machine import MACHINE
from services.learning.model import (
    Finding,
    LearningRules,
    ProposalKind,
    SignalKind,
    decide,
    key_of,
    kind_of,
    learnable,
    name_of,
)
from services.learning.tokens import AnswerTokens
from tests.helpers import MONDAY_MORNING

A, B = "000709402000", "002099999000"
CHOSEN, NONE, UNANSWERED = SignalKind.CHOSEN, SignalKind.NONE_OF_THESE, SignalKind.UNANSWERED
RULES = LearningRules()
TOKENS = AnswerTokens(b"k" * 32, timedelta(days=1))


@pytest.mark.parametrize(
    ("tally", "found"),
    [
        ({}, None),
        ({(CHOSEN, A): 2}, None),
        ({(CHOSEN, A): 3}, Finding(A, 3, 0, 0)),
        ({(CHOSEN, A): 2, (SignalKind.HELPFUL, A): 1}, Finding(A, 3, 0, 0)),
        ({(CHOSEN, A): 3, (CHOSEN, B): 2}, None),
        ({(CHOSEN, A): 7, (CHOSEN, B): 3}, Finding(A, 7, 3, 0)),
        ({(CHOSEN, A): 3, (NONE, ""): 2}, None),
        ({(CHOSEN, A): 3, (SignalKind.NOT_HELPFUL, A): 2}, None),
        ({(SignalKind.CORRECTION, A): 1}, Finding(A, 3, 0, 1)),
        ({(SignalKind.CORRECTION, A): 1, (UNANSWERED, ""): 1}, Finding(A, 3, 0, 1)),
        ({(SignalKind.CORRECTION, A): 1, (SignalKind.CORRECTION, B): 1}, None),
        ({(UNANSWERED, ""): 4}, None),
        ({(UNANSWERED, ""): 3, (NONE, ""): 3}, None),
        ({(UNANSWERED, ""): 3, (NONE, ""): 5}, Finding("", 5, 0, 0)),
        ({(UNANSWERED, ""): 5, (CHOSEN, A): 2}, Finding("", 5, 2, 0)),
        ({(UNANSWERED, ""): 5, (CHOSEN, A): 3}, Finding(A, 3, 0, 0)),
    ],
)
def test_enough_votes_that_agree_are_a_finding(tally: dict[tuple[SignalKind, str], int], found: Finding | None) -> None:
    assert decide(tally, RULES) == found


@given(st.dictionaries(st.tuples(st.sampled_from(SignalKind), st.sampled_from([A, B])), st.integers(1, 50), max_size=8))
def test_a_finding_always_has_its_votes_and_its_majority(tally: dict[tuple[SignalKind, str], int]) -> None:
    found = decide(tally, RULES)
    if found is not None:
        assert found.votes >= (RULES.votes if found.item else RULES.unanswered)
        assert found.votes >= RULES.majority * (found.votes + found.against)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("身份证丢了", True), ("证", False), ("？？！", False), ("", False), ("***丢了怎么补", False),
        ("我" * 60, True), ("我" * 61, False), ("😀😀", False), ("wifi", True),
    ],
)  # fmt: skip
def test_only_short_words_without_anything_masked_teach(text: str, fine: bool) -> None:
    assert learnable(text) is fine


def test_blanks_and_punctuation_make_no_difference() -> None:
    assert key_of("身份证 丢了，怎么补？") == key_of("身份证丢了怎么补")
    assert name_of("身份证丢了？") == name_of("身份證丟了")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("身份证丢了", ProposalKind.ALIAS), ("身份证丢了怎么办", ProposalKind.QUESTION),
        ("能不能换证", ProposalKind.QUESTION), ("老人的养老金领取资格每年认证", ProposalKind.QUESTION),
    ],
)  # fmt: skip
def test_what_is_short_and_asks_nothing_is_an_alias(text: str, kind: ProposalKind) -> None:
    assert kind_of(text) is kind


def test_a_token_is_read_by_whom_it_was_given_to_for_a_day() -> None:
    token = TOKENS.make("PR1", "身份证丢了", [A, B], MONDAY_MORNING)
    given_ = TOKENS.read("PR1", token, MONDAY_MORNING + timedelta(hours=23))
    assert (given_.text, given_.items) == ("身份证丢了", [A, B])
    wrong = [
        ("PR2", token, MONDAY_MORNING),
        ("PR1", token, MONDAY_MORNING + timedelta(days=1, seconds=2)),
        ("PR1", token, MONDAY_MORNING - timedelta(hours=1)),
        ("PR1", token[:-1] + ("A" if token[-1] != "A" else "B"), MONDAY_MORNING),
    ]
    for caller, text, at in wrong:
        with pytest.raises(BanshiError) as caught:
            TOKENS.read(caller, text, at)
        assert caught.value.code is Code.FEEDBACK_REFUSED
    with pytest.raises(BanshiError):
        AnswerTokens(b"j" * 32, timedelta(days=1)).read("PR1", token, MONDAY_MORNING)


@given(st.text(max_size=200))
def test_any_other_token_is_refused_with_a_typed_error(token: str) -> None:
    with pytest.raises(BanshiError) as caught:
        TOKENS.read("PR1", token, MONDAY_MORNING)
    assert caught.value.code is Code.FEEDBACK_REFUSED


def test_a_voter_is_somebody_else_the_next_day_and_somebody_elses_never() -> None:
    clock = ManualClock(MONDAY_MORNING)
    today = TOKENS.voter("PR1", clock.now())
    assert today == TOKENS.voter("PR1", clock.now() + timedelta(hours=3))
    assert today != TOKENS.voter("PR1", clock.now() + timedelta(days=1))
    assert today != TOKENS.voter("PR2", clock.now())
    assert "PR1" not in today


def test_a_proposal_being_accepted_can_only_be_finished_or_given_back() -> None:
    assert MACHINE.allowed("accepting") == ["accept", "release", "take"]
    assert MACHINE.final == {"accepted", "rejected", "withdrawn"}
