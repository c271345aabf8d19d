"""The name that people see: what the sender called the file, made harmless."""

from __future__ import annotations

import re
import unicodedata

from services.files.model import EXTENSIONS, ContentType

MAX_NAME = 80
# Windows keeps these for itself; officers save files on Windows.
_RESERVED = re.compile(r'[<>:"|?*]')
_WORDS = re.compile(r"\s+")
# An extension of a name, right or wrong.
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def shown_name(name: str, content_type: ContentType) -> str:
    """The last part of a path, without control, invisible and direction-turning characters ("fdp.exe" that reads
    "exe.pdf"), at most 80 characters, ending as its content asks. An empty name becomes 文件."""
    last = unicodedata.normalize("NFC", name[-1000:]).replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(" " if c.isspace() else c for c in last if c.isspace() or unicodedata.category(c)[0] != "C")
    clean = _WORDS.sub(" ", _RESERVED.sub("", visible)).strip().rstrip(" .")
    allowed = EXTENSIONS[content_type]
    found = _EXTENSION.search(clean)
    ending = found.group().lower() if found else ""
    stem = clean[: -len(ending)].strip(" .") if ending else clean
    kept = ending if ending in allowed else allowed[0]
    return (stem[: MAX_NAME - len(kept)].strip(" .") or "文件") + kept
