"""A file is what its bytes are: what is whole passes, whatever else it claims to be does not."""

from __future__ import annotations

import secrets
import time

import pytest

from kernel.errors import Code, InvalidInput
from services.files.content import MAX_PIXELS, inspect
from services.files.model import ContentType, Flag
from tests.services.files.samples import chunk, jpeg, object_stream, pdf, png, segment

HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
TYPE, DAMAGED = Code.FILE_TYPE_NOT_ALLOWED, Code.FILE_DAMAGED
PNG_MARK = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(), ContentType.PNG),
        (png(extra=chunk(b"tEXt", b"Comment\0" + HTML)), ContentType.PNG),
        (jpeg(), ContentType.JPEG),
        (pdf(), ContentType.PDF),
        (pdf(tail=b"\r\n\x00\x00"), ContentType.PDF),
    ],
)
def test_a_whole_file_is_told_by_its_content(data: bytes, expected: ContentType) -> None:
    found = inspect(data)
    assert (found.content_type, found.data, found.flags) == (expected, data, ())


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", DAMAGED, "empty"),
        (HTML, TYPE, "unknown_type"),
        (b"GIF89a" + b"\0" * 20, TYPE, "unknown_type"),
        (b"PK\3\4" + b"\0" * 20, TYPE, "unknown_type"),
        (b"<svg onload=alert(1)>", TYPE, "unknown_type"),
        (b" " + png(), TYPE, "unknown_type"),
        # A PNG by its first bytes and an HTML page by all others.
        (PNG_MARK + HTML, DAMAGED, "truncated"),
        (PNG_MARK + HTML * 10**5, DAMAGED, "truncated"),
        (PNG_MARK + chunk(b"tEXt", HTML), DAMAGED, "header"),
        (png() + HTML, TYPE, "data_after_the_end"),
        (png()[:-1], DAMAGED, "truncated"),
        (png()[:40], DAMAGED, "truncated"),
        (PNG_MARK, DAMAGED, "truncated"),
        (png().replace(b"IDAT", b"IDAX"), DAMAGED, "checksum"),
        (png()[:20] + b"\x7f" + png()[21:], DAMAGED, "checksum"),
        (png(extra=chunk(b"IHDR", b"\0" * 13)), DAMAGED, "header"),
        (PNG_MARK + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\x05\0\0\0"), DAMAGED, "header"),
        (png(width=0), DAMAGED, "no_size"),
        (png(width=30_000, height=30_000, pixels=b"\0"), TYPE, "too_many_pixels"),
        (jpeg()[:-2], DAMAGED, "truncated"),
        (jpeg()[:30], DAMAGED, "truncated"),
        (b"\xff\xd8\xff", DAMAGED, "truncated"),
        (b"\xff\xd8\xff\xd9", DAMAGED, "no_picture"),
        (b"\xff\xd8\xff\xe0" + HTML, DAMAGED, "truncated"),
        (jpeg(tail=HTML), TYPE, "data_after_the_end"),
        (jpeg(tail=b"\0" * 99 + b"< ScRiPt src=x>"), TYPE, "data_after_the_end"),
        (jpeg(width=65_000, height=65_000), TYPE, "too_many_pixels"),
        (jpeg(height=0), DAMAGED, "no_size"),
        (b"\xff\xd8" + segment(0xDA, b"\0" * 6) + b"\xff\xd9", DAMAGED, "header"),
        (b"%PDF-" + HTML, DAMAGED, "header"),
        (pdf()[:-10], DAMAGED, "truncated"),
        (pdf(tail=HTML), DAMAGED, "truncated"),
        (b"%PDF-1.4\nstartxref\n0\n%%EOF", DAMAGED, "no_objects"),
        (HTML + pdf(), TYPE, "unknown_type"),
        (pdf(b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"), TYPE, "active_content"),
        (pdf(b"<< /S /J#61vaScr#69pt /JS 9 0 R >>"), TYPE, "active_content"),
        (pdf(b"<</S/Launch/F(cmd.exe)>>"), TYPE, "active_content"),
        (pdf(object_stream(b"9 0 << /S /JavaScript /JS 8 0 R >>")), TYPE, "active_content"),
    ],
)
def test_what_is_not_a_whole_and_harmless_file_is_refused_with_the_reason(data: bytes, code: Code, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        inspect(data)
    assert (refused.value.code, refused.value.fields["reason"]) == (code, reason)
    assert refused.value.fields["field"] == "file"


def test_no_beginning_of_a_file_passes_for_a_file() -> None:
    for whole in (png(), jpeg(), pdf(tail=b"")):
        for length in range(len(whole)):
            with pytest.raises(InvalidInput):
                inspect(whole[:length])


def test_what_a_telephone_appends_to_a_picture_is_not_kept() -> None:
    assert inspect(jpeg(tail=b"ftypmp42" + b"\0\1\2" * 99)).data == jpeg()


def test_a_progressive_picture_with_several_scans_passes() -> None:
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x01\xff\xd7\x02"
    several = (
        jpeg()[:-2] + segment(0xC4, b"\0" * 17) + scan + b"\xff\xff" + segment(0xFE, b"x")[1:] + scan + b"\xff\xd9"
    )
    assert inspect(several).data == several


def test_the_largest_picture_that_telephones_take_passes() -> None:
    assert MAX_PIXELS > 8160 * 6144
    assert inspect(jpeg(width=8160, height=6144)).content_type is ContentType.JPEG


@pytest.mark.parametrize(
    ("data", "flags"),
    [
        (pdf(b"<< /Type /EmbeddedFile /Length 0 >>"), (Flag.ATTACHMENTS,)),
        (pdf(object_stream(b"9 0 << /Names << /EmbeddedFiles 8 0 R >> >>")), (Flag.ATTACHMENTS,)),
        (pdf(b"<< /Encrypt 5 0 R >>"), (Flag.ENCRYPTED,)),
        (pdf(b"<< /Type /ObjStm /Filter /LZWDecode >>\nstream\nxxxx\nendstream"), (Flag.UNREADABLE,)),
        (pdf(object_stream(b"9 0 << >>" + b" " * 20_000_000)), (Flag.UNREADABLE,)),
    ],
)
def test_what_an_officer_should_know_of_a_pdf_is_flagged(data: bytes, flags: tuple[Flag, ...]) -> None:
    assert inspect(data).flags == flags


def test_the_largest_files_are_looked_through_in_no_time() -> None:
    coded = secrets.token_bytes(10_000_000).replace(b"\xff", b"\xff\x00")
    for data in (jpeg(coded=coded), png(extra=chunk(b"juNk", coded)), pdf(b"<< >>\nstream\n" + coded + b"\nendstream")):
        started = time.thread_time()
        inspect(data)
        assert time.thread_time() - started < 1.5
