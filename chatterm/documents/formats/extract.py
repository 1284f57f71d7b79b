"""Bytes of a format to text: the parent's side of the child process that reads them."""

from dataclasses import dataclass

from chatterm.confined import ChildFailed, Limits, run_confined
from chatterm.documents.formats.extracted import MAX_TEXT_BYTES, Extracted, Unreadable, unpacked
from chatterm.documents.formats.kinds import Kind
from chatterm.errors import InputRefused

_MEMORY = 2**30
_OUTPUT = MAX_TEXT_BYTES + 2**16


@dataclass(frozen=True, slots=True)
class _Reader:
    function: str
    packages: tuple[str, ...]
    limits: Limits


_LONG = Limits(cpu_s=60, memory=_MEMORY, output=_OUTPUT, patience_s=300)
"""A PDF of 2,000 full pages takes 3 s and a DOCX of 8 MB of text takes 6 s."""
_SHORT = Limits(cpu_s=20, memory=_MEMORY, output=_OUTPUT, patience_s=120)
"""A page of 16 MB takes 8 s."""
_READERS: dict[Kind, _Reader] = {
    "pdf": _Reader("chatterm.documents.formats.pdf:read_pdf", ("pypdfium2", "pypdfium2_raw"), _LONG),
    "docx": _Reader("chatterm.documents.formats.docx:read_docx", ("mammoth", "cobble", "selectolax"), _LONG),
    "html": _Reader("chatterm.documents.formats.html:read_html", ("selectolax",), _SHORT),
}
_ADVICE = "save it again with another program, cut it into parts, or give its text"


def extract(data: bytes | bytearray, kind: Kind, name: str) -> Extracted:
    """Return the text of a PDF, a DOCX or of HTML in UTF-8. Raises InputRefused, naming `name`."""
    reader = _READERS[kind]
    try:
        found = unpacked(run_confined(reader.function, reader.packages, data, reader.limits))
    except Unreadable as refusal:
        raise InputRefused(f"{name} {refusal}") from refusal
    except ChildFailed as failure:
        raise InputRefused(f"{name} {_why(failure, reader.limits)}; {_ADVICE}") from failure
    return Extracted(found.text, tuple(f"{name} {notice}" for notice in found.notices))


def _why(failure: ChildFailed, limits: Limits) -> str:
    match failure.why:
        case "time":
            return f"takes more than {limits.cpu_s} s to read"
        case "memory":
            return f"takes more than {limits.memory >> 20} MB of memory to read"
        case "output":
            return f"holds more than {MAX_TEXT_BYTES:,} bytes of text, the most that is read"
        case "crash":
            return "breaks what reads it, as a damaged or hostile file does"
