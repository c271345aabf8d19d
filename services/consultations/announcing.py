"""What a change of state says in the transcript, and whom it tells at once."""

from __future__ import annotations

from typing import Any

from services.consultations.clocks import Colour
from services.consultations.model import Conversation, Draft, Form, Kind, Side
from services.store import Event

# Events that are no part of the transcript: residents need not read that a limit has passed.
SILENT = frozenset({"conversation.late"})
# Whoever supervises listens here.
SUPERVISORS = "supervisors"

_WORDS = {
    "conversation.queued": "正在为您转接人工客服，请稍候。",
    "conversation.off_hours": "现在不是人工服务时间（{hours}）。您可以留下问题，工作人员上班后答复您。",
    "conversation.deferred": "您的留言已收到，答复后会通知您。",
    "conversation.returned": "已取消转人工，请继续向我提问。",
    "conversation.assigned": "工作人员 {officer} 为您服务。",
    "conversation.officer_silent": "正在为您转接其他工作人员，请稍候。",
    "conversation.transferred": "正在为您转接其他工作人员，请稍候。",
    "conversation.handed_to": "已为您转接，工作人员 {officer} 为您服务。",
    "conversation.joined": "工作人员 {by} 加入了会话。",
    "conversation.taken_over": "工作人员 {officer} 为您服务。",
    "conversation.form_answered": "您的留言已答复。",
    "conversation.closed": "本次咨询已结束，请您评价。",
    "conversation.timed_out": "长时间没有新消息，本次咨询已结束。",
    "conversation.reopened": "已继续上次的咨询，请问您还想了解什么？",
}


def badge(staff_id: str | None) -> str:
    """How residents see a member of staff: a number to quote, not a name."""
    return staff_id[-4:] if staff_id else ""


def drafts(event: Event, form: Form | None, *, hours: str, welcome: str) -> list[Draft]:
    """The entries of an event, in order; none for some. The same event makes the same entries, once each.

    ``form``: of its conversation; what the resident left and what staff answered are said like anything else, so that
    the content check sees the one, and both are there for good."""
    if event.name in SILENT:
        return []
    told = [_change(event, hours=hours, welcome=welcome)]
    if form is None:
        return told
    if event.name == "conversation.deferred":
        question = Draft(
            side=Side.RESIDENT, sender=event.data["person"], client_msg_id=event.id, kind=Kind.TEXT,
            text=form.question, data={"form": True},
        )  # fmt: skip
        return [question, *told]
    if event.name == "conversation.form_answered" and form.answer:
        answer = Draft(
            side=Side.STAFF, sender=form.answered_by, client_msg_id=event.id, kind=Kind.TEXT, text=form.answer
        )
        return [*told, answer]
    return told


def _change(event: Event, *, hours: str, welcome: str) -> Draft:
    data: dict[str, Any] = {"event": event.name, "state": event.data["state"], "at": event.at}
    if officer := badge(event.data.get("owner")):
        data["officer"] = officer
    if event.name == "conversation.started":
        return Draft(side=Side.BOT, sender="bot", client_msg_id=event.id, kind=Kind.TEXT, text=welcome)
    words = _WORDS[event.name].format(hours=hours, officer=officer, by=badge(event.data.get("by_id")))
    return Draft(side=Side.SYSTEM, sender="system", client_msg_id=event.id, kind=Kind.SYSTEM, text=words, data=data)


# What is late, as supervisors read it.
_LATE = {"first_answer": "网上咨询·首次答复", "next_answer": "网上咨询·后续答复", "resolution": "网上咨询·办结"}


def lateness(alarms: list[str]) -> dict[str, Any]:
    """What a warning tells of the clocks that turned: ``clock`` and ``colour`` of the worst, all by their names."""
    turned = [alarm.split("/")[:2] for alarm in alarms]
    clock, colour = next((one for one in turned if one[1] == Colour.RED), turned[0])
    return {"alarms": alarms, "clock": clock, "colour": colour, "title": _LATE[clock]}


def facts(conversation: Conversation, owner: str | None, state: str, by: str) -> dict[str, Any]:
    """What events of a conversation tell: ids, never words."""
    told: dict[str, Any] = {
        "conversation_id": conversation.id,
        "person": conversation.person,
        "state": state,
        "by_id": by,
    }
    if owner is not None:
        told["owner"] = owner
    if conversation.owner is not None:
        told["previous"] = conversation.owner
    return told
