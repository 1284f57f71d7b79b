"""Bytes to text: byte order marks, UTF-16/32, UTF-8, then a guess; or a refusal that names the byte.

Line ends become LF. Nothing is dropped: what cannot be decoded stands as U+FFFD, with a notice.
"""

import codecs

from chatterm.documents.guess import guess_legacy, guess_wide
from chatterm.errors import InputRefused

MARKS = (
    # UTF-32 LE first: its mark starts with that of UTF-16 LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def decode(data: bytearray, name: str, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text of `data` and notices of what had to be replaced or guessed.

    `declared`: the encoding that the text itself names, which is taken before one is guessed.

    Raises InputRefused where the bytes are no text: NUL bytes, or more than a tenth of the text undecodable.
    `data` is emptied as soon as it is decoded, to keep memory low.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            del data[: len(mark)]
            return _decode_as(data, encoding, name, offset=len(mark))
    nul = data.find(0)
    if nul >= 0:
        wide = guess_wide(data)
        if wide is None:
            raise InputRefused(_binary(name, 0, nul))
        return _decode_as(data, wide, name)
    return _decode_unmarked(data, name, declared)


def _decode_unmarked(data: bytearray, name: str, declared: str | None) -> tuple[str, tuple[str, ...]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        encoding = "utf-8" if _is_mostly_utf8(data) else declared or guess_legacy(data)
    else:
        data.clear()
        return _normalised(text), ()
    if encoding is None or encoding in ("utf-8", declared):
        return _decode_as(data, encoding or "utf-8", name)
    text, notices = _decode_as(data, encoding, name)
    guessed = f"{name} is not UTF-8; it was read as {encoding.upper()}, a guess from its bytes"
    return text, (guessed, *notices)


def _decode_as(data: bytearray, encoding: str, name: str, offset: int = 0) -> tuple[str, tuple[str, ...]]:
    """Decode, replacing what is wrong; `offset` bytes stood before `data` in the file."""
    text, num_bad, first = _replaced(data, encoding)
    if num_bad * 10 > len(text):
        raise InputRefused(_binary(name, data[first], first + offset))
    if "\0" in text:
        # counted in the encoding's own bytes: what stands before may be multi-byte
        raise InputRefused(_binary(name, 0, len(text[: text.index("\0")].encode(encoding)) + offset))
    data.clear()
    return _normalised(text), _replacement_notice(name, encoding, num_bad, first + offset)


def _replaced(data: bytearray, encoding: str) -> tuple[str, int, int]:
    """Return the text, how many U+FFFD decoding put in, and the offset of the first undecodable byte."""
    try:
        return data.decode(encoding), 0, 0
    except UnicodeDecodeError as error:
        text = data.decode(encoding, errors="replace")
        genuine = data.decode(encoding, errors="ignore").count(_REPLACEMENT)
        return text, text.count(_REPLACEMENT) - genuine, error.start


def _is_mostly_utf8(data: bytearray) -> bool:
    """Whether the characters beyond ASCII are mostly sound UTF-8, so that a few bytes are broken, no more.

    Text in GBK or Latin-1 holds sound multi-byte sequences by accident only.
    """
    text = data.decode("utf-8", errors="replace")
    num_broken = text.count(_REPLACEMENT)
    num_beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    return num_beyond_ascii - num_broken > 2 * num_broken


def _normalised(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _binary(name: str, byte: int, offset: int) -> str:
    return (
        f"{name} is not text: byte 0x{byte:02x} at offset {offset:,}; "
        "only text is read (UTF-8 is best), so convert it first"
    )


def _replacement_notice(name: str, encoding: str, num_bad: int, first: int) -> tuple[str, ...]:
    if not num_bad:
        return ()
    places = "1 place" if num_bad == 1 else f"{num_bad:,} places"
    return (
        f"{name} is not sound {encoding.upper()} in {places}, "
        f"each replaced by {_REPLACEMENT}; the first is at byte {first:,}",
    )
