"""Applying online (网上申报): drafts, receipts, supplements; progress with and without a login (网上查询)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.case_views import (
    CaseReceiptView,
    HandoverView,
    MaterialView,
    NoticeView,
    ProgressView,
    ResultView,
    local,
    material_views,
    notice_views,
    outcome_views,
    progress_view,
    receipt_view,
)
from handlers.routing import ANYONE, RESIDENT, WORDS, Idempotency, Limit, Route
from kernel.clock import SHANGHAI
from kernel.errors import Code
from kernel.machine import Actor
from services.cases.machine import MACHINE
from services.cases.model import Case, Given, Party
from services.catalogue.model import ApprovalTask, FormField

ItemCode = Annotated[str, Meta(min_length=1, max_length=40)]
FileIds = Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(max_length=20)]
MaterialFiles = Annotated[dict[Annotated[str, Meta(max_length=200)], FileIds], Meta(max_length=100)]
# By the names of the form's fields; which values fit is the form's affair (see services/cases/forms.py).
Answers = Annotated[dict[Annotated[str, Meta(max_length=100)], Any], Meta(max_length=200)]
PersonName = Annotated[str, Meta(min_length=1, max_length=60)]
Short = Annotated[str, Meta(max_length=30)]


class PartyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For whom an agent applies; ``relation`` of the agent to them."""

    name: PersonName
    id_number: Short
    phone: Short
    relation: Annotated[str, Meta(min_length=1, max_length=30)]


class DraftRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has been filled in; a part that is left out stays as it was. ``address``: for the post only.

    ``principal`` and ``authorisation`` (file ids) when the caller applies for somebody else.
    """

    answers: Answers | None = None
    materials: MaterialFiles | None = None
    delivery: Short | None = None
    address: Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS)] | None = None
    centre: Annotated[str, Meta(max_length=40)] | None = None
    principal: PartyRequest | None = None
    authorisation: FileIds | None = None


class SupplementRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the notice asked for: files by material, or changed answers."""

    materials: MaterialFiles = {}
    answers: Answers | None = None


class WithdrawRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=100)] = ""


class ProgressRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands on the receipt, and the last four characters of the applicant's ID number."""

    number: Annotated[str, Meta(min_length=1, max_length=40)]
    query_code: Annotated[str, Meta(min_length=1, max_length=20)]
    id_last_four: Annotated[str, Meta(min_length=1, max_length=8)]


class PrefilledView(Struct, kw_only=True):
    """A value that is not asked again, masked, and where it comes from. ``answer``: that of an earlier case, in clear;
    it stands unless the draft has another. Null: fixed by the profile, or a material."""

    field: str
    value: str
    source: str
    answer: Any


class DraftView(Struct, kw_only=True):
    """A draft as its owner left it."""

    case_id: str
    item: str
    item_name: str
    item_version: int
    updated_at: datetime
    answers: dict[str, Any]
    materials: list[MaterialView]
    delivery: str | None
    address: str
    centre: str
    for_somebody_else: bool
    authorisation: list[str]


class ApplicationView(Struct, kw_only=True):
    """All a screen needs to apply: the form, what is known already, the materials as they stand, the draft."""

    item: str
    item_name: str
    item_version: int
    promised_limit_days: int
    legal_limit_days: int
    delivery: list[str]
    form: list[FormField]
    tasks: list[ApprovalTask]
    prefilled: list[PrefilledView]
    materials: list[MaterialView]
    draft: DraftView | None


class AnswersView(Struct, kw_only=True):
    """What the caller filled in, and the questions; what their profile knows is not among them."""

    form: list[FormField]
    answers: dict[str, Any]


class CaseBrief(Struct, kw_only=True):
    id: str
    number: str
    item: str
    item_name: str
    state: str
    state_words: str
    holder: str
    updated_at: datetime


class CaseList(Struct, kw_only=True):
    cases: list[CaseBrief]


class CaseView(Struct, kw_only=True):
    """A case as the resident sees it; ``actions``: what they can do now."""

    id: str
    item: str
    item_version: int
    query_code: str
    submitted_at: datetime | None
    progress: ProgressView
    materials: list[MaterialView]
    notices: list[NoticeView]
    delivery: str
    opinion: str
    result: ResultView | None
    handover: HandoverView | None
    actions: list[str]


async def read_application(call: Call, code: str) -> ApplicationView:
    """What applying for an item asks of the caller, with what is known already and where it is known from."""
    found = await call.city.case_queries.application(call.person, code)
    content = found.version.content
    draft = None
    if found.draft is not None:
        draft = await _draft_view(call, found.draft, found.answers)
    return ApplicationView(
        item=content.code,
        item_name=content.name,
        item_version=found.version.number,
        promised_limit_days=content.promised_limit_days,
        legal_limit_days=content.legal_limit_days,
        delivery=[way.value for way in content.delivery],
        form=found.form,
        tasks=found.tasks,
        prefilled=[
            PrefilledView(field=p.field, value=p.value, source=p.source, answer=p.answer) for p in found.prefilled
        ],
        materials=material_views(found.materials),
        draft=draft,
    )


async def save_draft(call: Call, code: str, body: DraftRequest) -> DraftView:
    """Keeps what has been filled in; incomplete is fine, wrong is not. One draft per person and item."""
    principal = None
    if (given := body.principal) is not None:
        principal = Party(name=given.name, id_number=given.id_number, phone=given.phone, relation=given.relation)
    kept = await call.city.cases.do_save_draft(
        call.person,
        code,
        Given(body.answers, body.materials, body.delivery, body.address, body.centre, principal, body.authorisation),
    )
    return await _draft_view(call, kept, await call.city.case_store.open_answers(kept.answers))


async def discard_draft(call: Call, code: str) -> Done:
    await call.city.cases.do_discard(call.person, code)
    return Done()


async def submit(call: Call, code: str) -> CaseReceiptView:
    """Submits the draft. Every fault is told at once; what is prefilled need not have been given."""
    case = await call.city.cases.do_submit(call.person, code)
    return receipt_view(call.city.case_queries.receipt(case))


async def list_cases(call: Call) -> CaseList:
    """The caller's cases and drafts, the newest first."""
    queries = call.city.case_queries
    return CaseList(cases=[_brief(case, queries.progress(case)) for case in await queries.mine(call.person)])


async def read_case(call: Call, case_id: str) -> CaseView:
    return _view(call, await call.city.case_queries.one(call.person, case_id))


async def read_answers(call: Call, case_id: str) -> AnswersView:
    form, answers = await call.city.case_queries.answers(call.person, case_id)
    return AnswersView(form=form, answers=answers)


async def read_receipt(call: Call, case_id: str) -> CaseReceiptView:
    """The receipt once more."""
    return receipt_view(call.city.case_queries.receipt(await call.city.case_queries.one(call.person, case_id)))


async def supplement(call: Call, case_id: str, body: SupplementRequest) -> CaseView:
    """Hands in what was missing; the clock goes on."""
    case = await call.city.cases.do_supplement(call.person, case_id, body.materials, body.answers)
    return _view(call, case)


async def withdraw(call: Call, case_id: str, body: WithdrawRequest) -> CaseView:
    """Takes the application back; possible until the decision."""
    return _view(call, await call.city.cases.do_withdraw(call.person, case_id, body.reason))


async def receive(call: Call, case_id: str) -> CaseView:
    """The result has arrived."""
    return _view(call, await call.city.cases.do_receive(call.person, case_id))


async def look_up(call: Call, body: ProgressRequest) -> ProgressView:
    """Progress without a login, by what stands on the receipt. Whatever part is wrong, the answer is the same."""
    return progress_view(await call.city.case_queries.look_up(body.number, body.query_code, body.id_last_four))


async def _draft_view(call: Call, case: Case, answers: dict[str, Any]) -> DraftView:
    address = case.delivery.address if case.delivery is not None else None
    return DraftView(
        case_id=case.id,
        item=case.item,
        item_name=case.item_name,
        item_version=case.item_version,
        updated_at=case.updated_at.astimezone(SHANGHAI),
        answers=answers,
        materials=material_views(case.materials),
        delivery=None if case.delivery is None else case.delivery.way,
        address=await call.city.case_store.open_address(address),
        centre=case.centre,
        for_somebody_else=case.applicant is not None,
        authorisation=case.agent_files,
    )


def _brief(case: Case, shown: Any) -> CaseBrief:
    return CaseBrief(
        id=case.id,
        number=case.number or "",
        item=case.item,
        item_name=case.item_name,
        state=case.state,
        state_words=shown.state_words,
        holder=shown.holder,
        updated_at=case.updated_at.astimezone(SHANGHAI),
    )


def _view(call: Call, case: Case) -> CaseView:
    return CaseView(
        id=case.id,
        item=case.item,
        item_version=case.item_version,
        query_code=case.query_code,
        submitted_at=local(case.submitted_at),
        progress=progress_view(call.city.case_queries.progress(case)),
        materials=material_views(case.materials),
        notices=notice_views(case.notices),
        delivery="" if case.delivery is None else case.delivery.way,
        opinion=case.opinion,
        actions=MACHINE.allowed(case.state, Actor.RESIDENT),
        **outcome_views(case),
    )


_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)
_WRITE = (RESIDENT, Limit.WRITE, Idempotency.KEY)
_FOUND = (Code.CASE_NOT_FOUND,)
_STEP = (Code.CASE_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_DRAFT = "/api/items/{code}/draft"
_CASE = "/api/cases/{case_id}"

ROUTES = [
    Route(
        "GET", "/api/items/{code}/application", read_application, *_READ, "What applying asks",
        (Code.ITEM_NOT_FOUND,),
    ),
    Route(
        "PUT", _DRAFT, save_draft, RESIDENT, Limit.WRITE, Idempotency.NATURAL, "Keep a draft",
        (Code.ITEM_NOT_FOUND, Code.CENTRE_NOT_FOUND, Code.FILE_NOT_FOUND, Code.CONFLICT),
    ),
    Route(
        "DELETE", _DRAFT, discard_draft, RESIDENT, Limit.WRITE, Idempotency.NATURAL, "Throw a draft away",
        (Code.CASE_NOT_FOUND,),
    ),
    Route(
        "POST", _DRAFT + "/submit", submit, *_WRITE, "Submit a draft",
        (Code.ITEM_NOT_FOUND, Code.CASE_NOT_FOUND, Code.NOT_ONLINE, Code.IDENTITY_REQUIRED, Code.CONFLICT), 201,
    ),
    Route("GET", "/api/cases", list_cases, *_READ, "My cases"),
    Route("GET", _CASE, read_case, *_READ, "Read a case", _FOUND),
    Route("GET", _CASE + "/answers", read_answers, *_READ, "What was filled in", _FOUND),
    Route("GET", _CASE + "/receipt", read_receipt, *_READ, "The receipt of a case", _FOUND),
    Route(
        "POST", _CASE + "/supplement", supplement, *_WRITE, "Hand in what was missing",
        (*_STEP, Code.FILE_NOT_FOUND),
    ),
    Route("POST", _CASE + "/withdraw", withdraw, *_WRITE, "Withdraw an application", _STEP),
    Route("POST", _CASE + "/receive", receive, *_WRITE, "The result has arrived", _STEP),
    # Guessing is what signing in is limited for, and this is no different.
    Route(
        "POST", "/api/progress", look_up, ANYONE, Limit.LOGIN, Idempotency.NATURAL, "Progress without a login", _FOUND
    ),
]  # fmt: skip
