"""The life of a conversation, and of its rating, as data; docs/consultation.md draws both."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST, _SY = Actor.RESIDENT, Actor.STAFF, Actor.SYSTEM

START = Edge("start", (), "bot", "conversation.started", (_R,))
_WITH_BOT = ("bot", "off_hours")

CONVERSATION = Machine(
    "conversation",
    initial=("bot",),
    edges=(
        # The bot gives over: into the queue while the office is open, else to the off-hours form.
        Edge("hand_over", _WITH_BOT, "queued", "conversation.queued", (_R, _SY)),
        Edge("ask_form", ("bot", "queued"), "off_hours", "conversation.off_hours", (_R, _SY)),
        # The day is over and the officer has gone home with an answer owed.
        Edge("ask_form", ("with_staff",), "off_hours", "conversation.off_hours", (_SY,)),
        Edge("leave_form", ("off_hours",), "deferred", "conversation.deferred", (_R,)),
        Edge("return_to_bot", ("queued", "off_hours"), "bot", "conversation.returned", (_R,)),
        Edge("assign", ("queued",), "with_staff", "conversation.assigned", (_ST, _SY)),
        Edge("requeue", ("with_staff",), "queued", "conversation.officer_silent", (_SY,)),
        Edge("transfer", ("with_staff",), "queued", "conversation.transferred", (_ST,)),
        Edge("hand_to", ("with_staff",), "with_staff", "conversation.handed_to", (_ST,)),
        Edge("join", ("with_staff",), "with_staff", "conversation.joined", (_ST,)),
        Edge("take_over", ("queued", "with_staff"), "with_staff", "conversation.taken_over", (_ST,)),
        Edge("warn", ("queued",), "queued", "conversation.late", (_SY,)),
        Edge("warn", ("with_staff",), "with_staff", "conversation.late", (_SY,)),
        Edge("warn", ("deferred",), "deferred", "conversation.late", (_SY,)),
        Edge("answer_form", ("deferred",), "closed", "conversation.form_answered", (_ST,)),
        Edge("close", ("bot", "queued", "off_hours", "with_staff"), "closed", "conversation.closed", (_R, _ST)),
        Edge("time_out", ("bot", "off_hours", "with_staff"), "closed", "conversation.timed_out", (_SY,)),
        Edge("reopen", ("closed",), "bot", "conversation.reopened", (_R,)),
    ),
)

# The two edges that make a rating: a bad one asks for a follow-up (好差评: verify, fix, call back).
RATE = Edge("rate", (), "recorded", "rating.recorded", (_R,))
RATE_BADLY = Edge("rate", (), "open", "rating.poor", (_R,))

RATING = Machine(
    "rating",
    initial=("recorded", "open"),
    edges=(
        Edge("call_back", ("open",), "called_back", "rating.called_back", (_ST,)),
        Edge("warn", ("open",), "open", "rating.follow_up_late", (_SY,)),
        Edge("close", ("called_back",), "closed", "rating.followed_up", (_ST,)),
    ),
)

CONVERSATION_EVENTS = frozenset(edge.event for edge in (*CONVERSATION.edges, START))
# The ends that nobody may be there to see. They tell whether staff's words were left unread; an answered form is told
# in any case.
ENDING = frozenset({"conversation.closed", "conversation.timed_out"})
# Events after which somebody may be assigned: a new place in the queue, or an officer with a free hand.
STIRRING = frozenset(
    {
        "conversation.queued",
        "conversation.officer_silent",
        "conversation.transferred",
        "conversation.handed_to",
        "conversation.taken_over",
        "conversation.closed",
        "conversation.timed_out",
    }
)
