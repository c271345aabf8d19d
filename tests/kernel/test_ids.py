import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import ALPHABET, RANDOM_LENGTH, Ids, Kind, check_character, normalise

KINDS = st.sampled_from(Kind)
IDS = st.builds(
    lambda kind, seed: (kind, Ids(lambda length: seed[:length]).new(kind)),
    KINDS,
    st.binary(min_size=RANDOM_LENGTH, max_size=RANDOM_LENGTH),
)


def test_the_alphabet_is_crockfords_without_the_letters_that_are_misread() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_every_kind_has_two_capital_letters_of_its_own() -> None:
    assert all(len(kind) == 2 and kind.isascii() and kind.isupper() for kind in Kind)
    assert len(set(Kind)) == len(Kind.__members__)


@given(IDS)
def test_a_new_id_is_its_kind_15_characters_and_a_check_character(made: tuple[Kind, str]) -> None:
    kind, text = made
    assert text.startswith(kind.value)
    assert len(text) == 2 + RANDOM_LENGTH + 1
    assert set(text[2:]) <= set(ALPHABET)
    assert normalise(text, kind) == text


@given(IDS, st.data())
def test_the_check_character_catches_every_single_substitution(made: tuple[Kind, str], data: st.DataObject) -> None:
    kind, text = made
    position = data.draw(st.integers(2, len(text) - 1))
    for other in ALPHABET.replace(text[position], ""):
        assert normalise(text[:position] + other + text[position + 1 :], kind) is None


def test_the_check_character_catches_every_substitution_at_every_place_of_one_id() -> None:
    text = Ids(lambda length: bytes(range(length))).new(Kind.BOOKING)
    for position in range(2, len(text)):
        for other in ALPHABET.replace(text[position], ""):
            assert normalise(text[:position] + other + text[position + 1 :], Kind.BOOKING) is None


@given(IDS, st.data())
def test_swapped_neighbours_are_caught_but_for_the_known_pair(made: tuple[Kind, str], data: st.DataObject) -> None:
    # Luhn mod N misses the swap of the first and the last value of its alphabet (09 and 90 in Luhn mod 10).
    kind, text = made
    position = data.draw(st.integers(2, len(text) - 2))
    left, right = text[position], text[position + 1]
    if left != right and {left, right} != {ALPHABET[0], ALPHABET[-1]}:
        assert normalise(text[:position] + right + left + text[position + 2 :], kind) is None


@given(IDS)
def test_normalising_forgives_case_spaces_hyphens_and_misread_letters(made: tuple[Kind, str]) -> None:
    kind, text = made
    misread = text[:2] + text[2:].replace("0", "O").replace("1", "l")
    assert normalise(misread, kind) == text
    assert normalise(text[:2] + text[2:].replace("1", "i"), kind) == text
    assert normalise(text.lower(), kind) == text
    assert normalise(f"  {text[:2]}-{text[2:7]} {text[7:12]}-{text[12:]}\n", kind) == text


@given(IDS, KINDS)
def test_an_id_of_another_kind_is_none_of_this_one(made: tuple[Kind, str], other: Kind) -> None:
    kind, text = made
    assert normalise(text, other) == (text if other is kind else None)


@pytest.mark.parametrize("text", ["", "BK", "BK0", "BK" + "0" * 15, "BK" + "0" * 17, "BK" + "U" * 16, "BK" + "０" * 16])
def test_what_has_not_the_shape_of_an_id_is_none(text: str) -> None:
    assert normalise(text, Kind.BOOKING) is None


@given(st.text(), KINDS)
def test_normalising_any_text_gives_none_or_an_id_that_stays_itself(text: str, kind: Kind) -> None:
    canonical = normalise(text, kind)
    assert canonical is None or normalise(canonical, kind) == canonical


@given(st.text(alphabet=ALPHABET, min_size=1))
def test_the_check_character_belongs_to_the_alphabet(text: str) -> None:
    assert check_character(text) in ALPHABET


def test_every_random_byte_value_reaches_every_character_equally() -> None:
    made = [Ids(lambda length, byte=byte: bytes([byte]) * length).new(Kind.EVENT)[2] for byte in range(256)]  # type: ignore[misc]
    assert {character: made.count(character) for character in set(made)} == dict.fromkeys(ALPHABET, 8)


def test_a_token_is_256_bits_in_hexadecimal() -> None:
    token = Ids().token()
    assert len(token) == 64
    assert len(bytes.fromhex(token)) == 32
    assert token != Ids().token()
