"""What window officers do: apply for a resident at any centre (全城通办), take, hand over, accept, ask for more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from kernel.clock import local_day
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.ids import Kind
from kernel.limits import Mark, Sign
from kernel.machine import Actor
from services.cases.applications import Applications
from services.cases.clocks import notice_over
from services.cases.forms import check_draft
from services.cases.given import (
    Faults,
    checked_party,
    collect,
    faulty,
    materials_with,
    reused_files,
    unknown_materials,
    with_files,
    wrong_way,
)
from services.cases.known import answered_before, known, sources
from services.cases.machine import APPLY, MACHINE
from services.cases.model import (
    Case,
    CaseMaterial,
    CaseTask,
    Channel,
    Delivery,
    Given,
    MaterialState,
    Notice,
    Officer,
    Party,
    State,
)
from services.cases.store import ONE_NUMBER
from services.cases.work import STEP_ATTEMPTS, Change, at_window, in_centre, opened
from services.catalogue.application import form_of, tasks_of
from services.catalogue.model import Delivery as Way
from services.catalogue.model import ItemVersion
from services.identity.staff.model import Role
from services.store import Duplicate


class Window(Applications):
    """Steps of window officers. Who takes a case first answers for it (首问负责)."""

    async def do_apply(self, officer: Officer, item: str, applicant: Party, given: Given, seen: list[str]) -> Case:
        """Applies at a window for a resident, whatever centre the item belongs to. ``seen``: originals shown; files of
        the officer's own: scans by material, the agent's authorisation.

        What is missing does not hinder it: the officer tells it at once by a supplement notice (行政许可法 art. 32).
        What earlier cases of the same person have shown is reused. The case belongs to an account only where that is
        certainly the applicant's (``person_at_window``), otherwise to none. Raises NotFound ITEM_NOT_FOUND,
        FILE_NOT_FOUND, InvalidInput with all faults, or for an officer without a centre.
        """
        if officer.centre is None:
            raise InvalidInput(field="centre", reason="the officer works at no centre")
        version = self._around.catalogue.get(item)
        party = checked_party(applicant, local_day(self._clock.now()), "$.applicant")
        person = await self._around.identity.person_at_window(party.name, party.id_number, party.phone)
        mine = await self._store.of_person(person) if person and given.principal is None else []
        fields = await self._at_the_window(version, party, given, seen, mine)
        if not person and fields["delivery"].way == Way.ELECTRONIC:
            # The app is the only place where the file could be fetched.
            reason = "申请人没有与姓名、证件号码、电话都相符的小程序账号，不能电子送达，请选其他送达方式。"
            raise faulty([{"field": "delivery", "reason": reason}])
        now = self._clock.now()
        case = Case(
            id=self._around.ids.new(Kind.CASE), state=State.SUBMITTED, created_at=now, updated_at=now,
            person=person or "", item=item, item_version=version.number, item_name=version.content.name,
            department=version.content.department, channel=Channel.WINDOW, centre=officer.centre, owner=officer.id,
        )  # fmt: skip
        files = scans(given)
        reused = sorted(reused_files(fields))
        mark = await self._mark(officer.id, files, case.id, 1, reused)
        for _ in range(STEP_ATTEMPTS):
            numbered = await self.submission(version.content, fields["party"])
            rest = {key: value for key, value in fields.items() if key != "party"}
            try:
                ready = msgspec.structs.replace(case, **numbered, **rest)
                return await self._create(ready, APPLY, Actor.STAFF, officer.id)
            except Duplicate as duplicate:
                if duplicate.index != ONE_NUMBER:
                    raise
        await self._unmark([*files, *reused], mark)
        raise Conflict

    async def do_take(self, officer: Officer, case_id: str) -> Case:
        """Makes the officer the case's owner. Raises Conflict CASE_TAKEN when somebody was faster."""

        def decide(case: Case) -> Change:
            if case.owner:
                raise Conflict(Code.CASE_TAKEN, owner=case.owner)
            return Change({"owner": officer.id})

        return await self._step(case_id, "take", Actor.STAFF, officer.id, in_centre(officer), decide)

    async def do_hand_over(self, officer: Officer, case_id: str, to: str, note: str) -> Case:
        """Another window officer answers for the case from now on, at their centre. Recorded with the note.

        Raises InvalidInput when ``to`` is no active window officer.
        """
        try:
            account = await self._around.staff_queries.account(to)
        except NotFound:
            raise InvalidInput(field="$.to", reason="no such officer") from None
        if account.state != "active" or Role.WINDOW_OFFICER not in account.roles:
            raise InvalidInput(field="$.to", reason="not an active window officer")

        def decide(case: Case) -> Change:
            moved = {"owner": to, "centre": account.centre or case.centre}
            return Change(moved, {"from_owner": case.owner})

        return await self._step(case_id, "hand_over", Actor.STAFF, officer.id, at_window(officer), decide, note)

    async def do_see_originals(
        self, officer: Officer, case_id: str, names: list[str], scanned: Mapping[str, list[str]] | None = None
    ) -> Case:
        """Originals of these materials were shown at the window, or scanned there: file ids of the officer's own.

        Raises NotFound FILE_NOT_FOUND, InvalidInput for a material that the case does not have, or for nothing at all.
        """
        return await self._at_the_counter(officer, case_id, "see_originals", names, scanned or {}, lambda case: {})

    async def do_accept(self, officer: Officer, case_id: str) -> Case:
        """Accepts (受理): the limits start, and the first tasks open for their departments."""
        case = await self._require(case_id, at_window(officer))
        tasks = await self._tasks(case)

        def decide(case: Case) -> Change:
            return self.accepted(case, tasks, self._clock.now(), officer.id)

        return await self._step(case_id, "accept", Actor.STAFF, officer.id, at_window(officer), decide)

    async def do_refuse(self, officer: Officer, case_id: str, reason: str) -> Case:
        """Does not accept (不予受理), with the reason that the resident is told.

        Raises Conflict SUPPLEMENT_NOT_DUE while the resident has time to hand in what a notice asked for.
        """

        def decide(case: Case) -> Change:
            if case.state == State.INCOMPLETE:
                self._time_is_over(case)
            return Change({"opinion": reason, "owner": case.owner or officer.id})

        return await self._step(case_id, "refuse", Actor.STAFF, officer.id, at_window(officer), decide, reason)

    async def do_request_supplement(
        self, officer: Officer, case_id: str, missing: list[str], message: str = "", reason: str = ""
    ) -> Case:
        """Tells everything that is missing in one notice (一次性告知); the clock stands still until it is handed in.

        It leaves ``supplement_days`` working days. A second notice needs a ``reason`` and is told to supervision.

        Raises InvalidInput NOTICE_REASON_REQUIRED.
        """
        case = await self._require(case_id, at_window(officer))
        again = bool(case.notices)
        if again and not reason.strip():
            raise InvalidInput(Code.NOTICE_REASON_REQUIRED, field="$.reason", notices=len(case.notices))

        told = list(dict.fromkeys(name.strip() for name in missing))

        def decide(case: Case) -> Change:
            if bool(case.notices) is not again:
                raise Conflict
            now = self._clock.now()
            days = self._around.rules.supplement_days
            until = self._around.workdays.add_working_days(local_day(now), days).day
            notice = Notice(
                at=now, by=officer.id, missing=told, message=message, reason=reason if again else "", until=until
            )
            fields = {"notices": [*case.notices, notice], "owner": case.owner or officer.id}
            fields |= self._paused(case, "supplement")
            return Change(fields, {"count": len(told), "notice": len(case.notices) + 1, "until": until.isoformat()})

        action = "request_second_supplement" if again else "request_supplement"
        return await self._step(case_id, action, Actor.STAFF, officer.id, at_window(officer), decide, reason)

    async def do_supplement_at_window(
        self, officer: Officer, case_id: str, seen: list[str], scanned: Mapping[str, list[str]] | None = None
    ) -> Case:
        """The resident has brought what was missing to the window. Raises as do_see_originals."""
        return await self._at_the_counter(officer, case_id, "supplement", seen, scanned or {}, self.supplemented)

    async def do_proceed(self, officer: Officer, case_id: str, reason: str) -> Case:
        """Goes on without what a notice asked for, once its time is over: the departments decide on what there is.

        Raises Conflict SUPPLEMENT_NOT_DUE.
        """

        def decide(case: Case) -> Change:
            self._time_is_over(case)
            return Change(self._resumed(case))

        return await self._step(case_id, "proceed", Actor.STAFF, officer.id, at_window(officer), decide, reason)

    async def do_pause(self, officer: Officer, case_id: str, reason: str) -> Case:
        """Stops the clock for what the law leaves out of the limit: hearing, inspection, expert report (art. 45)."""

        def decide(case: Case) -> Change:
            # Whoever pauses a case that nobody had answers for it: it stands in no queue but theirs.
            return Change(self._paused(case, reason) | {"owner": case.owner or officer.id})

        return await self._step(case_id, "pause", Actor.STAFF, officer.id, at_window(officer), decide, reason)

    async def do_resume(self, officer: Officer, case_id: str, note: str = "") -> Case:
        def decide(case: Case) -> Change:
            return Change(self._resumed(case))

        return await self._step(case_id, "resume", Actor.STAFF, officer.id, at_window(officer), decide, note)

    # -- inside ------------------------------------------------------------------------------------------------

    def _time_is_over(self, case: Case) -> None:
        if not notice_over(case, self._clock.now()):
            raise Conflict(Code.SUPPLEMENT_NOT_DUE, until=str(case.notices[-1].until))

    async def _at_the_counter(
        self, officer: Officer, case_id: str, action: str, seen: list[str], scanned: Mapping[str, list[str]],
        more: Callable[[Case], dict[str, Any]],
    ) -> Case:  # fmt: skip
        files = [file for given in scanned.values() for file in given]
        if not seen and not files:
            raise InvalidInput(field="$.seen", reason="nothing was shown")
        case = await self._require(case_id, at_window(officer))
        MACHINE.step(case.state, action, Actor.STAFF)

        def decide(case: Case) -> Change:
            unlisted(case.materials, scanned)
            materials = originals(with_files(case.materials, scanned), seen)
            return Change(more(case) | {"materials": materials})

        return await self._step_with(files, case, action, Actor.STAFF, officer.id, at_window(officer), decide)

    async def _tasks(self, case: Case) -> list[CaseTask]:
        version = await self._around.catalogue.version(case.item, case.item_version)
        return [
            CaseTask(
                code=task.code, name=task.name, department=task.department, after=task.after,
                working_days=task.working_days,
            )
            for task in tasks_of(version.content)
        ]  # fmt: skip

    def accepted(self, case: Case, tasks: list[CaseTask], since: Any, owner: str) -> Change:
        """The limits run from ``since``; tasks that wait for no other are open."""
        fields = {
            "clock": [Mark(Sign.START, since)],
            "tasks": opened(tasks, self._clock.now()),
            "owner": case.owner or owner,
        }
        return Change(fields, {"promised_days": case.promised_limit_days})

    async def _at_the_window(
        self, version: ItemVersion, party: Party, given: Given, seen: list[str], mine: list[Case]
    ) -> dict[str, Any]:
        content, today = version.content, local_day(self._clock.now())
        handed_in = given.materials or {}
        faults: Faults = unknown_materials(content, dict.fromkeys([*seen, *handed_in]))
        form, answers = form_of(content), known(form_of(content), party) | (given.answers or {})
        earlier = await answered_before(self._store, self._around.catalogue, mine, form, today)
        checked = collect(
            faults, check_draft, form, {name: one.answer for name, one in earlier.items()} | answers, today
        )
        way = given.way or (content.delivery[0] if content.delivery else "window")
        faults += wrong_way(content, way)
        if given.principal is not None and given.principal.id_number.strip().upper() == party.id_number:
            faults.append({"field": "agent.id_number", "reason": "代办人就是申请人本人，请去掉代办人。"})
        if way == "post" and not given.address:
            faults.append({"field": "address", "reason": "邮寄送达请填写收件地址。"})
        if faults:
            raise faulty(faults)
        agent = given.principal
        return {
            "party": party,
            "answers": await self._store.seal_answers(checked),
            "sources": sources(answers, checked, {}, earlier),
            "materials": originals(materials_with(content, handed_in, mine), seen),
            "agent_files": given.authorisation or [],
            "delivery": Delivery(
                way=way, address=await self._store.seal_address(given.address) if given.address else None
            ),
            "agent": await self._store.seal_party(checked_party(agent, today, "$.agent")) if agent else None,
        }


def scans(given: Given) -> list[str]:
    """All files that are handed in with an application."""
    return [file for files in (given.materials or {}).values() for file in files] + (given.authorisation or [])


def unlisted(materials: list[CaseMaterial], names: Iterable[str]) -> None:
    """Raises InvalidInput for a material that the case does not have."""
    have = {material.name for material in materials}
    if faults := [
        {"field": f"materials.{name[:100]}", "reason": "办件中没有这份材料。"} for name in names if name not in have
    ]:
        raise faulty(faults)


def originals(materials: list[CaseMaterial], names: list[str]) -> list[CaseMaterial]:
    """With these marked as seen in the original. Raises InvalidInput for one that the case does not have."""
    unlisted(materials, names)
    return [
        msgspec.structs.replace(material, state=MaterialState.ORIGINAL_SEEN) if material.name in names else material
        for material in materials
    ]
