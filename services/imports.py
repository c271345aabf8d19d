"""Reading files of records: every line is checked, every rejected line is reported, and nothing is half-imported."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

# A larger file is refused whole: an import is one transaction, which MongoDB bounds in time.
MAX_LINES = 5000


@dataclass(frozen=True)
class Rejection:
    """Why one line was refused."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.reason}"


@dataclass
class Parsed(Generic[T]):
    """The records of a file, or what is wrong with it. A file with one rejection is not imported at all."""

    records: list[T] = field(default_factory=list)
    # The line of each record.
    lines: list[int] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.rejections


def parse(
    text: str | bytes,
    type_: type[T],
    faults: Callable[[T], Iterable[tuple[str, str]]],
    key: Callable[[T], str],
    *,
    as_csv: bool = False,
    key_field: str = "code",
) -> Parsed[T]:
    """Reads JSONL (one object a line) or CSV (header of field names; lists and objects as JSON in their cell).

    ``faults`` gives the broken rules of one record, ``key`` what must be unique in the file, under the name
    ``key_field``.
    """
    parsed: Parsed[T] = Parsed()
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1 if isinstance(text, bytes) else 1
        return Parsed(rejections=[Rejection(line, "file", "文件不是 UTF-8 编码，请另存为 UTF-8 后再导入")])
    seen: dict[str, int] = {}
    for number, raw in _csv_lines(decoded) if as_csv else _json_lines(decoded):
        if number > MAX_LINES + 1:
            return Parsed(rejections=[Rejection(number, "file", f"超过 {MAX_LINES} 行，请分成几个文件")])
        record = _record(number, raw, type_, parsed.rejections, lenient=as_csv)
        if record is None:
            continue
        wrong = [Rejection(number, name, reason) for name, reason in faults(record)]
        first = seen.setdefault(key(record), number)
        if first != number:
            wrong.append(Rejection(number, key_field, f"与第 {first} 行重复"))
        parsed.rejections += wrong
        if not wrong:
            parsed.records.append(record)
            parsed.lines.append(number)
    if not parsed.records and not parsed.rejections:
        parsed.rejections.append(Rejection(1, "file", "文件里没有记录"))
    return parsed


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


def _csv_lines(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        yield reader.line_num, error


def _record(number: int, raw: Any, type_: type[T], rejections: list[Rejection], *, lenient: bool) -> T | None:
    try:
        if isinstance(raw, csv.Error):
            raise msgspec.DecodeError(str(raw))
        if isinstance(raw, str):
            return msgspec.json.decode(raw, type=type_)
        return msgspec.convert(_cells(raw), type_, strict=not lenient)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        name = path.rstrip("`").removeprefix("$.")
        quoted = reason.split("`")
        if not name and "field" in reason and len(quoted) > 1:
            name = quoted[1]
        rejections.append(Rejection(number, name or "line", f"内容不符合要求（{reason}）"))
    except (msgspec.DecodeError, json.JSONDecodeError) as error:
        rejections.append(Rejection(number, "line", f"这一行读不出来（{error}）"))
    return None


def _cells(row: dict[str | None, Any]) -> dict[str, Any]:
    """A CSV row as an object: empty cells are left out, cells that look like JSON lists or objects are read as such."""
    if None in row:
        raise msgspec.DecodeError("列数比表头多")
    cells: dict[str, Any] = {}
    for name, text in row.items():
        if text is None or text.strip() == "":
            continue
        cells[str(name)] = json.loads(text) if text.strip()[0] in "[{" else text
    return cells
