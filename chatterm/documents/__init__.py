"""Reads what is piped or named with -f, whole or not at all, and says how it stands in a message.

Knows bytes and encodings. Does not know prompts, models or the store.
"""

from chatterm.documents.about import about, reading_report
from chatterm.documents.fence import fence
from chatterm.documents.gather import check_total, read_all
from chatterm.documents.places import Pages, pages_of, without_page_marks
from chatterm.documents.read import CAP_BYTES, read_file, read_stream

__all__ = [
    "CAP_BYTES",
    "Pages",
    "about",
    "check_total",
    "fence",
    "pages_of",
    "read_all",
    "read_file",
    "read_stream",
    "reading_report",
    "without_page_marks",
]
