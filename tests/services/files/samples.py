"""Small real files: pictures with right checksums, a PDF with its cross-reference."""

from __future__ import annotations

import struct
import zlib


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 2, height: int = 2, extra: bytes = b"", pixels: bytes | None = None) -> bytes:
    """A grey PNG; ``extra`` chunks stand before the picture."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\x7f" * width) * height if pixels is None else pixels)
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(width: int = 8, height: int = 8, tail: bytes = b"", coded: bytes = b"\x12\xff\x00\x34\xff\xd0\x56") -> bytes:
    """The segments of a JPEG, with a stuffed byte and a restart marker in the coded picture."""
    frame = segment(0xC0, b"\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + coded
    tables = segment(0xDB, b"\0" * 65) + segment(0xC4, b"\0" * 17)
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + tables + frame + scan + b"\xff\xd9" + tail


def pdf(*objects: bytes, tail: bytes = b"\n") -> bytes:
    """A PDF of a catalogue and these objects."""
    text, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate((b"<< /Type /Catalog /Pages 2 0 R >>", *objects), 1):
        offsets.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(text)
    size = len(offsets) + 1
    text += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n" % (size, table, size)
    return text + b"startxref\n%d\n%%%%EOF" % start + tail


def object_stream(text: bytes) -> bytes:
    packed = zlib.compress(text)
    return b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (
        len(packed),
        packed,
    )
