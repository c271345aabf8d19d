"""A service item (政务服务事项): basic information and process information, one record per kind of business.

The fields follow the national standard for item lists (GB/T 39554.1-2020) as cities publish them. A published version
never changes: a change is a new version, and whatever refers to an item keeps (code, version).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from services.store import Aggregate


class Field(StrEnum):
    """Fields of public life: the fourteen that the city's plan names (二(六)), and four that residents ask for most."""

    EDUCATION = "education"  # 教育
    HEALTH = "health"  # 医疗卫生
    SOCIAL_ASSISTANCE = "social_assistance"  # 社会救助
    SOCIAL_WELFARE = "social_welfare"  # 社会福利
    COMMUNITY = "community"  # 社区服务
    MARRIAGE = "marriage"  # 婚姻登记
    FUNERAL = "funeral"  # 殡葬服务
    SOCIAL_WORK = "social_work"  # 社会工作
    EMPLOYMENT = "employment"  # 劳动就业
    SOCIAL_INSURANCE = "social_insurance"  # 社会保障
    FAMILY_PLANNING = "family_planning"  # 计划生育
    HOUSING = "housing"  # 住房保障
    HOUSING_FUND = "housing_fund"  # 住房公积金
    PUBLIC_SAFETY = "public_safety"  # 公共安全
    TRAFFIC = "traffic"  # 交通出行
    ENTERPRISE = "enterprise"  # 企业开办
    TAX = "tax"  # 税务
    REAL_ESTATE = "real_estate"  # 不动产


class Kind(StrEnum):
    """Type of the item; the comment gives the four leading digits of its code."""

    LICENCE = "licence"  # 行政许可 0001
    GRANT = "grant"  # 行政给付 0005
    CONFIRMATION = "confirmation"  # 行政确认 0007
    REWARD = "reward"  # 行政奖励 0008
    RULING = "ruling"  # 行政裁决 0009
    OTHER_POWER = "other_power"  # 其他行政权力 0010
    PUBLIC_SERVICE = "public_service"  # 公共服务 0020


class Level(StrEnum):
    """Level of government that exercises the item (行使层级)."""

    CITY = "city"
    COUNTY = "county"
    TOWN = "town"
    VILLAGE = "village"


class Audience(StrEnum):
    PERSON = "person"  # 自然人
    ORGANISATION = "organisation"  # 法人和其他组织


class MaterialClass(StrEnum):
    """国办函〔2016〕108号: how a material is obtained and may be used again."""

    ISSUED = "A"  # issued by an office: used directly from the licence store
    CHECKED_ONCE = "B"  # checked once, then reused
    UPLOADED = "C"  # uploaded; the original is to be seen
    SELF_DECLARED = "D"  # filled in by the applicant


class Delivery(StrEnum):
    WINDOW = "window"  # 窗口领取
    POST = "post"  # 邮寄送达
    ELECTRONIC = "electronic"  # 电子送达


class Online(StrEnum):
    """How far the item can be done without coming (网办深度)."""

    FULL = "full"  # 全程网办
    PARTIAL = "partial"  # 网上申请，到场一次
    NONE = "none"  # 现场办理


class LifeEvent(StrEnum):
    """Life events that join items (一件事)."""

    BIRTH = "birth"  # 出生
    SCHOOL = "school"  # 入学
    WORK = "work"  # 就业
    MARRIAGE = "marriage"  # 结婚
    HOME = "home"  # 购房
    RETIREMENT = "retirement"  # 退休
    DEATH = "death"  # 身后事
    START_BUSINESS = "start_business"  # 开办企业
    CHANGE_BUSINESS = "change_business"  # 企业变更
    CLOSE_BUSINESS = "close_business"  # 企业注销
    MOVE = "move"  # 迁居落户
    ILLNESS = "illness"  # 就医
    DISABILITY = "disability"  # 残疾
    HARDSHIP = "hardship"  # 困难救助
    DRIVE = "drive"  # 购车驾车
    TRAVEL = "travel"  # 出境


class FieldType(StrEnum):
    """What a form field takes; the comment gives the answer as it is kept (see services/cases/forms.py)."""

    TEXT = "text"  # one line: str
    LONG_TEXT = "long_text"  # several lines: str
    NUMBER = "number"  # int, or float with at most two decimals
    MONEY = "money"  # typed as yuan, text: "128.50"; kept as fen: int
    DATE = "date"  # "2026-11-25"
    ID_NUMBER = "id_number"  # citizen identity number, 18 characters
    CREDIT_CODE = "credit_code"  # unified social credit code, 18 characters
    PHONE = "phone"  # mobile number, 11 digits
    CHOICE = "choice"  # the value of one option
    CHOICES = "choices"  # the values of options, in the form's order
    YES_NO = "yes_no"  # bool; "yes" or "no" in conditions


class Known(StrEnum):
    """Where an answer is known already: it is filled in and its source shown (国务院令第716号: not asked again)."""

    NAME = "profile.name"
    ID_NUMBER = "profile.id_number"
    PHONE = "profile.phone"


class Option(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    value: str
    label: str


class When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Holds when an earlier field's answer (one of them, for ``choices``) is in the list; a yes_no says "yes", "no"."""

    field: str
    is_one_of: list[str]


class FormField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question of an application form.

    ``minimum`` and ``maximum`` bound a number, money in fen, how many ``choices``, and a date in days from the day of
    the application (``maximum`` 0: not in the future). ``max_length`` counts characters of text.
    """

    name: str
    label: str
    type: FieldType
    required: bool = True
    options: list[Option] = msgspec.field(default_factory=list)
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 200
    hint: str = ""
    when: When | None = None
    known: Known | None = None


class ApprovalTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One department's share of the approval: begins when all tasks in ``after`` are done (none: at acceptance).

    ``working_days``: what the department may take; 0: on the spot.
    """

    code: str
    name: str
    department: str
    after: list[str] = msgspec.field(default_factory=list)
    working_days: int


class Material(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    material_class: MaterialClass
    required: bool = True
    # When it is needed, in words; empty means always.
    condition: str = ""
    # Where the applicant gets it (来源渠道).
    source: str = ""
    # "原件1份", "原件及复印件1份", "填写"
    form: str = ""
    # When it is needed, by the answers given in the form; None means that ``condition`` is for people to judge.
    when: When | None = None


class LegalBasis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    article: str = ""


class FeeLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    amount_fen: int
    # What one unit is: "证", "件", "本"
    unit: str = "件"


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    detail: str
    # Working days the step may take; 0 means on the spot.
    working_days: int = 0


class ItemContent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an editor writes and an import reads. Time limits in working days (0: on the spot), money in fen."""

    code: str
    name: str
    kind: Kind
    field: Field
    department: str
    levels: list[Level]
    audience: list[Audience]
    aliases: list[str] = msgspec.field(default_factory=list)
    keywords: list[str] = msgspec.field(default_factory=list)
    # How residents put it in their own words.
    questions: list[str] = msgspec.field(default_factory=list)
    conditions: list[str] = msgspec.field(default_factory=list)
    materials: list[Material] = msgspec.field(default_factory=list)
    legal_basis: list[LegalBasis] = msgspec.field(default_factory=list)
    # No lines means free of charge.
    fees: list[FeeLine] = msgspec.field(default_factory=list)
    fee_note: str = ""
    legal_limit_days: int = 0
    promised_limit_days: int = 0
    steps: list[Step] = msgspec.field(default_factory=list)
    delivery: list[Delivery] = msgspec.field(default_factory=list)
    life_events: list[LifeEvent] = msgspec.field(default_factory=list)
    online: Online = Online.NONE
    result_name: str = ""
    # The kind of counter that serves the item when one comes in person; empty when nobody needs to come.
    counter: str = ""
    notes: str = ""
    # What the application asks and who approves it; empty: the usual ones (services/catalogue/application.py).
    form: list[FormField] = msgspec.field(default_factory=list)
    tasks: list[ApprovalTask] = msgspec.field(default_factory=list)


class ItemVersion(Struct, frozen=True, kw_only=True):
    """A published version: never changed, kept for ever, found by (code, number)."""

    number: int
    published_at: datetime
    content: ItemContent


class ItemRecord(Aggregate, kw_only=True):
    """An item over its whole life. ``_id`` is its code.

    Invariant: ``current`` is the version that residents see, and only while the state is "published"; ``draft`` is what
    the next version will hold; ``last_number`` is the number of the newest version ever published.
    """

    draft: ItemContent | None = None
    current: ItemVersion | None = None
    last_number: int = 0


class EditorLine(Struct, frozen=True, kw_only=True):
    """A line of the editor's list: of the draft where there is one. ``changed``: there is one."""

    code: str
    name: str
    department: str
    state: str
    last_number: int
    changed: bool
    updated_at: datetime


class EditorFilter(Struct, frozen=True, kw_only=True):
    """Which items an editor lists; None means any. All ``words`` stand in the name or the code."""

    state: str | None = None
    department: str | None = None
    changed: bool | None = None
    words: str | None = None
