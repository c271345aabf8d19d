import re

import pytest

from kernel import errors
from kernel.errors import ActionNotAllowed, BanshiError, Code, Conflict, InvalidInput, TooManyRequests

SUBCLASSES = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BanshiError)),
    key=lambda kind: kind.__name__,
)


def build(kind: type[BanshiError]) -> BanshiError:
    if kind is ActionNotAllowed:
        return ActionNotAllowed("booked", "check_in", ["cancel"])
    if kind is TooManyRequests:
        return TooManyRequests(1)
    return kind()


def drawn() -> dict[str, int]:
    """Class name -> status, as drawn in the module's docstring."""
    assert errors.__doc__ is not None
    return {name: int(status) for name, status in re.findall(r"── (\w+) +(\d{3})", errors.__doc__)}


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_every_code_has_an_error_status_and_a_whole_chinese_sentence(code: Code) -> None:
    assert 400 <= code.status <= 599
    assert code.sentence.endswith("。")
    assert re.search("[一-鿿]", code.sentence)


def test_no_code_is_an_alias_of_another() -> None:
    # Two members of an Enum with the same value are one member under two names.
    assert len(Code.__members__) == len(list(Code))


@pytest.mark.parametrize("kind", SUBCLASSES, ids=lambda kind: kind.__name__)
def test_every_error_without_a_code_takes_the_default_of_its_class(kind: type[BanshiError]) -> None:
    error = build(kind)
    assert error.code is kind.default
    assert error.status == kind.default.status
    assert error.detail == kind.default.sentence


def test_every_class_is_drawn_in_the_docstring_with_the_status_it_has() -> None:
    assert drawn() == {kind.__name__: kind.default.status for kind in SUBCLASSES if kind is not BanshiError}


def test_no_two_classes_share_a_default() -> None:
    assert len({kind.default for kind in SUBCLASSES}) == len(SUBCLASSES)


def test_a_refused_action_is_a_conflict_that_lists_the_actions_allowed_now_in_order() -> None:
    error = ActionNotAllowed("booked", "check_in", {"reschedule", "cancel"})
    assert isinstance(error, Conflict)
    assert error.status == 409
    assert error.fields == {"state": "booked", "action": "check_in", "allowed": ["cancel", "reschedule"]}


@pytest.mark.parametrize(("left", "told"), [(0, 1), (0.2, 1), (1, 1), (1.4, 2), (2.5, 3), (60, 60)])
def test_retry_after_is_rounded_up_so_that_coming_back_then_is_not_too_early(left: float, told: int) -> None:
    assert TooManyRequests(left).fields == {"retry_after": told}


def test_a_detail_replaces_the_general_sentence_and_the_code_stays() -> None:
    error = InvalidInput(Code.INVALID_PHONE, "少了一位。", field="$.phone")
    assert (error.code, error.detail, error.status) == (Code.INVALID_PHONE, "少了一位。", 400)
    assert error.fields == {"field": "$.phone"}


def test_the_text_of_an_error_names_its_code_and_its_fields() -> None:
    assert str(InvalidInput(field="$.a")) == f"INVALID_INPUT: {Code.INVALID_INPUT.sentence} {{'field': '$.a'}}"
    assert str(InvalidInput()) == f"INVALID_INPUT: {Code.INVALID_INPUT.sentence}"
