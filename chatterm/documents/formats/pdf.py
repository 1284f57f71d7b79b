"""PDF to text, page by page, with PDFium. Runs in the child process: PDFium is written in C++.

PDFium gives the text in the order the file draws it, with the lines as they are printed: columns come one
after the other where the file was written so, which most are. Hidden and cut-off text is left out with what
lies outside the page.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chatterm.documents.formats.extracted import Extracted, Unreadable, bounded, packed, packed_refusal

if TYPE_CHECKING:
    import pypdfium2

_MAX_UNREADABLE = 0.1
"""Of a page's characters; beyond it its fonts do not tell which letters their glyphs are."""
_NUM_NAMED_PAGES = 8
_LINE_END = re.compile("\r\n?|[\u2028\u2029\x0b\x85]")
_HYPHENS = str.maketrans({"\x02": "-", "\ufffe": "-", "\xad": "-"})
"""PDFium's marks for a hyphen that ends a line."""


def read_pdf(data: bytes) -> bytes:
    """Return the packed text of a PDF, for the parent process."""
    try:
        return packed(_extracted(data))
    except Unreadable as refusal:
        return packed_refusal(str(refusal))


def _extracted(data: bytes) -> Extracted:
    document = _opened(data)
    pages = bounded(_pages(document))
    silent = [number for number, text in enumerate(pages, 1) if not text.strip()]
    if len(silent) == len(pages):
        raise Unreadable(
            f"has {_count(len(pages))} but no text; it is probably a scan: run OCR first, e.g. with ocrmypdf"
        )
    garbled = [number for number, text in enumerate(pages, 1) if _is_garbled(text)]
    return Extracted("\n\f".join(pages) + "\n", tuple(_notices(silent, garbled, len(pages))))


def _opened(data: bytes) -> "pypdfium2.PdfDocument":
    """Raises Unreadable where it is encrypted, or broken beyond what PDFium mends."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = pypdfium2.PdfDocument(data)
        num_pages = len(document)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Unreadable(
                "is encrypted; save a copy without its password first, e.g. with qpdf --decrypt"
            ) from error
        raise Unreadable(
            "is a broken PDF that cannot be opened; get it again, or mend it, e.g. with qpdf"
        ) from error
    if not num_pages:
        raise Unreadable("is a PDF without a page; get it again, or mend it, e.g. with qpdf")
    return document


def _pages(document: "pypdfium2.PdfDocument") -> Iterator[str]:
    """Yield the text of each page, without blank lines at its end; a page that cannot be read is empty."""
    import pypdfium2

    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            yield ""
            continue
        text_page = page.get_textpage()
        yield _tidy(text_page.get_text_bounded(errors="replace"))
        text_page.close()
        page.close()


def _tidy(text: str) -> str:
    lines = _LINE_END.sub("\n", text.translate(_HYPHENS)).replace("\f", " ").replace("\0", "\ufffd")
    return "\n".join(line.rstrip() for line in lines.split("\n")).rstrip()


def _is_garbled(text: str) -> bool:
    """Whether many of its characters stand for no letter: private, unassigned, control or replaced."""
    num_bad = sum(times for c, times in Counter(text).items() if c not in "\n\t" and _is_no_letter(c))
    return num_bad > _MAX_UNREADABLE * len(text)


def _is_no_letter(c: str) -> bool:
    return c == "\ufffd" or unicodedata.category(c) in ("Co", "Cn", "Cc")


def _notices(silent: Sequence[int], garbled: Sequence[int], num_pages: int) -> Iterator[str]:
    if silent:
        yield f"has no text on {_named(silent)} of {num_pages:,}: blank, a picture or a scan (run OCR)"
    if garbled:
        yield (
            f"does not say which letters its fonts draw on {_named(garbled)} of {num_pages:,}: "
            "what is read there is not what is seen; OCR reads it, e.g. ocrmypdf --force-ocr"
        )


def _named(pages: Sequence[int]) -> str:
    """Name a few pages: `page 3`, `pages 3, 4, 5 and 12 more`."""
    shown = ", ".join(f"{page:,}" for page in pages[:_NUM_NAMED_PAGES])
    more = len(pages) - _NUM_NAMED_PAGES
    return f"page{'s' * (len(pages) > 1)} {shown}{f' and {more:,} more' if more > 0 else ''}"


def _count(num_pages: int) -> str:
    return f"{num_pages:,} page{'s' * (num_pages > 1)}"
