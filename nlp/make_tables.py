"""Makes the two character tables in ``nlp/data/`` from their sources; run by hand when a source has a new release.

    python -m nlp.make_tables path/to/TSCharacters.txt

- ``traditional.txt`` from OpenCC's TSCharacters.txt (Apache-2.0), as the PyPI package opencc-python-reimplemented
  0.1.7 carries it: the first, most frequent simplified form of each character.
- ``pinyin.txt`` from pypinyin 0.55 (MIT; readings of pinyin-data, MIT): syllables without tones. pypinyin itself is not
  a run-time dependency: importing it and its dictionaries costs more time and memory than the whole matcher may.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

DATA = Path(__file__).parent / "data"
FIRST, LAST = 0x4E00, 0x9FD5


def traditional(source: Path) -> str:
    """The lines of traditional.txt: pairs of characters, sixty pairs a line."""
    table: dict[str, str] = {}
    for line in source.read_text(encoding="utf-8").splitlines():
        key, _, values = line.partition("\t")
        value = values.split(" ")[0]
        if len(key) == len(value) == 1 and FIRST <= ord(key) <= LAST and FIRST <= ord(value) <= LAST:
            table[key] = value
    # A target that is itself a key would make the conversion depend on how often it is applied.
    pairs = []
    for key, value in sorted(table.items()):
        seen = {key}
        while value in table and value not in seen:
            seen.add(value)
            value = table[value]
        if value != key:
            pairs.append(key + value)
    head = "# Traditional -> simplified, in pairs. From OpenCC TSCharacters.txt, Apache-2.0; made by make_tables.\n"
    return head + "\n".join("".join(pairs[start : start + 60]) for start in range(0, len(pairs), 60)) + "\n"


def common(character: str) -> bool:
    """Whether GB2312 holds it: other readings are kept for these 6,763 characters only."""
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def pinyin() -> str:
    """The lines of pinyin.txt: syllable, a colon, characters; a second block after ``--`` holds the other readings."""
    from pypinyin import Style
    from pypinyin import pinyin as readings_of

    first: dict[str, list[str]] = defaultdict(list)
    other: dict[str, list[str]] = defaultdict(list)
    for code in range(FIRST, LAST + 1):
        character = chr(code)
        found = readings_of(character, style=Style.NORMAL, heteronym=True, errors="ignore", v_to_u=False)
        syllables = [s for s in dict.fromkeys(found[0] if found else ()) if s.isascii() and s.isalpha()]
        if not syllables:
            continue
        first[syllables[0]].append(character)
        if common(character):
            for syllable in syllables[1:3]:
                other[syllable].append(character)
    blocks = ["\n".join(f"{s}:{''.join(chars)}" for s, chars in sorted(block.items())) for block in (first, other)]
    head = "# Syllable without tone : characters. From pypinyin 0.55 / pinyin-data, MIT; made by make_tables.\n"
    return head + "\n--\n".join(blocks) + "\n"


def main() -> None:
    DATA.mkdir(exist_ok=True)
    (DATA / "traditional.txt").write_text(traditional(Path(sys.argv[1])), encoding="utf-8")
    (DATA / "pinyin.txt").write_text(pinyin(), encoding="utf-8")


if __name__ == "__main__":
    main()
