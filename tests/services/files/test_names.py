"""The name that people see is harmless on any system and ends as its content asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.files.model import ContentType
from services.files.names import MAX_NAME, shown_name


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("身份证正面.pdf", "身份证正面.pdf"),
        ("身份证 正面.PDF", "身份证 正面.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\王\\合同.pdf", "合同.pdf"),
        ("/tmp/..", "文件.pdf"),
        ("", "文件.pdf"),
        (".pdf", "文件.pdf"),
        ("invoice.exe", "invoice.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "a Set-Cookie x=1.pdf"),
        ("合同\u202efdp.exe", "合同fdp.pdf"),
        ("a\x00b<script>.pdf", "abscript.pdf"),
        ("租房合同.2026年", "租房合同.2026年.pdf"),
    ],
)
def test_a_name_is_made_harmless(sent: str, shown: str) -> None:
    assert shown_name(sent, ContentType.PDF) == shown


def test_a_name_of_300_characters_is_cut_and_keeps_its_ending() -> None:
    shown = shown_name("长" * 300 + ".jpeg", ContentType.JPEG)
    assert len(shown) == MAX_NAME
    assert shown.endswith("长.jpeg")


@given(st.text(max_size=400))
def test_any_name_becomes_a_short_printable_one_without_a_path(sent: str) -> None:
    shown = shown_name(sent, ContentType.PNG)
    assert 4 < len(shown) <= MAX_NAME
    assert shown.endswith(".png")
    assert shown.isprintable()
    assert not set(shown) & set('/\\<>:"|?*')
