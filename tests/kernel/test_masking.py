import json
import re
import timeit
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.identifiers import parse_resident_id, resident_id_check_character
from kernel.ids import Ids, Kind
from kernel.masking import MASKS, mask_card, mask_id_number, mask_name, mask_openid, mask_phone, scrub, scrub_value

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
TOKEN = "0123456789abcdef" * 4
MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
RESIDENTS = st.builds(
    lambda born, sequence: (body := f"371002{born:%Y%m%d}{sequence:03}") + resident_id_check_character(body),
    st.dates(date(1900, 1, 1), date(2026, 11, 24)),
    st.integers(0, 999),
)
# What stands beside a number in a log line: anything that is not itself a digit.
NEIGHBOURS = st.text(st.characters(exclude_categories=["Cs", "Nd"]), max_size=20)


def luhn(body: str) -> str:
    """A card number: the body and its Luhn digit, found by trying (an oracle that shares no code)."""
    doubled = [int(c) * (2 if i % 2 == 0 else 1) for i, c in enumerate(reversed(body))]
    return body + str(-sum(d // 10 + d % 10 for d in doubled) % 10)


# --- on screens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张小明", "张**"),
        ("欧阳娜娜", "欧阳**"),
        ("欧阳锋", "欧阳*"),
        ("歐陽修", "歐陽*"),
        ("欧阳", "欧*"),
        ("买买提·艾力", "买**·**"),
        ("John Smith", "J*** *****"),
        ("𬭚生", "𬭚*"),
        ("张", "*"),
        ("", ""),
        (" 张三 ", "张*"),
    ],
)
def test_of_a_name_the_surname_stays(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("371002199003071233", "371***********1233"),
        ("11010519491231002X", "110***********002X"),
        ("371002900307123", "371********7123"),
        ("123456789", "*********"),
        ("", ""),
    ],
)
def test_of_an_id_number_the_first_three_and_the_last_four_characters_stay(number: str, masked: str) -> None:
    assert mask_id_number(number) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812341234", "138****1234"),
        ("+86 138-1234-1234", "138****1234"),
        ("0086 13812341234", "138****1234"),
        ("0631-5231234", "063****1234"),
        ("12345", "*****"),
        ("", ""),
    ],
)
def test_of_a_phone_number_the_first_three_and_the_last_four_digits_stay(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


def test_of_a_bank_card_the_last_four_digits_stay() -> None:
    assert mask_card("6222 0212 3456 7890 128") == "***************0128"


def test_of_an_openid_as_much_stays_as_tells_two_apart() -> None:
    assert mask_openid(OPENID) == "o***eS6o"
    assert mask_openid("o") == mask_openid("") == "***"


@given(st.text())
def test_masking_takes_any_text(text: str) -> None:
    for mask in {*MASKS.values()}:
        assert isinstance(mask(text), str)


# --- in free text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("手机13812345678号", "手机138****5678号"),
        ("+86 138-1234-5678", "138****5678"),
        ("tel:008613812345678", "tel:138****5678"),
        ("8613812345678", "138****5678"),
        ("100%13812345678", "100%138****5678"),
        ("%210102199003071234", "%210***********1234"),
        ("q=%E5%8F%8613812345678", "q=%E5%8F%86138****5678"),
        ("q=%E5%8F%84371002199003071233", "q=%E5%8F%84371***********1233"),
        ("a%2013812345678", "a%20138****5678"),
        ("a%204111111111111111", "a%20************1111"),
        ("１３８１２３４５６７８", "１３８****５６７８"),
        ("2026-11-24 13812345678", "2026-11-24 138****5678"),
        ("13812345678,13912345678 13712345678", "138****5678,139****5678 137****5678"),
        ("371002199003071233", "371***********1233"),
        ("身份证11010519491231002x，", "身份证110***********002x，"),
        ("371002 19900307 1233", "371***********1233"),
        ("371002900307123", "371********7123"),
        ("a mistyped 371002199003071234", "a mistyped 371***********1234"),
        ("99999999999999999X", "999***********999X"),
        ("卡号6222021234567890128", "卡号***************0128"),
        ("4111 1111 1111 1111.", "************1111."),
        ("4111-1111-1111-1111", "************1111"),
        (f"openid {OPENID}", "openid o***eS6o"),
        (f"用户{OPENID}登录", "用户o***eS6o登录"),
        (f"Authorization: Bearer {TOKEN}", "Authorization: ***"),
        (f"a BEARER  {TOKEN}.", "a BEARER  ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        (f"session {TOKEN} ended", "session *** ended"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_", "***"),
        (
            "GET /sns/jscode2session?appid=wx1&secret=s3&js_code=08a&grant_type=x",
            "GET /sns/jscode2session?appid=wx1&secret=***&js_code=***&grant_type=x",
        ),
        ("/cgi-bin/message?access_token=75_ab-c", "/cgi-bin/message?access_token=***"),
        ('{"session_key": "HyVFkGl5F5OQWJZZaNzBBg=="}', '{"session_key": "***"}'),
        (r"{\"password\":\"hunter2\",\"n\":1}", r"{\"password\":\"***\",\"n\":1}"),
        ("密码 password：hunter2。", "密码 password：***。"),
        ("token=Bearer abc", "token=***"),
    ],
)
def test_personal_data_and_secrets_are_hidden(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "预约成功",
        "2026-11-24T04:13:09.123Z",
        "1764000000000 ms",
        "12810000000",
        "order 202611240000001234567890",
        "4111111111111112",
        "1234 5678 9012 3456 7890",
        "operator_permissions_missing",
        "tokens used: 5",
        "POST /api/v1/appointments 201 12.5ms",
        "windows 1-12, 08:30-17:00, 0631-5231234",
        "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "371000 371002 威海市",
    ],
)
def test_ordinary_log_text_is_left_alone(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize("kind", Kind)
def test_the_ids_of_our_own_records_are_left_alone(kind: Kind) -> None:
    for seed in range(32):
        made = Ids(lambda length, seed=seed: bytes((seed * 7 + i * 11) % 256 for i in range(length))).new(kind)  # type: ignore[misc]
        assert scrub(made) == made


def test_our_own_session_tokens_are_hidden() -> None:
    assert scrub(Ids().token()) == "***"


@given(NEIGHBOURS, MOBILES, NEIGHBOURS)
def test_no_mobile_number_survives_whatever_stands_beside_it(before: str, number: str, after: str) -> None:
    assert number not in scrub(f"{before}{number}{after}")


@given(NEIGHBOURS, RESIDENTS, NEIGHBOURS)
def test_no_id_number_survives_whatever_stands_beside_it(before: str, number: str, after: str) -> None:
    assert number not in scrub(f"{before}{number}{after}")


@given(st.text("号码手机联系人", min_size=1, max_size=5), st.one_of(MOBILES, RESIDENTS))
def test_no_number_survives_behind_the_escapes_of_json_and_of_addresses(before: str, number: str) -> None:
    # 丁 is \u4e01, 与 is \u4e0e: escapes that end in digits or letters must not hide where the number begins.
    assert number not in scrub(json.dumps(f"{before}丁{number}"))
    assert number not in scrub(quote(f"{before}术{number}"))
    assert number not in scrub("?q=" + quote(f"+86 {number}"))


@given(st.from_regex(r"[3-6][0-9]{14,17}", fullmatch=True))
def test_no_bank_card_survives(body: str) -> None:
    number = luhn(body)
    assert number not in scrub(f"卡号 {number}，")
    assert number[:12] not in scrub(" ".join(re.findall(".{1,4}", number))).replace(" ", "")


@given(st.from_regex(r"9[0-9]{15}", fullmatch=True))
def test_a_run_of_16_digits_that_breaks_luhn_is_no_card(run: str) -> None:
    assert (scrub(run) == run) is (luhn(run[:-1]) != run)


@given(st.from_regex(r"o[0-9A-Za-z_-]{27}", fullmatch=True).filter(lambda text: re.search("[0-9A-Z]", text)))
def test_no_openid_survives(openid: str) -> None:
    assert openid not in scrub(f"user {openid}: ok")


@given(st.text())
def test_scrubbing_takes_any_text_and_text_without_digits_and_letters_stays(text: str) -> None:
    scrubbed = scrub(text)
    assert scrubbed == text or re.search("[0-9０-９A-Za-z]", text)


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "o", "eyJ", "bearer ", "token", "token:", " ", "\\u4e41", "%41", "4111 ", "138 ", "371002 ", "86", "-"],
)
def test_the_time_grows_with_the_length_and_not_faster(piece: str) -> None:
    short, long = piece * 1000, piece * 16_000
    fast = min(timeit.repeat(lambda: scrub(short), number=1, repeat=5))
    slow = min(timeit.repeat(lambda: scrub(long), number=1, repeat=3))
    assert slow < 16 * 6 * fast + 0.005


# --- in structured values ---------------------------------------------------------------------------------------------


class Colour(StrEnum):
    RED = "13812345678"


def test_values_under_known_keys_are_masked_and_all_other_text_is_scrubbed() -> None:
    value = {
        "name": "欧阳娜娜",
        "id_number": "371002199003071233",
        "phone": "13812345678",
        "token": "abc",
        "openid": OPENID,
        "session_key": "HyVFkGl5F5OQWJZZaNzBBg==",
        "password": "hunter2",
        "code": "081abc",
        "note": "请打13812345678",
        "nested": [{"idNumber": "371002199003071233", "Contact-Phone": "13812345678"}, ("371002900307123", 5)],
        "status": 201,
    }
    assert scrub_value(value) == {
        "name": "欧阳**",
        "id_number": "371***********1233",
        "phone": "138****5678",
        "token": "***",
        "openid": "o***eS6o",
        "session_key": "***",
        "password": "***",
        "code": "***",
        "note": "请打138****5678",
        "nested": [{"idNumber": "371***********1233", "Contact-Phone": "138****5678"}, ["371********7123", 5]],
        "status": 201,
    }


def test_the_name_of_an_error_code_is_no_secret_and_any_other_code_is() -> None:
    assert scrub_value({"code": "SLOT_FULL"}) == {"code": "SLOT_FULL"}
    assert scrub_value([{"code": "482913"}, {"code": 482913}]) == [{"code": "***"}, {"code": "***"}]


def test_a_missing_or_yes_no_value_under_a_known_key_stays_because_absence_is_no_secret() -> None:
    assert scrub_value({"phone": None, "token": False}) == {"phone": None, "token": False}


def test_numbers_lists_and_anything_else_under_a_known_key_are_masked_too() -> None:
    value = {"phone": 13812345678, "name": ["张三", "李小四"], "token": {"a": "b"}, "password": b"x"}
    assert scrub_value(value) == {"phone": "138****5678", "name": ["张*", "李**"], "token": "***", "password": "***"}


def test_long_whole_numbers_are_scrubbed_like_text_and_short_ones_stay() -> None:
    assert scrub_value([13812345678, 371002199003071233, 20261124, -5, 1764000000000]) == [
        "138****5678",
        "371***********1233",
        20261124,
        -5,
        1764000000000,
    ]


def test_keys_are_scrubbed_too() -> None:
    assert scrub_value({"13812345678": 1, 2: 3}) == {"138****5678": 1, "2": 3}


def test_days_instants_enum_members_floats_and_nothing_stay_themselves() -> None:
    kept = [None, True, 1.5, date(2026, 11, 24), datetime(2026, 11, 24, tzinfo=UTC), Kind.BOOKING, Colour.RED]
    assert scrub_value(kept) == kept


def test_dataclasses_become_dicts_bytes_their_length_and_other_objects_their_scrubbed_text() -> None:
    @dataclass
    class Contact:
        name: str
        remark: str

    value = [Contact("张三", "13812345678"), b"13812345678", ValueError("no 13812345678"), {1}, Contact]
    assert scrub_value(value)[:4] == [  # type: ignore[index]
        {"name": "张*", "remark": "138****5678"},
        "<11 bytes>",
        "no 138****5678",
        [1],
    ]
    person = parse_resident_id("371002199003071233", today=date(2026, 11, 24), field="f")
    assert scrub_value({"person": person}) == {
        "person": {"number": "371***********1233", "birth_date": "***", "sex": person.sex, "division": "371002"}
    }


def test_other_masks_can_be_given() -> None:
    assert scrub_value({"plate": "鲁K12345", "name": "张三"}, {"plate": mask_name}) == {
        "plate": "鲁******",
        "name": "张三",
    }


def test_the_masks_are_keyed_as_they_are_looked_up_and_cannot_be_changed() -> None:
    assert all(key == key.lower().replace("_", "").replace("-", "") for key in MASKS)
    assert isinstance(MASKS, MappingProxyType)


def test_a_value_that_contains_itself_ends_in_an_ellipsis() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    assert str(scrub_value(loop)).count("again") == 20
    assert "…" in str(scrub_value(loop))


def test_the_value_itself_is_not_changed() -> None:
    value = {"phone": "13812345678", "list": ["13812345678"]}
    scrub_value(value)
    assert value == {"phone": "13812345678", "list": ["13812345678"]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(sorted(MASKS)), inner),
        max_leaves=10,
    )
)
def test_any_nested_value_comes_out_fit_for_json(value: Any) -> None:
    json.dumps(scrub_value(value))
