"""File a complaint: the matter, the place, when, photos; departments are suggested; nothing is filed unconfirmed."""

from __future__ import annotations

import re
from typing import Any

from nlp.steering import Signal
from services.dialogue.model import Option, Result, TaskKind, Understanding, Want
from services.dialogue.talk import PERSON, STOP, Talk

_CUE = re.compile(
    r"^(?:你好|您好)?[，,]?(?:我)?(?:想|要|来)?(?:投诉|举报|反映)(?:一下|一件事|个事|个问题|个|问题)?[，,。:!！]?"
)
_NO_PLACE = re.compile(r"^(?:不知道|不清楚|没有|无|跳过|不详|说不清|不方便说|没有地点|没有具体地点)[了的啊吧]?[。.]?$")
_PLACE_WRONG = re.compile(r"地(?:点|方|址)(?:不对|错了|是|应该是|改成|改为|换成)[，,]?(?:是|应该是|在)?")
_REQUEST = re.compile(r"建议|希望|求助|请求|帮忙解决|能不能修")
_CONSULT = re.compile(r"咨询|请问|想问")
KIND_WORDS = {"complaint": "投诉", "request": "求助或建议", "consult": "咨询"}
MIN_MATTER = 4


def start(talk: Talk, heard: Understanding) -> None:
    task = talk.begin(TaskKind.COMPLAIN)
    text = heard.text
    task.complaint_kind = "complaint"
    if not re.search("投诉|举报", text):
        if _REQUEST.search(text):
            task.complaint_kind = "request"
        elif _CONSULT.search(text):
            task.complaint_kind = "consult"
    task.photos = list(heard.photos)
    rest = _CUE.sub("", text).strip()
    if len(rest) >= MIN_MATTER:
        _matter(talk, rest, heard)
    go_on(talk)


def _matter(talk: Talk, matter: str, heard: Understanding) -> None:
    task = talk.task
    task.matter = matter
    task.place = task.place or heard.slots.place
    if heard.slots.when.matched and not task.happened:
        task.happened = "".join(heard.slots.when.matched)[:50]


def hear(talk: Talk, heard: Understanding) -> bool:
    """Whatever is said here belongs to the complaint: a matter may hold any words."""
    task, text = talk.task, heard.text
    if heard.photos:
        # In a conversation they come one by one, as many as are sent.
        most = talk.facts.rules.photos
        photos = list(dict.fromkeys([*task.photos, *heard.photos]))
        if len(photos) > most:
            talk.say(f"照片最多{most}张，多出来的没有加上。")
        task.photos = photos[:most]
        if not text:
            go_on(talk)
            return True
    if not text:
        return False
    if task.want is Want.MATTER:
        if len(text) < MIN_MATTER:
            talk.not_understood("请说得详细一点：发生了什么事？", [STOP])
            return True
        _matter(talk, text, heard)
    elif task.want is Want.PLACE:
        task.place = "不详" if _NO_PLACE.match(text) else text[:100]
    elif task.want is Want.CONFIRM:
        return _hear_confirm(talk, heard)
    else:
        return False
    talk.state.rounds = 0
    go_on(talk)
    return True


def _hear_confirm(talk: Talk, heard: Understanding) -> bool:
    task, text = talk.task, heard.text
    if Signal.YES in heard.slots.signals:
        confirmed(talk)
        return True
    if Signal.NO in heard.slots.signals:
        change = [Option("改内容", "other:matter"), Option("改地点", "other:place"), Option("不提交了", "stop")]
        talk.choose("好的，哪里需要改？", change)
        return True
    if _PLACE_WRONG.search(text):
        task.place = _PLACE_WRONG.sub("", text)[:100] or heard.slots.place
    elif heard.slots.correction and heard.slots.place:
        task.place = heard.slots.place
    elif len(text) >= MIN_MATTER:
        # More of the same matter.
        task.matter = f"{task.matter}。{text}"[:2000]
    else:
        return False
    go_on(talk)
    return True


def go_on(talk: Talk) -> None:
    task = talk.task
    if not task.matter:
        talk.want(Want.MATTER)
        talk.say("请说一说发生了什么事，可以附上照片。个人信息不会转给被反映的单位。")
        return
    if not task.place:
        talk.want(Want.PLACE)
        talk.choose("是在什么地方？说路名、小区或单位都可以。", [Option("说不清地点", "noplace")])
        return
    talk.do("suggest", matter=task.matter, kind=task.complaint_kind)


def suggested(talk: Talk, result: Result) -> None:
    """The summary with the departments that may be responsible and the time limit."""
    task = talk.task
    if result.code:
        talk.choose(result.detail, [Option("再试一次", "again"), PERSON, STOP])
        return
    talk.want(Want.CONFIRM)
    data: dict[str, Any] = dict(result.data) | {
        "task": "complain", "kind": task.complaint_kind, "kind_words": KIND_WORDS[task.complaint_kind],
        "matter": task.matter, "place": task.place, "happened": task.happened, "photos": task.photos,
    }  # fmt: skip
    words = KIND_WORDS[task.complaint_kind]
    text = f"请确认{words}内容，提交后{data['limit_days']}个工作日内答复。也可以继续补充或发照片。"
    options = [Option("确认提交", f"yes:{task.key}"), Option("改内容", "other:matter"), Option("改地点", "other:place")]
    talk.card("confirm", data, text, options)


def confirmed(talk: Talk) -> None:
    task = talk.task
    if talk.needs_sign_in("提交诉求"):
        return
    talk.do(
        "complain", kind=task.complaint_kind, matter=task.matter, place=task.place, happened=task.happened,
        photos=task.photos, key=task.key,
    )  # fmt: skip


def filed(talk: Talk, result: Result) -> None:
    if result.code:
        if result.code == "FILE_NOT_FOUND":
            talk.task.photos = []
        talk.choose(result.detail, [Option("再试一次", "again"), PERSON, STOP])
        return
    text = f"已提交，编号{result.data['id']}，最晚{result.data['due']}前答复，可以随时问我进度。"
    talk.card("complaint", dict(result.data), text)
    talk.end()


def chosen(talk: Talk, what: str, value: str) -> bool:
    task = talk.task
    if what == "noplace":
        task.place = "不详"
    elif what == "other" and value == "matter":
        task.matter = ""
    elif what == "other" and value == "place":
        task.place = ""
    elif task.want is Want.CONFIRM and (
        (what == "yes" and value == task.key) or (what == "again" and talk.offered(what))
    ):
        confirmed(talk)
        return True
    elif what not in ("yes", "again"):
        return False
    go_on(talk)
    return True
