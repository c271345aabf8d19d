"""What residents do: keep a draft, submit it, supplement, withdraw, say that the result has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kernel.clock import local_day
from kernel.errors import Code, Conflict, InvalidInput, NotAllowed, NotFound
from kernel.ids import Kind
from kernel.machine import Actor, Edge
from services.cases.forms import check_answers, check_draft
from services.cases.given import (
    Faults,
    checked_party,
    collect,
    faulty,
    materials_with,
    missing_materials,
    reused_files,
    unknown_materials,
    with_files,
    wrong_way,
)
from services.cases.known import answered_before, known, sources
from services.cases.machine import BEGIN, MACHINE
from services.cases.model import Case, Channel, Delivery, Given, MaterialState, Party, State
from services.cases.numbers import new_number, new_query_code
from services.cases.store import ONE_DRAFT, ONE_NUMBER, draft_of
from services.cases.work import STEP_ATTEMPTS, CaseWork, Change, own
from services.catalogue.application import form_of, materials_of
from services.catalogue.model import Delivery as Way
from services.catalogue.model import ItemContent, ItemVersion
from services.store import Duplicate, Step


class Applications(CaseWork):
    """Steps of residents."""

    async def do_save_draft(self, person: str, item: str, given: Given) -> Case:
        """Keeps what has been filled in so far. What is given must be good, but nothing has to be given yet.

        Raises NotFound (item, centre, FILE_NOT_FOUND), InvalidInput with all faults.
        """
        version = self._around.catalogue.get(item)
        for _ in range(STEP_ATTEMPTS):
            mine = await self._store.of_person(person)
            draft = next((case for case in mine if case.draft_of == draft_of(person, item)), None)
            kept = draft or self._new_draft(person, version)
            fields = await self._given(kept, version, given, mine)
            used = {file for material in fields["materials"] for file in material.files}
            used |= set(fields.get("agent_files", []))
            reused = sorted(reused_files(fields) - kept.files())
            fresh = sorted(used - kept.files() - set(reused))
            mark = await self._mark(person, fresh, kept.id, 1 if draft is None else kept.version + 1, reused)
            written = await self._save(draft, kept, fields)
            if written is not None:
                return written
            await self._unmark([*fresh, *reused], mark)
        raise Conflict

    async def do_discard(self, person: str, item: str) -> Case:
        """Throws the draft away; its event names the files that nobody refers to any more. Raises NotFound."""
        for _ in range(STEP_ATTEMPTS):
            draft = await self._draft(person, item)
            edge = MACHINE.step(draft.state, "discard", Actor.RESIDENT)
            gone: dict[str, Any] = {"draft_of": None, "answers": None, "applicant": None, "delivery": None}
            change = Change(gone | {"materials": [], "agent_files": []})
            written = await self._write(draft, edge, Actor.RESIDENT, person, change)
            if written is not None:
                return written
        raise Conflict

    async def do_submit(self, person: str, item: str) -> Case:
        """Submits the draft. Raises NotFound, NotAllowed IDENTITY_REQUIRED, InvalidInput NOT_ONLINE, or one
        InvalidInput whose ``faults`` lists every wrong answer and every missing material."""
        version = self._around.catalogue.get(item)
        for _ in range(STEP_ATTEMPTS):
            mine = await self._store.of_person(person)
            draft = next((case for case in mine if case.draft_of == draft_of(person, item)), None)
            if draft is None:
                raise no_draft(item)
            edge = MACHINE.step(draft.state, "submit", Actor.RESIDENT)
            fields = await self._checked(person, draft, version, mine)
            try:
                written = await self._write(draft, edge, Actor.RESIDENT, person, Change(fields))
            except Duplicate as duplicate:
                if duplicate.index != ONE_NUMBER:
                    raise
                continue
            if written is not None:
                return written
        raise Conflict

    async def do_supplement(
        self, person: str, case_id: str, materials: Mapping[str, list[str]], answers: Mapping[str, Any] | None = None
    ) -> Case:
        """The resident hands in what the notice asks for; the clock goes on. Raises as do_save_draft."""
        case = await self._require(case_id, own(person))
        MACHINE.step(case.state, "supplement", Actor.RESIDENT)
        version = await self._around.catalogue.version(case.item, case.item_version)
        if faults := unknown_materials(version.content, materials):
            raise faulty(faults)
        sealed = None
        if answers is not None:
            old = await self._store.open_answers(case.answers)
            # What was right on the day it was handed in does not turn wrong while the office works.
            day = local_day(case.submitted_at or self._clock.now())
            sealed = await self._store.seal_answers(
                check_answers(form_of(version.content), old | dict(answers), today=day)
            )
        files = [file for given in materials.values() for file in given]
        if not files and answers is None:
            raise InvalidInput(field="$.materials", reason="nothing supplemented")

        def decide(case: Case) -> Change:
            fields = self.supplemented(case) | {"materials": with_files(case.materials, materials)}
            if sealed is not None:
                stay = {name: source for name, source in case.sources.items() if name not in (answers or {})}
                fields |= {"answers": sealed, "sources": stay}
            return Change(fields)

        return await self._step_with(files, case, "supplement", Actor.RESIDENT, person, own(person), decide)

    async def do_withdraw(self, person: str, case_id: str, reason: str = "") -> Case:
        """Possible until the decision."""
        return await self._step(
            case_id, "withdraw", Actor.RESIDENT, person, own(person), lambda case: Change(self._stopped(case)), reason
        )

    async def do_receive(self, person: str, case_id: str) -> Case:
        """The resident has the result in hand."""
        return await self._step(case_id, "close", Actor.RESIDENT, person, own(person), lambda case: Change())

    # -- inside ------------------------------------------------------------------------------------------------

    def supplemented(self, case: Case) -> dict[str, Any]:
        """The last notice is answered, and the clock (or the office's time to look) runs again."""
        now = self._clock.now()
        answered = msgspec.structs.replace(case.notices[-1], answered_at=now)
        fields = {"notices": [*case.notices[:-1], answered]} | self._resumed(case)
        return fields | ({"received_at": now} if case.state == State.INCOMPLETE else {})

    async def _draft(self, person: str, item: str) -> Case:
        draft = await self._store.draft(person, item)
        if draft is None:
            raise no_draft(item)
        return draft

    def _new_draft(self, person: str, version: ItemVersion) -> Case:
        now, content = self._clock.now(), version.content
        return Case(
            id=self._around.ids.new(Kind.CASE), state=State.DRAFT, created_at=now, updated_at=now, person=person,
            item=content.code, item_version=version.number, item_name=content.name, department=content.department,
            channel=Channel.ONLINE, centre=self.home(content), draft_of=draft_of(person, content.code),
        )  # fmt: skip

    def home(self, content: ItemContent) -> str:
        """The centre of an online application that names none: the first that serves the item, else the first."""
        centres = self._around.centres
        return next((centre.code for centre in [*centres.for_item(content), *centres.all()]), "")

    async def _save(self, draft: Case | None, kept: Case, fields: dict[str, Any]) -> Case | None:
        if draft is not None:
            edge = MACHINE.step(draft.state, "save", Actor.RESIDENT)
            return await self._write(draft, edge, Actor.RESIDENT, draft.person, Change(fields))
        new = msgspec.structs.replace(kept, **fields)
        try:
            return await self._create(new, BEGIN, Actor.RESIDENT, kept.person)
        except Duplicate as duplicate:
            if duplicate.index != ONE_DRAFT:
                raise
            return None

    async def _create(self, case: Case, edge: Edge, actor: Actor, by: str) -> Case:
        ready = msgspec.structs.replace(case, **self._following(case, case))
        return await self._store.create(ready, Step(edge, actor, by, data=self._told(ready)))

    async def _given(self, kept: Case, version: ItemVersion, given: Given, mine: list[Case]) -> dict[str, Any]:
        """The fields of a draft by what was given; what was not given stays."""
        content = version.content
        faults = unknown_materials(content, given.materials or {})
        fields: dict[str, Any] = {"item_version": version.number, "item_name": content.name}
        agent = given.principal is not None or kept.applicant is not None
        own_ = [] if agent else mine
        if given.answers is not None:
            today, form = local_day(self._clock.now()), form_of(content)
            # With what is known: a question may hang on an answer that was not asked again.
            earlier = await answered_before(self._store, self._around.catalogue, own_, form, today)
            answers = {name: one.answer for name, one in earlier.items()} | given.answers
            checked = collect(faults, check_draft, form, answers, today)
            fields["answers"] = await self._store.seal_answers(
                {name: answer for name, answer in checked.items() if name in given.answers}
            )
        if given.way is not None or given.address is not None:
            way = given.way or (kept.delivery.way if kept.delivery else content.delivery[0] if content.delivery else "")
            faults += wrong_way(content, way)
            sealed = await self._store.seal_address(given.address) if given.address else None
            fields["delivery"] = Delivery(way=way, address=sealed or (kept.delivery.address if kept.delivery else None))
        if given.centre is not None:
            fields["centre"] = self._around.centres.get(given.centre).code
        if given.principal is not None:
            party = checked_party(given.principal, local_day(self._clock.now()), "$.principal")
            fields["applicant"] = await self._store.seal_party(party)
        if given.authorisation is not None:
            fields["agent_files"] = given.authorisation
        if faults:
            raise faulty(faults)
        old = {material.name: material.files for material in kept.materials if material.state != MaterialState.REUSED}
        files = old if given.materials is None else given.materials
        fields["materials"] = [] if not content.materials else materials_with(content, files, own_)
        return fields

    async def _checked(self, person: str, draft: Case, version: ItemVersion, mine: list[Case]) -> dict[str, Any]:
        """All fields of a submission; raises for whatever is missing or wrong, all at once."""
        content, now = version.content, self._clock.now()
        if content.online == "none":
            raise InvalidInput(Code.NOT_ONLINE, field="item", item=content.code)
        me = await self._around.identity.personal(person)
        if not me.name or not me.id_number:
            raise NotAllowed(Code.IDENTITY_REQUIRED)
        self_ = Party(name=me.name, id_number=me.id_number, phone=me.phone or "")
        applicant = self_ if draft.applicant is None else await self._store.open_party(draft.applicant)
        faults: Faults = []
        form, given = form_of(content), await self._store.open_answers(draft.answers)
        own_ = [] if draft.applicant is not None else mine
        earlier = await answered_before(self._store, self._around.catalogue, own_, form, local_day(now))
        profile = known(form, applicant)
        answers = {name: one.answer for name, one in earlier.items()} | profile | given
        checked = collect(faults, check_answers, form, answers, local_day(now))
        materials = draft.materials or materials_with(content, {}, [])
        needed = materials_of(content, checked)
        faults += missing_materials(needed, materials)
        delivery = draft.delivery or Delivery(way=content.delivery[0] if content.delivery else Way.WINDOW)
        faults += wrong_way(content, delivery.way)
        if delivery.way == Way.POST and delivery.address is None:
            faults.append({"field": "address", "reason": "邮寄送达请填写收件地址。"})
        if draft.applicant is not None and applicant.id_number == self_.id_number:
            faults.append({"field": "principal", "reason": "申请人就是您本人，请选择为自己申请。"})
        if draft.applicant is not None and not draft.agent_files:
            faults.append({"field": "authorisation", "reason": "代办请上传授权委托书。"})
        if faults:
            raise faulty(faults)
        agent = msgspec.structs.replace(self_, relation=applicant.relation)
        names = {material.name for material in needed}
        return await self.submission(content, applicant) | {
            "item_version": version.number,
            "agent": None if draft.applicant is None else await self._store.seal_party(agent),
            "answers": await self._store.seal_answers(checked),
            "sources": sources(given, checked, {} if draft.applicant is not None else profile, earlier),
            "materials": [material for material in materials if material.name in names],
            "delivery": delivery,
        }

    async def submission(self, content: ItemContent, applicant: Party) -> dict[str, Any]:
        """What every application gets when it is received, at a window too."""
        now = self._clock.now()
        number, query_code = new_number(local_day(now)), new_query_code()
        return {
            "draft_of": None,
            "number": number,
            "query_code": query_code,
            "proof": await self._store.proof(number, query_code, applicant.id_number[-4:]),
            "applicant": await self._store.seal_party(applicant),
            "legal_limit_days": content.legal_limit_days,
            "promised_limit_days": content.promised_limit_days,
            "submitted_at": now,
            "received_at": now,
        }


def no_draft(item: str) -> NotFound:
    """It was submitted or thrown away, perhaps on another phone."""
    return NotFound(Code.CASE_NOT_FOUND, "没有找到这份申请的草稿，可能已经提交，请到“我的办件”查看。", item=item)
