"""Typed errors: one code from one list, one Chinese sentence for people, fields for machines, one HTTP status.

    BanshiError
    ├── InvalidInput         400  a field is missing, unknown or wrong; names it
    ├── NotAuthenticated     401  no session, or it ended
    ├── NotAllowed           403  a session without the right
    ├── NotFound             404  no such thing, or not yours (the two are not told apart)
    ├── Conflict             409  the thing is in another state, or somebody was faster
    │   └── ActionNotAllowed 409  a state machine has no such edge; lists the actions allowed now
    ├── TooLarge             413
    ├── KeyReused            422  the same Idempotency-Key with another body
    ├── TooManyRequests      429  carries retry_after in seconds
    ├── UpstreamFailed       502  an outside system refused or answered nonsense
    └── Unavailable          503  a dependency does not answer now; try again

``docs/errors.md`` lists every code; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any


class Code(Enum):
    """Every error code with its HTTP status and the sentence shown to people."""

    INVALID_INPUT = (400, "提交的内容有误，请检查后再试。")
    INVALID_JSON = (400, "提交的内容不是有效的 JSON。")
    INVALID_ID_NUMBER = (400, "身份证号码不正确，请核对后重新输入。")
    INVALID_PHONE = (400, "手机号码不正确，请核对后重新输入。")
    INVALID_LOGIN_CODE = (400, "登录凭证无效或已使用，请重新进入小程序。")
    NOT_BOOKABLE = (400, "这个事项不需要预约，或该大厅不办理此事项。")
    SLOT_NOT_OFFERED = (400, "所选时间不开放预约，请另选时间。")

    FILE_TYPE_NOT_ALLOWED = (400, "只能上传 JPG、PNG 图片或 PDF 文件，且不能带有脚本等活动内容。")
    NOT_ONLINE = (400, "这个事项不能网上申请，请到服务大厅办理。")
    NOTICE_REASON_REQUIRED = (400, "材料应一次性告知；再次要求补正须说明原因。")
    IMPORT_REJECTED = (400, "文件有错误，没有导入任何内容，请按清单修改后重新导入。")
    FEEDBACK_REFUSED = (400, "这次回答不能再评价，请重新提问后再反馈。")
    FILE_DAMAGED = (400, "文件不完整或已损坏，请重新选择后再上传。")

    NOT_AUTHENTICATED = (401, "请先登录。")
    WRONG_CREDENTIALS = (401, "账号或密码不正确。")
    SECOND_FACTOR_REQUIRED = (401, "请输入动态验证码。")
    WRONG_SECOND_FACTOR = (401, "动态验证码不正确或已用过，请等下一个验证码再试。")
    BAD_SIGNATURE = (401, "签名校验未通过。")

    NOT_ALLOWED = (403, "您没有权限进行此操作。")
    IDENTITY_REQUIRED = (403, "请先完成实名认证（姓名和身份证号码）。")
    ACCOUNT_LOCKED = (403, "账号已锁定，请稍后再试或联系管理员。")
    ENROLMENT_REQUIRED = (403, "请先绑定动态验证码，再使用控制台。")
    BOOKING_SUSPENDED = (403, "因多次预约未到，暂时不能预约。")
    NOT_CASE_OWNER = (403, "这个办件由其他人首问负责，请先移交。")
    WRONG_DEPARTMENT = (403, "这个环节由其他部门办理。")
    HIGH_RISK_USER = (403, "微信提示该账号存在风险，暂时不能登录。")

    NOT_FOUND = (404, "没有找到您要的内容。")
    ITEM_NOT_FOUND = (404, "没有找到这个事项，可能已经停办。")
    CENTRE_NOT_FOUND = (404, "没有找到这个服务大厅。")
    BOOKING_NOT_FOUND = (404, "没有找到这个预约。")
    MESSAGE_NOT_FOUND = (404, "没有找到这条消息。")
    CONVERSATION_NOT_FOUND = (404, "没有找到这个会话。")
    CASE_NOT_FOUND = (404, "没有找到这个办件，请核对办件编号。")
    TASK_NOT_FOUND = (404, "办件中没有这个审批环节。")
    BILL_NOT_FOUND = (404, "没有找到这个账单。")
    ORDER_NOT_FOUND = (404, "没有找到这笔支付。")
    REFUND_NOT_FOUND = (404, "没有找到这笔退款。")
    ACCOUNT_NOT_FOUND = (404, "没有找到与户号和户名相符的账户，请按缴费通知单核对。")
    RECEIPT_NOT_FOUND = (404, "没有查到与编号和校验码相符的收据，谨防伪造。")
    DAY_NOT_FOUND = (404, "这一天还没有对账记录。")
    DIFFERENCE_NOT_FOUND = (404, "没有找到这条对账差异。")
    FILE_NOT_FOUND = (404, "没有找到这个文件，可能已经删除，请重新上传。")
    COMPLAINT_NOT_FOUND = (404, "没有找到这条诉求，请核对编号。")
    SUPERVISION_NOT_FOUND = (404, "没有找到这条督办记录。")
    KNOWLEDGE_NOT_FOUND = (404, "没有找到这条知识。")
    PROPOSAL_NOT_FOUND = (404, "没有找到这条学习建议。")
    CANNED_NOT_FOUND = (404, "没有找到这条常用语。")
    ROUTE_NOT_FOUND = (404, "没有这个接口。")
    METHOD_NOT_ALLOWED = (405, "这个接口不支持该请求方法。")

    CONFLICT = (409, "内容刚刚被更新，请刷新后再试。")
    ACTION_NOT_ALLOWED = (409, "当前状态不能进行此操作，请刷新后按最新状态办理。")
    SLOT_FULL = (409, "这个时间已约满，请另选时间或排队候补。")
    SLOT_FREE = (409, "这个时间还有空位，可以直接预约。")
    ALREADY_BOOKED = (409, "您已预约过这个事项，请先办理、改期或取消原来的预约。")
    TOO_MANY_BOOKINGS = (409, "您的预约数量已达上限，请先办理或取消已有预约。")
    HOLD_EXPIRED = (409, "预约保留时间已过，请重新选择时间。")
    IDENTITY_ALREADY_SET = (409, "已完成实名认证，如需更正，请本人带身份证到服务大厅综合窗口办理。")
    IDENTITY_TAKEN = (409, "该身份证号码已在其他账号实名。请本人带身份证到服务大厅综合窗口核对，核对后即可在这里实名。")
    ACCOUNT_IN_USE = (409, "还有没办结的事项，暂时不能注销账号。请先办结、撤回或取消。")
    REQUEST_IN_PROGRESS = (409, "上一次相同的请求还在处理，请稍候。")
    CONVERSATION_CLOSED = (409, "会话已结束，请重新发起咨询。")
    CONVERSATION_TAKEN = (409, "这个会话刚刚已由其他人员接待。")
    OFFICER_FULL = (409, "接待数量已达上限，请先结束已有会话。")
    OFFICER_AWAY = (409, "该工作人员不在线，请转给其他人员或部门。")
    RECALL_TOO_LATE = (409, "消息发出已超过两分钟，不能撤回。")
    ALREADY_RATED = (409, "您已评价过本次咨询，谢谢。")
    BILL_NOT_PAYABLE = (409, "这个账单已缴费或已取消，不需要再缴费。")
    BILL_BEING_PAID = (409, "这个账单正由其他账号缴费，请稍后再试。")
    BILL_NOT_PAID = (409, "这个账单还没有缴费，没有收据。")
    ACCOUNT_BOUND = (409, "这个账户已由其他人绑定，请联系对方解绑或到窗口办理。")
    DIFFERENCE_REMAINS = (409, "再次查询后差异仍然存在，请选择其他处理方式。")
    REFUND_OVER_REST = (409, "退款金额超过可退余额，请核对后再试。")
    SURPLUS_HELD = (409, "这笔订单多付的钱还没有退回，请先退款。")
    REFUND_NOT_POSSIBLE = (409, "这笔缴费不能再退款。")
    CASE_TAKEN = (409, "已由其他工作人员承办。")
    SUPPLEMENT_NOT_DUE = (409, "补正期限还没有到，请等申请人补充材料。")
    TASKS_PENDING = (409, "还有审批环节没有完成，不能作出决定。")
    TASK_REJECTED = (409, "有审批环节未通过，不能批准。")
    NO_ACCOUNT = (409, "申请人没有小程序账号，不能在线缴费，请在窗口收取。")
    BILL_UNPAID = (409, "还有未缴的费用，缴清后才能送达结果。")
    FILE_IN_USE = (409, "这个文件已用于申请材料，不能删除。")
    TOO_MANY_FILES = (409, "今天上传的文件数量已达上限，请明天再试或到窗口提交。")
    NOT_TODAY = (409, "不是今天的预约，不能签到。")
    EFFECT_PENDING = (409, "影响评估还没有完成，请稍候再采纳。")
    SCORE_FALLS = (409, "采纳后评测成绩会下降，请写明理由后再采纳。")
    DRAFT_PENDING = (409, "这个事项有其他未发布的草稿，请先处理草稿，或只写入草稿。")
    SHORTCUT_TAKEN = (409, "这个快捷词已被使用，请换一个。")
    USERNAME_TAKEN = (409, "这个用户名已被使用，请换一个。")

    TOO_LARGE = (413, "提交的内容太大，请减少内容后再试。")
    KEY_REUSED = (422, "同一个请求编号提交了不同的内容。")
    TOO_MANY_REQUESTS = (429, "操作太频繁，请稍后再试。")

    INTERNAL = (500, "系统出现问题，我们已记录，请稍后再试。")
    UPSTREAM_FAILED = (502, "外部系统暂时无法完成请求，请稍后再试。")
    PAY_NOT_OFFERED = (503, "在线缴费暂未开通，请到窗口办理。")
    UNAVAILABLE = (503, "服务繁忙，请稍后再试。")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


class BanshiError(Exception):
    """The root. ``fields`` says which input was wrong or what a machine needs to go on.

    ``detail`` replaces the code's general sentence where the cause can be told better.
    """

    default = Code.INTERNAL

    def __init__(self, code: Code | None = None, detail: str | None = None, **fields: Any) -> None:
        self.code = code or self.default
        self.detail = detail or self.code.sentence
        self.fields: Mapping[str, Any] = fields
        super().__init__(f"{self.code.name}: {self.detail} {dict(fields) if fields else ''}".rstrip())

    @property
    def status(self) -> int:
        return self.code.status


class InvalidInput(BanshiError):
    """Names the field: ``InvalidInput(field="$.phone", reason="…")``."""

    default = Code.INVALID_INPUT


class NotAuthenticated(BanshiError):
    default = Code.NOT_AUTHENTICATED


class NotAllowed(BanshiError):
    default = Code.NOT_ALLOWED


class NotFound(BanshiError):
    default = Code.NOT_FOUND


class Conflict(BanshiError):
    default = Code.CONFLICT


class ActionNotAllowed(Conflict):
    """A state machine refused: carries the state and the actions it allows now."""

    default = Code.ACTION_NOT_ALLOWED

    def __init__(self, state: str, action: str, allowed: Iterable[str]) -> None:
        super().__init__(state=state, action=action, allowed=sorted(allowed))


class TooLarge(BanshiError):
    default = Code.TOO_LARGE


class KeyReused(BanshiError):
    default = Code.KEY_REUSED


class TooManyRequests(BanshiError):
    default = Code.TOO_MANY_REQUESTS

    def __init__(self, retry_after: float) -> None:
        # Rounded up: who comes back after 1 second when 1.4 are left is refused again.
        super().__init__(retry_after=max(1, math.ceil(retry_after)))


class UpstreamFailed(BanshiError):
    """An outside system said no, or something that cannot be understood."""

    default = Code.UPSTREAM_FAILED


class Unavailable(BanshiError):
    """A dependency does not answer in time: nothing is known to have happened, trying again is right."""

    default = Code.UNAVAILABLE
