"""Our field rules, WeChat's own examples, and the simulator's rules as a second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.wechat import check_field, fit
from gateways.wechat.fields import KINDS, kind_of
from simulators.wechat.fields import complaint


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thing", "居住证办理，请带身份证"),
        ("thing", "x" * 20),
        ("number", "3.14"),
        ("number", "9" * 32),
        ("letter", "ABC"),
        ("symbol", "!?"),
        ("character_string", "BK0123-ABC/9"),
        ("time", "15:01"),
        ("time", "2019年10月1日 15:01"),
        ("time", "2019年10月1日 15:01~2019年10月1日 16:01"),
        ("date", "2019年10月1日"),
        ("date", "2019年10月1日 15:01"),
        ("date", "2019年10月1日~2019年10月3日"),
        ("amount", "￥12.50"),
        ("amount", "12.5元"),
        ("amount", "0"),
        ("phone_number", "+86-0631-5231234"),
        ("car_number", "鲁K8Z888"),
        ("car_number", "鲁K8Z88挂"),
        ("name", "欧阳小明"),
        ("name", "Li Ming"),
        ("phrase", "已办结"),
        ("enum", "办理中"),
    ],
)
def test_wechats_own_examples_are_good(kind: str, value: str) -> None:
    assert check_field(kind, value) is None
    assert complaint({"x1": kind}, {"x1": {"value": value}}) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thing", ""),
        ("thing", "   "),
        ("thing", "x" * 21),
        ("thing", "两\n行"),
        ("number", "1e5"),
        ("number", "9" * 33),
        ("number", "一"),
        ("letter", "AB1"),
        ("symbol", "!!!!!!"),
        ("character_string", "有中文"),
        ("character_string", "x" * 33),
        ("time", "25:00"),
        ("time", "3点"),
        ("date", "2019-10-01"),
        ("amount", "¥$1"),
        ("amount", "12345678901"),
        ("phone_number", "1" * 18),
        ("car_number", "鲁K123456789"),
        ("name", "一二三四五六七八九十十"),
        ("phrase", "已经办结了吧"),
        ("phrase", "OK"),
    ],
)
def test_what_wechat_refuses_has_a_reason(kind: str, value: str) -> None:
    assert check_field(kind, value)
    assert complaint({"x1": kind}, {"x1": {"value": value}})


def test_an_enum_has_its_list() -> None:
    assert check_field("enum", "办理中", options=frozenset({"办理中"})) is None
    assert check_field("enum", "别的", options=frozenset({"办理中"}))


def test_a_kind_wechat_does_not_have_is_a_mistake_of_ours() -> None:
    for function in (check_field, fit):
        with pytest.raises(ValueError, match="not a kind"):
            function("nonsense", "x")


@pytest.mark.parametrize(("key", "kind"), [("thing1", "thing"), ("character_string12", "character_string")])
def test_the_kind_is_in_the_name(key: str, kind: str) -> None:
    assert kind_of(key) == kind


@pytest.mark.parametrize(
    ("kind", "value", "fitted"),
    [
        ("thing", "威海市环翠区政务服务中心二楼社会保险服务窗口", "威海市环翠区政务服务中心二楼社会保险服…"),
        ("thing", " 第一行\n第二行 ", "第一行 第二行"),
        ("time", "１５：０１", "15:01"),
        ("name", "阿卜杜热西提·买买提江", "阿卜杜热西提·买买提"),
        ("character_string", "x" * 33, "x" * 33),
        ("phrase", "已经办结了吧", "已经办结了吧"),
    ],
)
def test_what_is_too_long_is_shortened_where_that_keeps_its_meaning(kind: str, value: str, fitted: str) -> None:
    assert fit(kind, value) == fitted


@given(st.text())
def test_a_fitted_thing_is_accepted_unless_it_is_empty(text: str) -> None:
    assert check_field("thing", fit("thing", text)) in (None, "is empty")


@given(st.sampled_from(sorted(KINDS - {"enum"})), st.text(alphabet="aZ09.-:~ 年月日鲁中¥!/\n", max_size=34))
def test_what_we_let_through_the_simulator_lets_through(kind: str, value: str) -> None:
    if check_field(kind, value) is None:
        assert complaint({"x1": kind}, {"x1": {"value": value}}) is None
