"""One step in the making: the state's copy, what is said, what is wished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from kernel.clock import SHANGHAI
from nlp.when.model import clock_label, day_label
from services.dialogue.model import TASK_WORDS, Facts, Option, Reply, State, Step, Task, TaskKind, Want, Wish
from services.learning.model import Lesson

PERSON = Option("转人工", "person")
STOP = Option("不办了", "stop")
MAX_PARKED = 2


class Talk:
    """Mutable inside one step only; ``advance`` is pure because it begins with a copy."""

    def __init__(self, state: State, facts: Facts) -> None:
        self.state = msgspec.convert(msgspec.to_builtins(state), State)
        self.facts = facts
        self.replies: list[Reply] = []
        self.wish: Wish | None = None
        self.hand_over: str | None = None
        self.unanswered = False
        self.lessons: list[Lesson] = []

    @property
    def task(self) -> Task:
        assert self.state.task is not None
        return self.state.task

    def step(self) -> Step:
        return Step(self.state, self.replies, self.wish, self.hand_over, self.unanswered, tuple(self.lessons))

    def say(self, text: str) -> None:
        self.replies.append(Reply(kind="text", text=text))

    def choose(self, text: str, options: Sequence[Option]) -> None:
        """A question with buttons; what they say may also be typed, or their number."""
        self.state.options = list(options)
        self.replies.append(Reply(kind="choices", text=text, options=list(options)))

    def card(self, card: str, data: dict[str, Any], text: str = "", options: Sequence[Option] = ()) -> None:
        if options:
            self.state.options = list(options)
        self.replies.append(Reply(kind="card", card=card, text=text, data=data, options=list(options)))

    def do(self, do: str, **args: Any) -> None:
        self.wish = Wish(do=do, args=args)

    def offered(self, value: str) -> bool:
        """Whether the last question had this button: "go on" counts as a yes only where it was one."""
        return any(option.value == value for option in self.state.options)

    def begin(self, kind: TaskKind) -> Task:
        """A new task; one that was going on is parked."""
        if self.state.task is not None:
            self.park()
        self.state.task = Task(kind=kind, key=self._name(kind))
        self.state.rounds = 0
        return self.state.task

    def rename(self) -> None:
        """What was done under the task's name has come to nothing: the next try is another request."""
        self.task.key = self._name(self.task.kind)

    def _name(self, kind: TaskKind) -> str:
        """A task is named by when it began and its turn: a name that no other task of this resident has."""
        return f"{kind.value}-{self.facts.now.timestamp():.3f}-{self.state.turns}"

    def park(self) -> None:
        if self.state.task is not None:
            self.state.parked = [*self.state.parked, self.state.task][-MAX_PARKED:]
            self.state.task = None

    def end(self) -> None:
        """The task is over; one that waits is offered again."""
        self.state.task = None
        self.state.rounds = 0
        self.offer_return()

    def offer_return(self) -> None:
        if self.state.parked and self.state.task is None and self.hand_over is None:
            words = TASK_WORDS[self.state.parked[-1].kind]
            self.choose(f"要继续刚才的{words}吗？", [Option(f"继续刚才的{words}", "resume"), Option("不用了", "stop")])

    def to_person(self, why: str) -> None:
        """``why``: asked, failures, low_confidence."""
        self.hand_over = why
        # The task is kept: the officer sees it, and the resident may go on with it.
        self.state.rounds = 0
        self.say("正在为您转接人工服务，前面说的内容会一并转给工作人员。")

    def not_understood(self, again: str, options: Sequence[Option] = ()) -> None:
        """Asks once more; after so many rounds a person goes on."""
        self.state.rounds += 1
        if self.state.rounds >= self.facts.rules.rounds:
            self.unanswered = True
            self.to_person("failures")
            return
        self.choose(again, [*options[:3], PERSON])

    def needs_sign_in(self, what: str) -> bool:
        """Says so when nobody is signed in; what was said so far is kept."""
        if self.facts.signed_in:
            return False
        self.card(
            "sign_in", {"reason": what}, f"{what}需要先登录，登录后会接着办。", [Option("已登录，继续", "again"), STOP]
        )
        return True

    def want(self, want: Want) -> None:
        self.task.want = want


def when_label(start: datetime | str) -> str:
    """ "11月25日（周三）09:00"."""
    local = (datetime.fromisoformat(start) if isinstance(start, str) else start).astimezone(SHANGHAI)
    return f"{day_label(local.date())}{clock_label(local.hour * 60 + local.minute)}"
