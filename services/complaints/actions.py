"""What can be done with a complaint. Every ``do_*`` reads, decides, and makes one guarded write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from kernel.clock import Clock, local_day
from kernel.errors import ActionNotAllowed, Code, Conflict, InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.limits import Colour
from kernel.machine import Actor
from kernel.masking import scrub
from kernel.workdays import Deadline, WorkdayTable
from services.ask.queries import Ask
from services.catalogue.queries import Catalogue
from services.complaints.clocks import ANSWER, wake_at, warning_due
from services.complaints.machine import FILE, MACHINE
from services.complaints.model import KIND_WORDS, Complaint, ComplaintKind, ComplaintRules, State
from services.complaints.store import ComplaintStore
from services.store import Duplicate, Step

STEP_ATTEMPTS = 4
# How many merged complaints are read at a time when their answer has come.
SHARED = 100


class Photos(Protocol):
    """Who keeps the files (services/files/actions.py)."""

    async def do_use(self, owner: str, file_ids: Sequence[str], use: str) -> object: ...

    async def do_release(self, file_ids: Sequence[str], use: str) -> None: ...


class Complaints:
    """All changes of complaints."""

    def __init__(
        self,
        store: ComplaintStore,
        photos: Photos,
        catalogue: Catalogue,
        ask: Ask,
        workdays: WorkdayTable,
        clock: Clock,
        ids: Ids,
        rules: ComplaintRules,
    ) -> None:
        self._store = store
        self._photos = photos
        self._catalogue = catalogue
        self._ask = ask
        self._workdays = workdays
        self._clock = clock
        self._ids = ids
        self.rules = rules

    def suggest(self, matter: str) -> list[str]:
        """Departments that the matter may be for, at most three: by the city's own model where it has one, else by the
        items that the matter resembles and the departments that it names (docs/matching.md)."""
        return self._ask.departments(matter)

    def due(self, kind: ComplaintKind) -> Deadline:
        """The last day for an answer to what is filed now."""
        return self._workdays.add_working_days(local_day(self._clock.now()), self.rules.limits[kind])

    async def do_file(
        self,
        person: str,
        kind: ComplaintKind,
        matter: str,
        *,
        place: str = "",
        happened: str = "",
        photos: Sequence[str] = (),
        callback: bool = False,
        request_key: str | None = None,
    ) -> Complaint:
        """Files it. Personal numbers in the text are masked before it is kept.

        Raises InvalidInput (matter empty or too long, too many photos), NotFound FILE_NOT_FOUND.
        """
        matter = scrub(matter).strip()
        if not matter or len(matter) > self.rules.max_matter:
            raise InvalidInput(
                detail=f"请写清楚要反映的事情（1 到 {self.rules.max_matter} 字）。", field="$.matter", reason="length"
            )
        if len(photos) > self.rules.max_photos or len(set(photos)) != len(photos):
            raise InvalidInput(
                detail=f"照片最多 {self.rules.max_photos} 张，且不能重复。", field="$.photos", reason="number"
            )
        if request_key and (made := await self._store.of_request(request_key)) is not None:
            return made
        now, deadline = self._clock.now(), self.due(kind)
        complaint = Complaint(
            id=self._ids.new(Kind.COMPLAINT), state=FILE.target, created_at=now, updated_at=now, person=person,
            kind=kind, matter=matter, place=scrub(place).strip()[:100], happened=scrub(happened).strip()[:50],
            photos=list(photos), suggested=self.suggest(matter), callback=callback,
            limit_days=self.rules.limits[kind], due=deadline.day.isoformat(), due_provisional=deadline.provisional,
            request_key=request_key,
        )  # fmt: skip
        complaint.wake_at = wake_at(complaint, self._workdays, now, self.rules)
        if photos:
            await self._photos.do_use(person, photos, complaint.id)
        try:
            return await self._store.create(complaint, Step(FILE, Actor.RESIDENT, person, data=_told(complaint)))
        except Duplicate:
            # The same request a moment ago: its complaint is the one.
            await self._photos.do_release(photos, complaint.id)
            made = await self._store.of_request(request_key or "")
            if made is None:
                raise Conflict from None
            return made

    async def do_accept(self, officer: str, complaint_id: str, kind: ComplaintKind | None = None) -> Complaint:
        """Takes it on, perhaps as another kind than was said; the time limit counts from the day of filing."""
        complaint = await self._require(complaint_id)
        changes: dict[str, Any] = {}
        if kind is not None and kind is not complaint.kind:
            day = self._workdays.add_working_days(local_day(complaint.created_at), self.rules.limits[kind])
            changes = {
                "kind": kind.value, "limit_days": self.rules.limits[kind], "due": day.day.isoformat(),
                "due_provisional": day.provisional, "warned": [],
            }  # fmt: skip
        return await self._step(complaint_id, "accept", officer, changes)

    async def do_dispatch(self, officer: str, complaint_id: str, department: str) -> Complaint:
        """To a department of the catalogue, or on to another. Raises InvalidInput for one that is none."""
        if department not in self._catalogue.departments():
            raise InvalidInput(detail="没有这个部门。", field="$.department", reason="unknown department")
        return await self._step(complaint_id, "dispatch", officer, {"department": department})

    async def do_answer(self, officer: str, complaint_id: str, answer: str, department: str | None = None) -> Complaint:
        """``department``: of the officer who answers; one of a department answers only what is dispatched to it."""
        complaint = await self._require(complaint_id)
        if department is not None and complaint.department != department:
            raise NotFound(Code.COMPLAINT_NOT_FOUND, complaint=complaint_id)
        changes = {"answer": scrub(answer), "answered_at": self._clock.now()}
        return await self._step(complaint_id, "answer", officer, changes)

    async def do_reject(self, officer: str, complaint_id: str, reason: str) -> Complaint:
        return await self._step(complaint_id, "reject", officer, {"answer": scrub(reason)}, note=scrub(reason))

    async def do_merge(self, officer: str, complaint_id: str, into: str) -> Complaint:
        """The same matter is handled in another complaint, whose answer this one gets too (``do_share``).

        Raises InvalidInput when that is itself, or is merged or rejected.
        """
        other = await self._store.get(into) if into != complaint_id else None
        if other is None or other.state in (State.MERGED, State.REJECTED):
            raise InvalidInput(detail="不能合并到这个编号。", field="$.into", reason="not an open complaint")
        return await self._step(complaint_id, "merge", officer, {"merged_into": into})

    async def do_share(self, complaint_id: str) -> None:
        """What is known of the answer goes on to the complaints merged: from this one to those merged into it; to this
        one, when it is merged into one that has its answer by now.

        Called for every answer, rejection and merge. Whichever of a merge and an answer is written last finds the
        other, so none is missed; done again it finds nobody left. Those merged into a merged one are told by its event.
        The last merge of a circle finds the whole circle, and parts it.
        """
        complaint = await self._require(complaint_id)
        if complaint.state == State.MERGED:
            source = await self._require(complaint.merged_into or "")
            if not await self._share(source, complaint):
                await self._part_circle(complaint)
            return
        while waiting := await self._store.waiting_for(complaint_id, SHARED):
            for one in waiting:
                if not await self._share(complaint, one):
                    return

    async def _share(self, source: Complaint, merged: Complaint) -> bool:
        """Gives one its answer; False when there is none."""
        if source.answer is None:
            return False
        changes: dict[str, Any] = {"answer": source.answer}
        if source.state == State.REJECTED:
            step = self._a_step(merged, "share_rejection", "", changes, actor=Actor.SYSTEM, note=source.answer)
        elif source.state in (State.ANSWERED, State.CLOSED):
            changes["answered_at"] = self._clock.now()
            step = self._a_step(merged, "share_answer", "", changes, actor=Actor.SYSTEM)
        else:
            return False
        await self._store.step(merged, step)
        return True

    async def _part_circle(self, complaint: Complaint) -> None:
        """Officers who merge complaints into each other at the same moment each see an open one to merge into, and
        nobody would have any of them. The oldest is handled after all, the others wait for its answer."""
        circle, one = [complaint], complaint
        while one.state == State.MERGED:
            one = await self._require(one.merged_into or "")
            if one.id == complaint.id:
                oldest = min(circle, key=lambda member: (member.created_at, member.id))
                changes = {"merged_into": None}
                # None written: the event of another of them has parted it.
                await self._store.step(oldest, self._a_step(oldest, "part", "", changes, actor=Actor.SYSTEM))
                return
            if one.id in {member.id for member in circle}:
                return  # a circle further on: its own events part it
            circle.append(one)

    async def do_close(self, officer: str, complaint_id: str, note: str = "") -> Complaint:
        return await self._step(complaint_id, "close", officer, {}, note=scrub(note))

    async def do_close_own(self, person: str, complaint_id: str) -> Complaint:
        """The complainant is content with the answer."""
        await self._own(person, complaint_id)
        return await self._step(complaint_id, "close", person, {}, actor=Actor.RESIDENT)

    async def do_object(self, person: str, complaint_id: str, words: str) -> Complaint:
        """The complainant is not content: worked on anew, with the whole time limit, and supervision is told. Once.

        Raises NotFound COMPLAINT_NOT_FOUND, ActionNotAllowed also for a second time.
        """
        complaint = await self._own(person, complaint_id)
        if "object" not in (allowed := for_complainant(complaint)):
            raise ActionNotAllowed(complaint.state, "object", allowed)
        deadline = self.due(complaint.kind)
        changes: dict[str, Any] = {
            "objection": scrub(words).strip(), "first_answer": complaint.answer, "answer": None, "answered_at": None,
            "merged_into": None, "counted_from": self._clock.now(), "due": deadline.day.isoformat(),
            "due_provisional": deadline.provisional, "warned": [],
        }  # fmt: skip
        told = _for_supervision(complaint)
        return await self._step(complaint_id, "object", person, changes, actor=Actor.RESIDENT, told=told)

    async def do_wake_due(self, limit: int) -> int:
        """Tells supervision of complaints whose limit has turned yellow or red, and closes those answered long ago; how
        many there were.

        Each warning goes out once: the write that tells of it also remembers it, red standing for a yellow not told.
        """
        due = await self._store.due(self._clock.now(), limit)
        for complaint in due:
            now = self._clock.now()
            if complaint.state == State.ANSWERED:
                await self._store.step(complaint, self._a_step(complaint, "close", "", {}, actor=Actor.SYSTEM))
                continue
            colour = warning_due(complaint, self._workdays, now)
            if colour is None:
                await self._store.set_wake(complaint, wake_at(complaint, self._workdays, now, self.rules))
                continue
            warned = sorted({*complaint.warned, Colour.YELLOW.value, colour.value})
            told = _for_supervision(complaint) | {"clock": ANSWER}
            step = self._a_step(complaint, f"warn_{colour}", "", {"warned": warned}, actor=Actor.SYSTEM, told=told)
            # None: somebody was faster, perhaps with the answer; the next round looks again.
            await self._store.step(complaint, step)
        return len(due)

    async def _own(self, person: str, complaint_id: str) -> Complaint:
        """A foreign one is not told from one that does not exist."""
        complaint = await self._require(complaint_id)
        if complaint.person != person:
            raise NotFound(Code.COMPLAINT_NOT_FOUND, complaint=complaint_id)
        return complaint

    async def _require(self, complaint_id: str) -> Complaint:
        complaint = await self._store.get(complaint_id)
        if complaint is None:
            raise NotFound(Code.COMPLAINT_NOT_FOUND, complaint=complaint_id)
        return complaint

    async def _step(
        self,
        complaint_id: str,
        action: str,
        by: str,
        changes: Mapping[str, Any],
        *,
        actor: Actor = Actor.STAFF,
        note: str = "",
        told: Mapping[str, Any] | None = None,
    ) -> Complaint:
        """Read, decide, write under the version's guard; decides again when somebody was faster."""
        for _ in range(STEP_ATTEMPTS):
            complaint = await self._require(complaint_id)
            step = self._a_step(complaint, action, by, changes, actor=actor, note=note, told=told)
            written = await self._store.step(complaint, step)
            if written is not None:
                return written
        raise Conflict

    def _a_step(
        self, complaint: Complaint, action: str, by: str, changes: Mapping[str, Any], *, actor: Actor, note: str = "",
        told: Mapping[str, Any] | None = None,
    ) -> Step:  # fmt: skip
        """With the timer that follows from it."""
        edge = MACHINE.step(complaint.state, action, actor)
        after = msgspec.structs.replace(complaint, state=edge.target, **changes)
        following = {"wake_at": wake_at(after, self._workdays, self._clock.now(), self.rules)}
        data = _told(after) | {"by": actor.value} | dict(told or {})
        return Step(edge, actor, by, note, dict(changes) | following, data)


def for_complainant(complaint: Complaint) -> list[str]:
    """What the complainant can do now."""
    allowed = MACHINE.allowed(complaint.state, Actor.RESIDENT)
    return [action for action in allowed if action != "object" or complaint.objection is None]


def _told(complaint: Complaint) -> dict[str, Any]:
    """What consumers need to know: nothing of what was said."""
    return {
        "person": complaint.person,
        "complaint_id": complaint.id,
        "kind_words": KIND_WORDS[complaint.kind],
        "filed_on": local_day(complaint.created_at).isoformat(),
    }


def _for_supervision(complaint: Complaint) -> dict[str, str]:
    return {"number": complaint.id, "title": KIND_WORDS[complaint.kind], "department": complaint.department or ""}
