"""What a file is, decided by its bytes: the whole structure is walked, so that nothing passes for what it is not.

Decisions, for all files:

- JPEG, PNG and PDF are taken; the name and the declared type say nothing. Anything else is FILE_TYPE_NOT_ALLOWED; what
  begins as one of them and does not go on as one is FILE_DAMAGED.
- Telephones append video, depth or maker's data to a JPEG. What follows its end marker is cut off and not kept; markup
  there is refused: nobody but an attacker writes a picture that is a web page as well. A PNG ends with its IEND.
- A picture of more than 64 million points is refused by its header, before anybody unpacks it.
- A PDF that runs scripts, starts programs or plays media is refused: no document that an office asks for does. One
  that carries other files is kept and flagged: tax invoices and bank vouchers carry their data so
  (电子凭证会计数据标准). So is one that is encrypted, which many official ones are without asking for a password.
  This is a filter, no virus scanner.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import NoReturn

from kernel.errors import Code, InvalidInput
from services.files.model import ContentType, Flag

# 48 and 50 million points are what telephones take today.
MAX_PIXELS = 64_000_000

_MARKUP = re.compile(rb"<\s*(?:!doctype|html|head|body|script|svg|iframe|img|\?xml|\?php)", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """What a file is, the bytes to keep, and what to say about it."""

    content_type: ContentType
    data: bytes
    flags: tuple[Flag, ...] = ()


def inspect(data: bytes) -> Content:
    """Tells what the bytes are. Raises InvalidInput FILE_TYPE_NOT_ALLOWED or FILE_DAMAGED with field and reason."""
    if not data:
        _damaged("empty")
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"%PDF-"):
        return _pdf(data)
    raise InvalidInput(Code.FILE_TYPE_NOT_ALLOWED, field="file", reason="unknown_type")


def _damaged(reason: str) -> NoReturn:
    raise InvalidInput(Code.FILE_DAMAGED, field="file", reason=reason)


def _refused(reason: str) -> NoReturn:
    raise InvalidInput(Code.FILE_TYPE_NOT_ALLOWED, field="file", reason=reason)


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        _damaged("no_size")
    if width * height > MAX_PIXELS:
        detail = f"图片尺寸太大（{width}×{height}），请缩小到 {MAX_PIXELS // 1_000_000}00 万像素以内再上传。"
        raise InvalidInput(Code.FILE_TYPE_NOT_ALLOWED, detail, field="file", reason="too_many_pixels")


_PNG = b"\x89PNG\r\n\x1a\n"
# Colour type -> bit depths (PNG specification, table 11.1).
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def _png(data: bytes) -> Content:
    """Walks the chunks: length, type, data and CRC of each; IHDR first, IDAT somewhere, IEND last, nothing after."""
    position, seen_data, view = len(_PNG), False, memoryview(data)
    while position < len(data):
        if position + 12 > len(data):
            _damaged("truncated")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            _damaged("truncated")
        if zlib.crc32(view[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            _damaged("checksum")
        if (kind == b"IHDR") != (position == len(_PNG)):
            _damaged("header")
        if kind == b"IHDR":
            _png_header(data, position + 8, length)
        seen_data = seen_data or kind == b"IDAT"
        position = end
        if kind == b"IEND":
            if length or not seen_data:
                _damaged("no_picture")
            if position != len(data):
                _refused("data_after_the_end")
            return Content(ContentType.PNG, data)
    _damaged("truncated")


def _png_header(data: bytes, position: int, length: int) -> None:
    if length != 13:
        _damaged("header")
    width, height, depth, colour, compression, filter_, interlace = struct.unpack_from(">IIBBBBB", data, position)
    if depth not in _PNG_DEPTHS.get(colour, ()) or compression or filter_ or interlace > 1:
        _damaged("header")
    _check_size(width, height)


# Frame headers; C4, C8 and CC are tables and an extension.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In the coded picture, FF 00 is a byte and FF D0 to FF D7 restart the decoder; anything else is the next segment.
_JPEG_NEXT = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)


def _jpeg(data: bytes) -> Content:
    """Walks the segments from the start marker to the end marker, over the coded picture between them."""
    position, framed, scanned = 2, False, False
    while True:
        position, marker = _jpeg_marker(data, position)
        if marker == 0xD9:
            break
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            _damaged("segment")
        if position + 2 > len(data):
            _damaged("truncated")
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2 or position + length > len(data):
            _damaged("truncated")
        if marker in _JPEG_FRAMES:
            if length < 8 or framed:
                _damaged("header")
            height, width = struct.unpack_from(">HH", data, position + 3)
            _check_size(width, height)
            framed = True
        position += length
        if marker == 0xDA:
            if not framed:
                _damaged("header")
            scanned = True
            following = _JPEG_NEXT.search(data, position)
            if following is None:
                _damaged("truncated")
            position = following.start()
    if not scanned:
        _damaged("no_picture")
    if _MARKUP.search(data, position):
        _refused("data_after_the_end")
    return Content(ContentType.JPEG, data[:position])


def _jpeg_marker(data: bytes, position: int) -> tuple[int, int]:
    """(position after the marker, marker); any number of FF may stand before it."""
    if position >= len(data):
        _damaged("truncated")
    if data[position] != 0xFF:
        _damaged("segment")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        _damaged("truncated")
    return position + 1, data[position]


def _pdf_name(name: str) -> str:
    """A pattern for a name, of which any character may be written as # and two hexadecimal digits."""
    spelt = "".join(f"(?:{re.escape(c)}|#{ord(c):02x}|#{ord(c):02X})" for c in name)
    return rf"/{spelt}(?![A-Za-z0-9])"


_PDF_HEADER = re.compile(rb"%PDF-[12]\.[0-9]")
_PDF_END = re.compile(rb"startxref\s+[0-9]+\s+%%EOF[\s\x00]*\Z")
_PDF_ACTIVE = re.compile("|".join(map(_pdf_name, ("JavaScript", "Launch", "RichMedia", "Movie", "Sound"))).encode())
_PDF_ATTACHMENTS = re.compile("|".join(map(_pdf_name, ("EmbeddedFile", "EmbeddedFiles"))).encode())
_PDF_ENCRYPTED = re.compile(_pdf_name("Encrypt").encode())
# Objects may lie in compressed streams, whose own dictionary never does.
_PDF_OBJECT_STREAM = re.compile(_pdf_name("ObjStm").encode())
_PDF_STREAM = re.compile(rb"stream\r?\n")
# Unpacked at most, of one stream and of all: the objects of a scanned document are a few hundred kilobytes.
_UNPACKED = 16 * 1024 * 1024
_UNPACKED_IN_ALL = 64 * 1024 * 1024


def _pdf(data: bytes) -> Content:
    """A header at the very start, a cross-reference and an end mark at the very end, and no active content."""
    if not _PDF_HEADER.match(data):
        _damaged("header")
    if not _PDF_END.search(data, max(0, len(data) - 2048)):
        _damaged("truncated")
    if b" obj" not in data:
        _damaged("no_objects")
    flags = set()
    if _PDF_ENCRYPTED.search(data):
        flags.add(Flag.ENCRYPTED)
    texts, complete = _pdf_objects(data)
    if not complete and Flag.ENCRYPTED not in flags:
        flags.add(Flag.UNREADABLE)
    for text in (data, *texts):
        if _PDF_ACTIVE.search(text):
            _refused("active_content")
        if _PDF_ATTACHMENTS.search(text):
            flags.add(Flag.ATTACHMENTS)
    return Content(ContentType.PDF, data, tuple(sorted(flags)))


def _pdf_objects(data: bytes) -> tuple[list[bytes], bool]:
    """The unpacked object streams, and whether all of them could be unpacked."""
    texts: list[bytes] = []
    room, complete = _UNPACKED_IN_ALL, True
    for found in _PDF_OBJECT_STREAM.finditer(data):
        start = _PDF_STREAM.search(data, found.end(), found.end() + 2048)
        if start is None:
            complete = False
            continue
        unpacking = zlib.decompressobj()
        try:
            text = unpacking.decompress(data[start.end() :], min(_UNPACKED, room))
        except zlib.error:
            complete = False
            continue
        texts.append(text)
        room -= len(text)
        if unpacking.unconsumed_tail or not unpacking.eof:
            complete = False
        if room <= 0:
            return texts, False
    return texts, complete
