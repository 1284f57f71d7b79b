"""What kind of file some bytes are: by the bytes first, by the name second. Refuses what is not read."""

import codecs
import re
from pathlib import PurePath
from typing import Literal

from chatterm.documents.decode import MARKS
from chatterm.documents.guess import guess_wide
from chatterm.errors import InputRefused

Kind = Literal["text", "html", "pdf", "docx"]

_DOCUMENT = "save it as .docx or PDF, or as text"
_SHEET = "save the sheet as .csv"
_SLIDES = "save the slides as PDF"
_BOOK = "convert it to .html or .txt, e.g. with ebook-convert"
_PICTURE = "run OCR first, e.g. with tesseract, and give the text"
_ARCHIVE = "unpack it and name the files or the folder"
_SOUND = "transcribe it first, and give the text"

_OFFICE = {
    "an old Word document": ("doc", _DOCUMENT),
    "an Excel workbook": ("xls xlsx xlsm xlsb", _SHEET),
    "a PowerPoint file": ("ppt pptx pps ppsx", _SLIDES),
    "an OpenDocument text": ("odt ott", _DOCUMENT),
    "an OpenDocument spreadsheet": ("ods", _SHEET),
    "an OpenDocument presentation": ("odp", _SLIDES),
    "a Rich Text file": ("rtf", _DOCUMENT),
    "encrypted": ("encrypted", "save a copy without its password first"),
    "an e-book": ("epub mobi azw azw3", _BOOK),
}
_OTHERS = {
    "a picture": ("png jpg jpeg gif webp bmp tif tiff heic avif ico psd", _PICTURE),
    "an archive": ("zip tar gz tgz bz2 xz zst 7z rar jar whl", _ARCHIVE),
    "sound or video": ("mp3 m4a wav ogg oga flac opus mp4 m4v mkv webm avi mov", _SOUND),
}
_BY_SUFFIX = {
    suffix: (what, advice)
    for what, (suffixes, advice) in (_OFFICE | _OTHERS).items()
    for suffix in suffixes.split()
}

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (rb"\{\\rtf", "rtf"),
    (rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|BM.{4}\0{4}|II\*\0|MM\0\*", "png"),
    (rb"RIFF.{4}WEBP|.{4}ftyp(?:heic|avif|mif1)", "png"),
    (rb"\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|.{257}ustar", "zip"),
    (rb"ID3[\x02-\x04]|RIFF.{4}(?:WAVE|AVI )|OggS|fLaC|\x1aE\xdf\xa3|.{4}ftyp", "mp3"),
)  # fmt: skip
_ENTRY = rb"PK(?:\x01\x02.{42}|\x03\x04.{26})"
"""Before the name of a file in an archive: in its directory, or before its content where that is missing."""
_PACKED = tuple(
    (re.compile(_ENTRY + beginning, re.DOTALL), kind)
    for beginning, kind in ((rb"word/document", "docx"), (rb"xl/", "xlsx"), (rb"ppt/", "pptx"))
)
_MIME_TYPES = (
    (b"application/epub+zip", "epub"),
    (b"application/vnd.oasis.opendocument.text", "odt"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "ods"),
    (b"application/vnd.oasis.opendocument.presentation", "odp"),
)

_HTML_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*+<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_NAMES = frozenset({"html", "htm", "xhtml", "shtml", "xht"})
_MAY_BE_HTML = _HTML_NAMES | {"", "asp", "aspx", "cgi", "php3"}
"""A page in a file of another name stands as it is: it may be a template, or its markup is asked for."""
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?\bcharset\s*=\s*["']?([\w.:-]{1,40})|<\?xml[^>]{0,100}?\bencoding=["']([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN_BYTES = 4096
_PROBE = b"<meta>+2AA-\\ud800"
"""Read as something else in UTF-16, `utf-7` and `unicode_escape`, and not at all by `hex` and `idna`."""
_AS_BROWSERS_DO = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
}
"""Labels that name the larger encoding (WHATWG Encoding, 4.2)."""
_PDF_HEAD_BYTES = 1024
_SHOWN_BYTES = 20


def kind_of(data: bytearray, name: str) -> Kind:
    """Return how `data` is to be read. Raises InputRefused, with what to do, for what is not read at all."""
    suffix = _suffix(name)
    head = data[:_PDF_HEAD_BYTES]
    if head.lstrip().startswith(b"%PDF-") or (suffix == "pdf" and b"%PDF-" in head):
        return "pdf"
    found = _found(data, suffix)
    if found == "docx":
        return "docx"
    if data and suffix in ("pdf", "docx") and found != "encrypted":
        raise InputRefused(_misnamed(data, name, suffix, found))
    if found or (data and suffix in _BY_SUFFIX):
        is_told_by_name = suffix in _BY_SUFFIX and found in ("", "zip")
        what, advice = _BY_SUFFIX[suffix if is_told_by_name else found]
        raise InputRefused(f"{name} is {what}, which is not read; {advice}")
    if suffix in _HTML_NAMES or (suffix in _MAY_BE_HTML and _HTML_HEAD.match(data[: 64 * 1024])):
        return "html"
    return "text"


def declared_encoding(data: bytearray) -> str | None:
    """Return the encoding that a page names at its beginning, in Python's words.

    None where it names none, or one in which ASCII is not written as it is.
    """
    found = _DECLARED.search(data[:_DECLARED_WITHIN_BYTES])
    if not found:
        return None
    name = next(filter(None, found.groups())).decode("ascii").lower()
    try:
        encoding = _AS_BROWSERS_DO.get(name) or codecs.lookup(name).name
        is_plain = (_PROBE + b"\xff").decode(encoding, "replace").startswith(_PROBE.decode())
    except (LookupError, UnicodeError):
        return None
    return encoding if is_plain else None


def may_be_read(head: bytes, name: str) -> bool:
    """Whether a file that begins with `head`, some thousand bytes, may hold text that is read."""
    suffix = _suffix(name)
    if head.startswith((b"%PDF-", *(mark for mark, _ in MARKS))):
        return True
    if head.startswith(b"PK\x03\x04"):
        return suffix == "docx"
    if _found(head, suffix):
        return False
    return b"\0" not in head or guess_wide(head) is not None


def is_refused_by_name(name: str) -> bool:
    """Whether nothing of that name is read, whatever it holds."""
    return _suffix(name) in _BY_SUFFIX


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower().removeprefix(".")


def _misnamed(data: bytearray, name: str, suffix: str, found: str) -> str:
    begins = bytes(data[:_SHOWN_BYTES]).decode("ascii", "replace")
    shown = "".join(c if c.isprintable() else "\ufffd" for c in begins)
    what = f"it is {_BY_SUFFIX[found][0]}" if found else f"it begins with {shown!r}"
    return f"{name} is no {suffix.upper()}: {what}; get it again, or give it the name of what it is"


def _found(data: bytes | bytearray, suffix: str) -> str:
    """Return the suffix that files of this kind have, or nothing."""
    if data.startswith(b"PK\x03\x04"):
        return _packed_kind(data)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            return "encrypted"
        return suffix if suffix in ("xls", "ppt") else "doc"
    head = bytes(data[:300])
    return next((kind for magic, kind in _MAGIC if re.match(magic, head, re.DOTALL)), "")


def _packed_kind(data: bytes | bytearray) -> str:
    """Tell what an archive is from the names in it, without unpacking it."""
    for entry, kind in _PACKED:
        if entry.search(data):
            return kind
    head = data[:200]
    return next((kind for mime_type, kind in _MIME_TYPES if mime_type in head), "zip")
