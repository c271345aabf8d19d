"""Asking for a person, stopping and refusing: known in every way people say it, and never inside another sentence."""

from __future__ import annotations

import time

import pytest

from nlp.entry import Entry
from nlp.normalise import normalise
from nlp.steering import Signal, signals, whole

PERSON = """
人工 转人工 我要找人工 转人工客服吧 人工客服 我要找真人客服 找个真人 我要找客服 找人工服务 请帮我转人工
麻烦转接人工客服谢谢 转接 接人工 人工服务 有没有人工 有人工吗 有人吗 能不能找个人跟我说 找个人 找人
我想跟人说话 我要跟真人说话 帮我接通人工坐席 客服在吗 客服呢 人工！人工！ 转人工，谢谢 你好，转人工 不要机器人
我不想跟机器人说话 叫个人来 给我转人工 直接转人工 快转人工 联系客服 呼叫人工 切换到人工 接线员
我要和工作人员沟通 可以转人工吗 能转人工客服吗 客服电话多少 要人工 有真人吗 跟人说 我需要人工服务 找真人
找你们客服 活人 转接人工台 需要人工帮忙 换人工 帮我找一下客服 找一个工作人员 转人工转人工 人工人工 怎么转人工
如何联系人工客服 人呢 请转人工坐席 電話轉接人工
"""
STOP = """
算了 那算了 那算了吧 还是算了 算了吧 算了谢谢 不用了谢谢 不用了 不办了 不约了 我不办了 先不办了 我不想办了
不想约了 不需要了 不要了 谢谢不用了 退出 结束 停止 结束对话 我要退出 放弃 放弃吧 先这样 那先这样吧 没事了
不问了 不改了 不取消了 不投诉了 不投诉了吧 不用了我自己去就行 改天再说吧 以后再说 下次再约 好的，不用了 再说吧
作罢 那就不办了吧 我还是不约了 嗯不用了 不好意思不约了 暂时不办了 不办了，谢谢你 现在不需要了 还是不去了
算了，不办了，谢谢
"""
NONE = """
都不是 都不是啊 以上都不是 这些都不是 这几个都不是 都不对 都不是我要的 都不是我想要的 没有我要的 没有我要找的
没有一个对的 不是这些 都不要 一个都不对 一个都不是 全都不是 上面的都不对 你说的都不是 没有我想办的
这三个都不是 不是我要的 不是我想问的
"""
OTHERWISE = """
外国人工作许可 本人工资卡丢了 退出现役人员恢复户口 放弃继承 放弃继承权公证 移动客服不理人 人工智能企业补贴
人工流产 人工繁育许可 结束公司经营怎么办 停止供暖怎么退费 转接线路 12345客服电话打不通 投诉客服
夫妻都不是本市户口 都不是本地户口能办吗 继续教育学分怎么登记 不办了会怎么样 可以不办吗 能不办吗 找工作
找工作人员签字 有人乱停车 和工作人员吵架了 真人认证失败 没有我的社保记录 联系人 怎么换个人
打了客服电话，转接了三次，没人接 不要的家具怎么扔 结束后多久能拿证 就这样 确认
"""
WAYS = [
    *((text, Signal.PERSON) for text in PERSON.split()),
    *((text, Signal.STOP) for text in STOP.split()),
    *((text, Signal.NONE_OF_THESE) for text in NONE.split()),
]
STEERING = {Signal.PERSON, Signal.STOP, Signal.NONE_OF_THESE, Signal.RESUME}


@pytest.mark.parametrize(("text", "signal"), WAYS)
def test_every_way_of_saying_it_is_known_as_a_whole_sentence(text: str, signal: Signal) -> None:
    normal = normalise(text).text
    assert signal in whole(normal)
    assert signal in signals(normal)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("听不懂，转人工", Signal.PERSON), ("什么破机器人，我要人工", Signal.PERSON),
        ("转人工，我的社保卡没人管", Signal.PERSON),
        ("太麻烦了，不办了", Signal.STOP), ("算了，我去大厅问", Signal.STOP),
        ("都不是，我要的是别的", Signal.NONE_OF_THESE), ("看了一遍 没有我要的", Signal.NONE_OF_THESE),
    ],
)  # fmt: skip
def test_the_first_or_the_last_clause_is_enough_but_is_not_the_whole(text: str, signal: Signal) -> None:
    normal = normalise(text).text
    assert signal in signals(normal)
    assert signal not in whole(normal)


@pytest.mark.parametrize("text", OTHERWISE.split())
def test_a_word_inside_another_sentence_steers_nothing(text: str) -> None:
    assert not signals(normalise(text).text) & STEERING


def test_no_name_alias_or_question_of_the_catalogue_steers(entries: list[Entry]) -> None:
    texts = [text for entry in entries for text in (entry.name, *entry.aliases, *entry.questions)]
    steering = {text: found for text in texts if (found := signals(normalise(text).text) & STEERING)}
    assert len(texts) > 5000
    assert not steering


@pytest.mark.parametrize(
    "piece", ["想要", "我你", "吧", "都的", "一个说", "人工来", "人工在线", "谢谢，", "转接人工客服"]
)
def test_no_text_takes_long(piece: str) -> None:
    for text in (piece * 2000, (piece * 15)[:30], (piece * 15)[:29] + "x"):
        began = time.thread_time()
        signals(text)
        assert time.thread_time() - began < 0.5
