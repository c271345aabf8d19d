# ruff: noqa: E501 - a pattern is easier to read whole than in pieces.
"""What a sentence does to a dialogue, whatever it is about: yes, stop, a person please, none of these.

Asking for a person, stopping and refusing what was offered are looked for as a whole sentence, or as its first or last
clause, never inside one: 人工 is also in 外国人工作许可, 客服 in a complaint about somebody's 客服, 放弃 in 放弃继承.
Courtesies and particles around them (麻烦…, …吧, …谢谢) count for nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Signal(StrEnum):
    """What a sentence does to the dialogue, whatever it is about."""

    YES = "yes"
    NO = "no"
    STOP = "stop"
    RESUME = "resume"
    PERSON = "person"
    OTHER_TIME = "other_time"
    OTHER_CENTRE = "other_centre"
    OTHER_ITEM = "other_item"
    NONE_OF_THESE = "none_of_these"


# Who says more than this in one clause says something else; it also bounds what the patterns read.
_LONGEST = 30
_CLAUSES = re.compile(r"[\s,，.。!！?？~～、;；:：…]+")


class _Clause:
    """A signal as a clause of its own: what may stand before and after it, and itself. The words before and after are
    none of each other's beginnings, so that each clause is read once from the left and once from the right."""

    def __init__(self, before: str, itself: str, after: str) -> None:
        self._before = re.compile(f"^(?:{before})+")
        self._itself = re.compile(f"(?:{itself})")
        self._after = re.compile(f"(?:{after})+$")

    def courtesy(self, clause: str) -> bool:
        return not self._before.sub("", clause) or not self._after.sub("", clause)

    def says(self, clause: str) -> bool:
        if len(clause) > _LONGEST:
            return False
        begun = self._before.sub("", clause)
        ended = self._after.sub("", clause)
        # 你们人呢 ends, and 我要 begins, with what may also be a part of it: each way of taking it apart counts.
        return any(self._itself.fullmatch(one) for one in (clause, begun, ended, self._after.sub("", begun)))


_SOMEBODY = "真人|活人|大活人|真的人|人工|客服|坐席|座席|接线员|话务员|工作人员|专员"
_SPEAKS = "说话|说|讲话|讲|聊天|聊|谈|沟通|解答|回答|回复|处理|帮忙|接待|对话|咨询|问问|问|介入|接听|来|在线"
_CALL = (
    "打|找|转接|转到|转给|转成|转|接通|接入|接|换成|换|呼叫|叫|联系|切换到|切换|进入|连接|连线|跟|和|与|让|有没有|有|用"
)
_WISHED = "(?:想)?(?:要|找|问|办|查|说)(?:找|问|办|查)?的"

_WHOLE: dict[Signal, _Clause] = {
    Signal.PERSON: _Clause(
        "你好|您好|喂|嗯|哎|唉|呃|额|哦|好的|好吧|行吧|那|个|么|就|还是|怎么|怎样|如何|请问|请|电话|麻烦|拜托|劳驾|能不能|能否|可不可以|可以|能|我|们|咱|直接|赶紧|快|点|马上|立刻|立即|帮|给|现在|想|要|需|必须|得|希望|先|只|再|不行",
        rf"(?:(?:{_CALL}|要)*(?:一下)?(?:一)?(?:个|位|名)?(?:你们|您)?(?:的)?(?:在线)?(?:{_SOMEBODY})(?:服务|人员|热线|台)?(?:电话(?:号码)?(?:是?多少)?)?(?:给我|跟我|和我|帮我|来)?(?:{_SPEAKS})*)+"
        rf"|(?:找|转|叫|要|跟|和|与|让|有没有|有)+(?:一)?(?:个|位)?人(?:给我|跟我|和我|帮我|来)?(?:{_SPEAKS})?|人呢|转接(?:电话)?"
        r"|(?:不|别)(?:想|要|用|跟|和|让|再)*(?:机器人|机器|ai|智能客服)(?:说话|说|聊天|聊|对话|回答|回复|服务)*",
        "吧|啊|呀|呢|吗|嘛|么|哦|喔|哈|好|不|行|可以|没|谢|感|多|你|您|我|一下|快|点|马上|立刻|了|在|哪里|哪儿|哪|please|pls",
    ),
    Signal.STOP: _Clause(
        "你好|您好|嗯|哎|唉|呃|额|哦|好的|好吧|好|行吧|行|那|个|就|还是|我|们|这|次|今天|现在|都|请|麻烦|想|要|谢谢|抱歉|不好意思|对不起",
        r"(?:先|暂时)?(?:算(?:了|啦)|不(?:用|要|需要|想要)(?:了|啦)|不想?再?(?:办理|办|约|预约|弄|搞|问|取消|改期|改|投诉|举报|反映|查|交|缴|提交|申请|继续|聊|说|去|来|排|候补)(?:了|啦)"
        r"|不想?(?:办理|办|约|预约|弄|搞|投诉|举报|反映|提交|申请)|没(?:什么|有)?事(?:儿)?(?:了|啦))(?:我?自己(?:去|来|弄|办|问|看|打电话)\S{0,6})?"
        r"|(?:退出|结束|停止|终止|放弃|作罢)(?:本次|这次|当前)?(?:办理|预约|投诉|改期|取消|申请|对话|会话|聊天|咨询|服务|操作|流程)?(?:了)?"
        r"|先这样|(?:以后|下次|改天|改日|回头|有空)再(?:说|办|约|来|弄|问)|再说",
        "吧|啊|呀|啦|哦|喔|哈|嘛|谢谢|多谢|感谢|谢了|你|您|先|拜拜|再见|好了|不好意思|麻烦|辛苦了|打扰了",
    ),
    Signal.NONE_OF_THESE: _Clause(
        "你好|您好|嗯|哎|唉|呃|额|哦|好像|可是|但是|那|我看",
        rf"(?:以上|上面|这|那|些|几个|三个|两个|你|说|给|列|的|选项|事项|答案)*(?:全|统统)?都(?:不是|不对|不符合|不合适|不要|没有)(?:我{_WISHED})?(?:事项|选项)?"
        rf"|没有?(?:一个)?是?我{_WISHED}(?:事项|选项)?|没有?一个(?:是|对|是对|符合)的?|一个(?:都|也)(?:不是|不对|不要|没有)"
        rf"|不是(?:以上|上面|这|那)(?:些|几个)的?|不是我{_WISHED}(?:事项|选项)?",
        "吧|啊|呀|呢|哦|喔|了|谢谢",
    ),
}  # fmt: skip

# Every clause of an agreement agrees: 可以，就这样提交.
_YES = re.compile(
    r"^(?:对的?|是的?|好的?|好吧|好呀|行|行吧|行的|可以|可以的|嗯+|恩|没错|没问题|确认|确定|就这样|就这个|没有?问题|(?:就这样|就这么|可以|没问题|请|帮我)?(?:提交|办|约)(?:就行|即可)?|(?:确认|核对)?无误|都对|ok|okay|yes|y|同意|要的|对对|是是|约吧|办吧|取消吧|提交吧?|确认提交|确认取消|确认预约|确认改期)[吧的了啊呀!。~，]*$"
)
_THANKS = re.compile(r"^(?:谢谢|多谢|感谢|谢了|麻烦了?|辛苦了?|拜托了?)[你您啦了啊呀]*$")
_INSIDE: tuple[tuple[Signal, re.Pattern[str]], ...] = (
    (Signal.RESUME, re.compile(r"^(?:那|好的|好|请|我要|我想)*(?:继续|接着|回到|回去)(?:$|[吧啊呀了,，]|刚才|刚刚|之前|上面|前面|原来|预约|约|办|弄|说|做|投诉|改|取消|缴费|查|那个|这个)|(?:继续|接着)(?:刚才|之前|约)|^刚才(?:那个|的)")),
    (Signal.OTHER_TIME, re.compile(r"换个?(?:别的|其他)?(?:时间|日子|天|点)|改个?时间|别的时间|其他时间|时间不(?:行|合适|对)|换一天|另选时间")),
    (Signal.OTHER_CENTRE, re.compile(r"换个?(?:别的|其他)?(?:地方|大厅|中心|地点)|别的(?:大厅|地方)|其他(?:大厅|地方)|地方不对|地点不对")),
    (Signal.OTHER_ITEM, re.compile(r"换个?(?:别的)?(?:事项|业务)|事项不对|不是(?:这个|那个)?(?:事项|业务)|不是办这个|不是这件事|搞错事项")),
    (Signal.NO, re.compile(r"^(?:不|不对|不是|不行|不要|不可以|不确定|否|no|n|先不|别|不好|没有|无|不用)[了吧的啊呀!。~，]*$")),
)  # fmt: skip


def signals(normal: str) -> frozenset[Signal]:
    """Every signal of a normalised text; for those that ask, stop or refuse the first or the last clause is enough."""
    bare = normal.strip(" 。.!！~，,？?")
    found = {signal for signal, pattern in _INSIDE if pattern.search(bare)}
    clauses = _said(bare)
    agreed = [bool(_YES.match(one)) for one in clauses]
    if any(agreed) and all(yes or _THANKS.match(one) for yes, one in zip(agreed, clauses, strict=True)):
        found.add(Signal.YES)
    for signal, clause in _WHOLE.items():
        telling = [one for one in clauses if not clause.courtesy(one) or clause.says(one)]
        if telling and (clause.says(telling[0]) or clause.says(telling[-1])):
            found.add(signal)
    return frozenset(found) | whole(normal)


def whole(normal: str) -> frozenset[Signal]:
    """The signals that are all a normalised text says: nothing else stands beside them but courtesies."""
    clauses = _said(normal)
    found = set()
    for signal, clause in _WHOLE.items():
        says = [clause.says(one) for one in clauses]
        alone = any(says) and all(said or clause.courtesy(one) for said, one in zip(says, clauses, strict=True))
        if alone or clause.says("".join(clauses)):
            found.add(signal)
    return frozenset(found)


def _said(normal: str) -> list[str]:
    return [clause for clause in _CLAUSES.split(normal) if clause]
