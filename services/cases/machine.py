"""The life of a case and of its tasks as data; docs/cases.md draws it."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST, _SY = Actor.RESIDENT, Actor.STAFF, Actor.SYSTEM

# The edges that make a case: a draft of the resident, an application taken at a window.
BEGIN = Edge("begin", (), "draft", "case.drafted", (_R,))
APPLY = Edge("apply", (), "submitted", "case.submitted", (_ST,))

# Somebody answers for it, and can hand that over.
OWNED = ("submitted", "incomplete", "in_approval", "supplementing", "paused", "granted", "denied", "ready")
# Fees are asked for while the case is worked on.
_CHARGED = ("submitted", "in_approval", "granted", "ready")


def _in_place(action: str, states: tuple[str, ...], event: str, *actors: Actor) -> tuple[Edge, ...]:
    """Steps that change something about the case and not its state."""
    return tuple(Edge(action, (state,), state, event, actors) for state in states)


MACHINE = Machine(
    "case",
    initial=("draft", "submitted"),
    edges=(
        Edge("save", ("draft",), "draft", "case.draft_saved", (_R,)),
        Edge("discard", ("draft",), "discarded", "case.discarded", (_R,)),
        Edge("submit", ("draft",), "submitted", "case.submitted", (_R,)),
        *_in_place("take", OWNED, "case.taken", _ST),
        *_in_place("hand_over", OWNED, "case.handed_over", _ST),
        *_in_place("see_originals", ("submitted", "in_approval", "ready"), "case.originals_seen", _ST),
        *_in_place("charge", _CHARGED, "case.charged", _ST),
        Edge("accept", ("submitted",), "in_approval", "case.accepted", (_ST,)),
        Edge("accept_silently", ("submitted",), "in_approval", "case.accepted_by_silence", (_SY,)),
        Edge("refuse", ("submitted", "incomplete"), "refused", "case.refused", (_ST,)),
        Edge("request_supplement", ("submitted",), "incomplete", "case.supplement_requested", (_ST,)),
        Edge("request_supplement", ("in_approval",), "supplementing", "case.supplement_requested", (_ST,)),
        Edge("request_second_supplement", ("submitted",), "incomplete", "case.second_notice", (_ST,)),
        Edge("request_second_supplement", ("in_approval",), "supplementing", "case.second_notice", (_ST,)),
        Edge("supplement", ("incomplete",), "submitted", "case.supplemented", (_R, _ST)),
        Edge("supplement", ("supplementing",), "in_approval", "case.supplemented", (_R, _ST)),
        *_in_place("remind_supplement", ("incomplete", "supplementing"), "case.supplement_due", _SY),
        # The time of a notice is over: decided on what there is.
        Edge("proceed", ("supplementing",), "in_approval", "case.proceeded", (_ST,)),
        Edge("pause", ("in_approval",), "paused", "case.paused", (_ST,)),
        Edge("resume", ("paused",), "in_approval", "case.resumed", (_ST,)),
        Edge("take_task", ("in_approval",), "in_approval", "case.task_taken", (_ST,)),
        Edge("release_task", ("in_approval",), "in_approval", "case.task_released", (_ST,)),
        Edge("decide_task", ("in_approval",), "in_approval", "case.task_decided", (_ST,)),
        Edge("warn_yellow", ("in_approval",), "in_approval", "case.limit_yellow", (_SY,)),
        Edge("warn_red", ("in_approval",), "in_approval", "case.limit_red", (_SY,)),
        Edge("grant", ("in_approval",), "granted", "case.granted", (_ST,)),
        Edge("deny", ("in_approval",), "denied", "case.denied", (_ST,)),
        Edge("record_result", ("granted", "denied"), "ready", "case.ready", (_ST,)),
        # What was handed over already is handed over anew.
        Edge("correct_result", ("ready", "issued"), "ready", "case.result_corrected", (_ST,)),
        Edge("issue", ("ready",), "issued", "case.issued", (_ST,)),
        Edge("close", ("issued",), "closed", "case.closed", (_R, _ST, _SY)),
        Edge(
            "withdraw", ("submitted", "incomplete", "in_approval", "supplementing", "paused"), "withdrawn",
            "case.withdrawn", (_R,),
        ),
    ),
)  # fmt: skip

# Tasks change inside their case's write; their events are the case's.
TASK = Machine(
    "case_task",
    initial=("waiting",),
    edges=(
        Edge("open", ("waiting",), "open", "case.task_decided", (_SY,)),
        Edge("take", ("open",), "taken", "case.task_taken", (_ST,)),
        # Who took it is ill, has left or took the wrong one.
        Edge("release", ("taken",), "open", "case.task_released", (_ST,)),
        Edge("approve", ("open", "taken"), "approved", "case.task_decided", (_ST,)),
        Edge("reject", ("open", "taken"), "rejected", "case.task_decided", (_ST,)),
        Edge("cancel", ("waiting", "open", "taken"), "cancelled", "case.denied", (_SY,)),
    ),
)

EVENTS = frozenset(edge.event for edge in (*MACHINE.edges, BEGIN, APPLY))
