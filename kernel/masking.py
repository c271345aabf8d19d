"""Personal data made unrecognisable: on screens (``mask_*``) and in logs (``scrub``, ``scrub_value``).

Masking on screen keeps what its owner needs to recognise it, in the forms that public services print (GB/T 35273-2020,
7.2: limit what is shown of personal information). Nothing here raises on odd input: a log line must never fail.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from types import MappingProxyType

from kernel.errors import Code

_STARS = "*"
_HIDDEN = "***"
_TOO_DEEP = "…"
_DEEPEST = 20

# The compound surnames still borne today; any other name begins with a surname of one character.
_COMPOUND_SURNAME = re.compile(
    "欧阳|歐陽|上官|司马|司馬|司徒|司空|司寇|诸葛|諸葛|夏侯|皇甫|尉迟|慕容|令狐|宇文|长孙|鲜于|东方|独孤|南宫|万俟|闻人|公孙|"
    "仲孙|端木|轩辕|赫连|澹台|钟离|淳于|单于|太史|申屠|公羊|公冶|宗政|濮阳|闾丘|亓官|巫马|颛孙|漆雕|乐正|拓跋|百里|呼延|东郭|"
    "南门|西门|羊舌|微生|左丘|谷梁|公良|梁丘|第五"
)
_NAME_MARKS = frozenset("·•‧・. -")


def mask_name(name: str) -> str:
    """张三 -> 张*, 张小明 -> 张**, 欧阳娜娜 -> 欧阳**, 买买提·艾力 -> 买**·**; a single character is hidden too.

    The surname stays, every other character becomes a star, and the marks that divide a long name stay where they are.
    """
    name = name.strip()
    kept = 2 if len(name) > 2 and _COMPOUND_SURNAME.match(name) else 1 if len(name) > 1 else 0
    return name[:kept] + "".join(mark if mark in _NAME_MARKS else _STARS for mark in name[kept:])


def mask_id_number(number: str) -> str:
    """371002199003071233 -> 371***********1233: the first three characters and the last four, for any long number.

    Three digits name no more than the city; the last four are what people know by heart and what windows ask for.
    Birth date and district stay hidden. What has fewer than ten characters is hidden altogether.
    """
    return _keep(number.strip(), 3, 4)


def mask_phone(phone: str) -> str:
    """13812341234 -> 138****1234, however spaced, with +86 or without; landlines likewise, short numbers hidden."""
    compact = "".join(character for character in phone if character.isdecimal())
    if len(compact) in (13, 15) and compact.removeprefix("00").startswith("861"):
        compact = compact[-11:]
    return _keep(compact, 3, 4)


def mask_card(number: str) -> str:
    """6222021234567890128 -> ***************0128: a bank card keeps its last four digits (尾号) only."""
    return _keep("".join(character for character in number if character.isdecimal()), 0, 4)


def mask_secret(_text: str) -> str:
    """A password, token or key leaves nothing, not even its length."""
    return _HIDDEN


def mask_openid(openid: str) -> str:
    """oUpF8uMuAJO_M2pxb1Q9zNjWeS6o -> o***eS6o: enough to tell two people apart in one log."""
    return f"{openid[0]}***{openid[-4:]}" if len(openid) >= 20 else _HIDDEN


def _keep(text: str, first: int, last: int) -> str:
    # Hidden altogether unless at least three characters are: 1234567 -> 123*567 would hide nothing.
    if len(text) < first + last + 3:
        return _STARS * len(text)
    return text[:first] + _STARS * (len(text) - first - last) + text[-last:]


# Two things are behind the form of this pattern.
# Speed: every branch opens with a bare set of characters, which the engine tests before anything else; what must not
# stand before it is looked back at from there, and an empty group at the end names the branch.
# Escapes: a number begins where no digit precedes it, or after an escape that may itself end in digits, as logged JSON
# writes 号 as \u53f7 and a logged address as %E5%8F%B7. The branch "escape" swallows escapes whole, so that no number
# begins inside one; a percent sign that merely stands before a number is none.
# Full-width digits count as digits, because Chinese keyboards type them.
_PARTS = {
    "D": "[0-9０-９]",
    "AFTER_ESCAPE": r"(?<=%[0-9A-Fa-f]{2}.)|(?<=\\u[0-9A-Fa-f]{4}.)",
    "FIRST_DIGIT": "(?:(?<![0-9０-９].)|<<AFTER_ESCAPE>>)",
    "LAST_DIGIT": "(?![0-9０-９])",
    "FIRST_LETTER": "(?:(?<![0-9A-Za-z_-].)|<<AFTER_ESCAPE>>)",
    "RESIDENT_18": "[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx]<<LAST_DIGIT>>",
    "LAST_LETTER": "(?![0-9A-Za-z_-])",
}
_PATTERN = r"""
    # token=…, "session_key": "…", secret%3D…, whatever stands before the word: access_token, app_secret.
    [AJOPSTUajopstu]
        (?i: (?<=t)oken | (?<=s)ecret | (?<=s)ession_key | (?<=p)assw(?:or)?d | (?<=o)penid | (?<=u)nionid
           | (?<=j)s_code | (?<=a)uthorization )
        (?:\\?["']|%22)? \s* (?:[=:：]|%3[AaDd]) \s* (?:\\?["']|%22)?
        (?P<value> (?i:(?:bearer|basic)\s+)? [^\s"'\\&,;<>(){}\[\]，。；]+ ) (?P<labelled>)
    # RFC 6750, section 2.1.
    | [Bb] (?i:earer) (?:\s+|%20|\+) (?P<credentials> [0-9A-Za-z._~+/-]{8,}=* ) (?P<bearer>)
    | e <<FIRST_LETTER>> yJ [0-9A-Za-z_-]{8,} \. [0-9A-Za-z_-]+ \. [0-9A-Za-z_-]* (?P<jwt>)
    # Our own session tokens (kernel.ids): 256 bits. A SHA-256 looks the same and is hidden with them.
    | [0-9a-f] <<FIRST_LETTER>> [0-9a-f]{63} <<LAST_LETTER>> (?P<hexadecimal>)
    # WeChat openid and unionid: 28 or 29 characters from o on; a capital or a digit tells them from words.
    | o <<FIRST_LETTER>> (?=[a-z_-]*[0-9A-Z]) [0-9A-Za-z_-]{27,28} <<LAST_LETTER>> (?P<openid>)
    # Percent escapes of two digits are a sign of ASCII (space to closing bracket, @, `) or, after another escape, the
    # rest of a UTF-8 character.
    | [%\\] (?: (?<=\\) u [0-9A-Fa-f]{4}
              | (?<=%) (?: [0-9][A-Fa-f] | [A-Fa-f][0-9A-Fa-f] | (?!<<RESIDENT_18>>)2[0-9] | [46]0 )
              | (?<=%[0-9A-Fa-f]{2}%) [89][0-9] ) (?P<escape>)
    # 18 characters with a century inside or an X at the end, or 15 digits with a month and a day. The check character
    # is not asked for: a mistyped number still points at a person.
    | [1-9１-９] <<FIRST_DIGIT>> <<D>>{5} (?:
          [ -]? (?:[1１][89８９]|[2２][0０]) <<D>>{6} [ -]? <<D>>{3} (?: <<D>> <<LAST_DIGIT>> | [XxＸｘ] )
        | <<D>>{11} [XxＸｘ]
        | [0-9]{2} (?:0[1-9]|1[0-2]) (?:0[1-9]|[12][0-9]|3[01]) [0-9]{3} <<LAST_DIGIT>>
    ) (?P<id_number>)
    | [+＋0０1１8８] <<FIRST_DIGIT>>
        (?: (?<=[1１]) | (?: (?<=[+＋]) (?:86|８６) | (?<=[8８]) [6６] | (?<=[0０]) (?:086|０８６) ) [ -]? [1１] )
        [3-9３-９] <<D>> [ -]? <<D>>{4} [ -]? <<D>>{4} <<LAST_DIGIT>> (?P<phone>)
    # Groups of four with one separator throughout, or none.
    | [1-9１-９] <<FIRST_DIGIT>> <<D>>{3} (?:
          <<D>>{12,15}
        | (?P<gap>[ -]) <<D>>{4} (?P=gap) <<D>>{4} (?P=gap) <<D>>{4} (?: (?P=gap) <<D>>{1,3} )? (?![ -][0-9])
    ) <<LAST_DIGIT>> (?P<card>)
"""


def _compile(pattern: str) -> re.Pattern[str]:
    while "<<" in pattern:
        pattern = re.sub(r"<<(\w+)>>", lambda part: _PARTS[part.group(1)], pattern)
    return re.compile(pattern, re.VERBOSE)


_PERSONAL = _compile(_PATTERN)


def scrub(text: str) -> str:
    """Free text without ID numbers, mobile numbers, bank cards, tokens, openids and labelled secrets, for logs.

    Bank cards are runs of 16 to 19 digits that satisfy Luhn (ISO/IEC 7812-1). Errs on the side of hiding: any number of
    the shape is masked, whether or not anybody bears it. Names and addresses have no shape: log them under a key that
    ``scrub_value`` knows, or not at all.
    """
    return _PERSONAL.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    found = match.group()
    kind = match.lastgroup
    if kind == "id_number":
        return mask_id_number(found.replace(" ", "").replace("-", ""))
    if kind == "phone":
        return mask_phone(found)
    if kind == "card":
        return mask_card(found) if _luhn(found) else found
    if kind == "openid":
        return mask_openid(found)
    if kind == "labelled":
        return found[: match.start("value") - match.start()] + _HIDDEN
    if kind == "bearer":
        return found[: match.start("credentials") - match.start()] + _HIDDEN
    return found if kind == "escape" else _HIDDEN


def _luhn(text: str) -> bool:
    total = 0
    digits = [int(character) for character in text if character.isdecimal()]
    for index, digit in enumerate(reversed(digits)):
        total += digit if index % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0


def _mask_code(code: str) -> str:
    # "code" is WeChat's login code and the code of a text message, but also what our own errors call their name.
    return code if code in Code.__members__ else _HIDDEN


Masks = Mapping[str, Callable[[str], str]]

# By key without case, hyphens and underscores: id_number, idNumber and ID-Number are one.
MASKS: Masks = MappingProxyType(
    dict.fromkeys(("name", "realname", "contactname", "applicantname", "nickname"), mask_name)
    | dict.fromkeys(("idnumber", "idcard", "idno", "certno"), mask_id_number)
    | dict.fromkeys(("phone", "mobile", "tel", "phonenumber", "purephonenumber", "contactphone"), mask_phone)
    | dict.fromkeys(("bankcard", "cardnumber", "bankaccount"), mask_card)
    | dict.fromkeys(("openid", "unionid", "touser", "fromusername"), mask_openid)
    | dict.fromkeys(("token", "accesstoken", "refreshtoken", "sessiontoken", "sessionkey"), mask_secret)
    | dict.fromkeys(("secret", "appsecret", "apikey", "apiv3key", "privatekey", "password", "passwd"), mask_secret)
    | dict.fromkeys(("jscode", "smscode", "captcha", "authorization", "cookie", "setcookie", "address"), mask_secret)
    | dict.fromkeys(("birthdate", "birthday"), mask_secret)
    | {"code": _mask_code}
)


def scrub_value(value: object, masks: Masks = MASKS) -> object:
    """A copy of nested dicts and lists fit for a log: values under the keys of ``masks`` masked, other text scrubbed.

    ``masks``: from key, in lower case without hyphens and underscores, to mask. Keys are scrubbed as well. Dataclasses
    become dicts, tuples and sets lists, bytes their length, numbers, days, times and enum members themselves (long
    whole numbers are scrubbed like text), anything else its scrubbed str(). Deeper than 20 levels comes an ellipsis.
    """
    return _scrub_value(value, masks, _DEEPEST)


def _scrub_value(value: object, masks: Masks, depth: int) -> object:
    if isinstance(value, Enum) or value is None or isinstance(value, bool | float | date | time | timedelta):
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, int):
        scrubbed = scrub(str(value)) if abs(value) >= 10**10 else None
        return value if scrubbed is None or scrubbed == str(value) else scrubbed
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if not depth:
        return _TOO_DEEP
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name, None) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {scrub(str(key)): _scrub_under(str(key), each, masks, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrub_value(each, masks, depth - 1) for each in value]
    return scrub(str(value))


def _scrub_under(key: str, value: object, masks: Masks, depth: int) -> object:
    mask = masks.get(key.lower().replace("_", "").replace("-", ""))
    if mask is None:
        return _scrub_value(value, masks, depth)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, int):
        return mask(str(value))
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrub_under(key, each, masks, depth) for each in value]
    return _HIDDEN
