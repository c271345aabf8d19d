from __future__ import annotations

import pytest

from kernel.errors import InvalidInput
from services.identity.names import parse_name


@pytest.mark.parametrize("name", ["张三", "欧阳娜娜", "买买提·艾力", "𠮷田", "〇〇", "赵" * 30, "阿卜杜拉·买买提·艾力"])
def test_names_as_registers_write_them_are_taken_as_they_are(name: str) -> None:
    assert parse_name(name, field="$.name") == name


@pytest.mark.parametrize("text", ["买买提•艾力", "买买提．艾力", " 买买提 · 艾力 ", "买买提・艾力"])
def test_the_dividing_mark_has_one_form_however_it_was_typed(text: str) -> None:
    assert parse_name(text, field="$.name") == "买买提·艾力"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "length"),
        ("张", "length"),
        ("赵" * 31, "length"),
        ("张三丰1", "characters"),
        ("Zhang San", "characters"),
        ("张\n三", "characters"),
        ("·张三", "characters"),
        ("张三·", "characters"),
        ("张··三", "characters"),
        ("张三<", "characters"),
    ],
)
def test_what_is_no_name_is_refused_with_the_field_and_without_the_name(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_name(text, field="$.name")
    assert refused.value.fields == {"field": "$.name", "reason": reason}
