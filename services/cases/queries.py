"""Read views of cases: what an application asks and what is known already, receipts, progress, queues."""

from __future__ import annotations

import dataclasses
import hmac
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from kernel.clock import Clock, local_day
from kernel.errors import Code, InvalidInput, NotAllowed, NotFound
from kernel.limits import Reading
from kernel.masking import mask_id_number, mask_name, mask_phone
from kernel.workdays import WorkdayTable
from services.cases.clocks import notice_over, readings, silent_until
from services.cases.files import CaseFile, case_files
from services.cases.given import REUSABLE, materials_with, reusable
from services.cases.known import PROFILE, Earlier, answered_before, from_case, known
from services.cases.model import Case, CaseMaterial, CaseRules, Officer, Party, State
from services.cases.numbers import parse_number, parse_query_code
from services.cases.progress import Progress, progress
from services.cases.store import CaseStore, draft_of
from services.cases.work import own, reads
from services.catalogue.application import form_of, tasks_of
from services.catalogue.model import ApprovalTask, FieldType, FormField, ItemVersion, Known
from services.catalogue.queries import Catalogue
from services.centres.queries import Centres
from services.files.queries import FileQueries
from services.identity.model import PersonalData
from services.identity.queries import IdentityQueries

# Shown in place of the number when somebody asks with nothing that could be one.
_NOBODY = "WH00000000-00000000"


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A value that is not asked again. ``value`` is for people, and masked: the clear one is filled in when the case is
    submitted. ``answer``: what an earlier case has, in clear, where another may be given; None where it is fixed."""

    field: str
    value: str
    source: str
    answer: Any = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True)
class Application:
    """Everything a screen needs to apply: the form, the tasks to come, the materials as they stand, the draft."""

    version: ItemVersion
    form: list[FormField]
    tasks: list[ApprovalTask]
    prefilled: list[Prefilled]
    materials: list[CaseMaterial]
    draft: Case | None
    answers: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the applicant gets: accepted by when, decided by when (if it is accepted on the last day)."""

    case_id: str
    number: str
    query_code: str
    submitted_at: datetime
    accepted_by: date
    decided_by: date
    promised_limit_days: int
    legal_limit_days: int


class CaseQueries:
    """Two database commands at most for each view."""

    def __init__(
        self,
        store: CaseStore,
        catalogue: Catalogue,
        centres: Centres,
        identity: IdentityQueries,
        files: FileQueries,
        workdays: WorkdayTable,
        clock: Clock,
        rules: CaseRules,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._centres = centres
        self._identity = identity
        self._files = files
        self._workdays = workdays
        self._clock = clock
        self._rules = rules

    # -- residents ---------------------------------------------------------------------------------------------

    async def application(self, person: str, item: str) -> Application:
        """What applying asks of this person. Raises NotFound ITEM_NOT_FOUND."""
        version = self._catalogue.get(item)
        personal = await self._identity.personal(person)
        mine = await self._store.of_person(person)
        draft = next((case for case in mine if case.draft_of == draft_of(person, item)), None)
        form = form_of(version.content)
        # An agent's own data are not the applicant's.
        agent = draft is not None and draft.applicant is not None
        prefilled = [] if agent else _from_profile(form, personal)
        today = local_day(self._clock.now())
        before = {} if agent else await answered_before(self._store, self._catalogue, mine, form, today)
        prefilled += [_from_earlier(field, before[field.name]) for field in form if field.name in before]
        materials = materials_with(version.content, {}, [] if agent else mine)
        classes = {material.name: material.material_class for material in version.content.materials}
        earlier = {} if agent else reusable(mine)
        prefilled += [
            Prefilled(f"materials.{name}", name, from_case(material.source))
            for name, material in earlier.items()
            if classes.get(name) in REUSABLE
        ]
        answers = await self._store.open_answers(draft.answers) if draft is not None else {}
        stored = draft.materials if draft is not None else materials
        return Application(version, form, tasks_of(version.content), prefilled, stored, draft, answers)

    async def mine(self, person: str) -> list[Case]:
        """A person's cases and drafts, the newest first."""
        return [case for case in await self._store.of_person(person) if case.state != State.DISCARDED]

    async def one(self, person: str, case_id: str) -> Case:
        """Raises NotFound also for somebody else's case."""
        case = await self._store.get(case_id)
        if case is None:
            raise NotFound(Code.CASE_NOT_FOUND, case=case_id)
        own(person)(case)
        return case

    async def answers(self, person: str, case_id: str) -> tuple[list[FormField], dict[str, Any]]:
        """The form of a person's own case, without what their profile knows, and what they filled in, in clear.

        Raises NotFound CASE_NOT_FOUND.
        """
        case = await self.one(person, case_id)
        content = (await self._catalogue.version(case.item, case.item_version)).content
        form = [field for field in form_of(content) if field.known is None]
        given = await self._store.open_answers(case.answers)
        return form, {field.name: given[field.name] for field in form if field.name in given}

    async def file_of(self, person: str, case_id: str, file_id: str) -> str:
        """The id of a file of a person's own case, scans of the window too; the result's once it was handed over.

        Raises NotFound CASE_NOT_FOUND, FILE_NOT_FOUND.
        """
        case = await self.one(person, case_id)
        result = None if case.result is None else case.result.file
        if file_id not in case.files() or (file_id == result and case.handover is None):
            raise NotFound(Code.FILE_NOT_FOUND, file=file_id)
        return file_id

    async def look_up(self, number: str, query_code: str, last_four: str) -> Progress:
        """Progress without a login. Raises NotFound CASE_NOT_FOUND, the same whichever part is wrong."""
        parsed = parse_number(number)
        case = await self._store.by_number(parsed or _NOBODY)
        # Computed in any case: how long the answer takes must not tell which part was right.
        proof = await self._store.proof(parsed or _NOBODY, parse_query_code(query_code), last_four.strip())
        if case is None or case.proof is None or not hmac.compare_digest(case.proof, proof):
            raise NotFound(Code.CASE_NOT_FOUND, "没有找到这个办件，请核对办件编号、查询码和证件号码后四位。")
        return self.progress(case)

    # -- staff -------------------------------------------------------------------------------------------------

    async def for_officer(self, officer: Officer, case_id: str) -> Case:
        """Raises NotFound for a case that is none of the officer's business."""
        case = await self._store.get(case_id)
        if case is None:
            raise NotFound(Code.CASE_NOT_FOUND, case=case_id)
        reads(officer)(case)
        return case

    async def by_number(self, officer: Officer, number: str) -> Case:
        """By the number on the receipt. Raises NotFound."""
        parsed = parse_number(number)
        case = None if parsed is None else await self._store.by_number(parsed)
        if case is None:
            raise NotFound(Code.CASE_NOT_FOUND)
        reads(officer)(case)
        return case

    async def files(self, officer: Officer, case_id: str) -> list[CaseFile]:
        """What files there are, not yet what they say. Raises NotFound CASE_NOT_FOUND."""
        case = await self.for_officer(officer, case_id)
        return case_files(case, await self._files.many(case.files()))

    async def window_queue(self, officer: Officer, centre: str | None = None) -> list[Case]:
        """What waits at a centre's windows, the longest waiting first. Raises NotAllowed, InvalidInput, NotFound."""
        if officer.centre is not None and centre not in (None, officer.centre) and not officer.supervises:
            raise NotAllowed(centre=centre)
        wanted = centre or officer.centre
        if wanted is None:
            raise InvalidInput(field="centre", reason="name the centre")
        return await self._store.at_desk(self._centres.get(wanted).code)

    async def owned(self, officer: Officer, owner: str | None = None) -> list[Case]:
        """What the officer answers for (首问负责), also while it waits for its applicant. A colleague's only for
        supervisors, who hand it over. Raises NotAllowed."""
        if owner not in (None, officer.id) and not officer.supervises:
            raise NotAllowed(officer=owner)
        return await self._store.owned(owner or officer.id)

    async def department_queue(self, officer: Officer, department: str | None = None) -> list[Case]:
        """What waits in a department: tasks, decisions, results to make. Raises NotAllowed, InvalidInput."""
        if not officer.supervises and department not in (None, officer.department):
            raise NotAllowed(department=department)
        wanted = department or officer.department
        if wanted is None:
            raise InvalidInput(field="department", reason="name the department")
        return await self._store.in_department(wanted)

    # -- views -------------------------------------------------------------------------------------------------

    def receipt(self, case: Case) -> Receipt:
        """Raises NotFound for what was never submitted."""
        until = silent_until(case, self._workdays, self._rules)
        if case.number is None or case.submitted_at is None or until is None:
            raise NotFound(Code.CASE_NOT_FOUND, case=case.id)
        # The midnight after the last day, in Weihai: in UTC it is still that day.
        accepted_by = until.date()
        decided_by = self._workdays.add_working_days(accepted_by, case.promised_limit_days).day
        return Receipt(
            case.id, case.number, case.query_code, case.submitted_at, accepted_by, decided_by, case.promised_limit_days,
            case.legal_limit_days,
        )  # fmt: skip

    def progress(self, case: Case) -> Progress:
        return progress(case, self.centre_name(case.centre), self._workdays, self._clock.now(), self._rules)

    def notice_over(self, case: Case) -> bool:
        """Whether the applicant has let the time of a notice pass."""
        return notice_over(case, self._clock.now())

    def clocks(self, case: Case) -> dict[str, Reading]:
        """Every clock of the case by name: "promised", "legal", "task:<code>"."""
        return readings(case, self._workdays, self._clock.now())

    def centre_name(self, code: str) -> str:
        return next((centre.name for centre in self._centres.all() if centre.code == code), "政务服务中心")

    async def masked(self, case: Case) -> tuple[Party | None, Party | None, dict[str, Any]]:
        """(applicant, agent, answers) as screens of staff show them."""
        applicant = await self._store.open_party(case.applicant) if case.applicant is not None else None
        agent = await self._store.open_party(case.agent) if case.agent is not None else None
        version = await self._catalogue.version(case.item, case.item_version)
        answers = mask_answers(form_of(version.content), await self._store.open_answers(case.answers))
        return mask_party(applicant), mask_party(agent), answers


def mask_party(party: Party | None) -> Party | None:
    if party is None:
        return None
    return Party(
        name=mask_name(party.name),
        id_number=mask_id_number(party.id_number),
        phone=mask_phone(party.phone),
        relation=party.relation,
    )


def mask_answers(form: list[FormField], answers: dict[str, Any]) -> dict[str, Any]:
    """Answers with names, ID numbers and phones masked by the form's types."""
    fields = {field.name: field for field in form}
    return {name: _masked(fields.get(name), value) for name, value in answers.items()}


def _masked(field: FormField | None, value: Any) -> Any:
    if field is None or not isinstance(value, str):
        return value
    if field.type is FieldType.ID_NUMBER:
        return mask_id_number(value)
    if field.type is FieldType.PHONE:
        return mask_phone(value)
    return mask_name(value) if field.known is Known.NAME else value


def _from_earlier(field: FormField, earlier: Earlier) -> Prefilled:
    labels = {option.value: option.label for option in field.options}
    shown = labels.get(earlier.answer) or str(_masked(field, earlier.answer))
    return Prefilled(field.name, shown, earlier.source, earlier.answer)


def _from_profile(form: list[FormField], personal: PersonalData) -> list[Prefilled]:
    party = Party(name=personal.name or "", id_number=personal.id_number or "", phone=personal.phone or "")
    fields = {field.name: field for field in form}
    return [Prefilled(name, str(_masked(fields[name], value)), PROFILE) for name, value in known(form, party).items()]
