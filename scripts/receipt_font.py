"""Makes services/payments/fonts/NotoSansSC-subset.ttf from Noto Sans SC Regular; needs ``fonttools`` installed.

    python scripts/receipt_font.py NotoSansSC_400Regular.ttf

The source is on npm: @expo-google-fonts/noto-sans-sc 0.4.3, 400Regular. Run again when data/ has new characters that
tests/services/payments/test_receipts.py misses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "services" / "payments" / "fonts" / "NotoSansSC-subset.ttf"
MARKS = "·—‘’“”…、。〈〉《》「」『』【】〔〕〓〇￥¥（），：；！？％＋－×÷±℃№"
CAPITALS = "零壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整"


def gb2312() -> Iterator[str]:
    """Every character of GB 2312, both levels of Chinese characters and the marks."""
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                yield bytes([high, low]).decode("gb2312")
            except UnicodeDecodeError:
                continue


def main(source: str) -> None:
    characters = set(gb2312()) | set(map(chr, range(0x20, 0x7F))) | set(MARKS) | set(CAPITALS)
    for file in (ROOT / "data").rglob("*.json*"):
        characters |= set(file.read_text(encoding="utf-8"))
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14]
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG", "STAT", "DSIG", "kern"]
    options.notdef_outline = True
    font = TTFont(source)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(character) for character in characters])
    subsetter.subset(font)
    font.save(TARGET)
    sys.stdout.write(f"{len(font.getGlyphOrder())} glyphs, {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1])
