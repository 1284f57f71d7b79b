"""Holds the markup of a reply against its source's: code, links, tags, placeholders, headings, list items.

What a source has so many times, a reply that keeps its structure has as often.
"""

import re
from collections import Counter
from collections.abc import Iterator

from chatterm.checks.findings import Finding
from chatterm.checks.sources import Source

_PLACEHOLDER = r"\{\{ ?[\w.]{1,60} ?\}\}|\$?\{[\w.]{0,60}\}|%(?:\([\w.]{1,60}\))?[sdif](?![A-Za-z])|%\d\$[sd]"
_KEPT = re.compile(
    r"`[^`\n]{1,200}`|https?://[^\s<>\")\]，。]{1,300}|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}"
    r"|</?[A-Za-z][A-Za-z0-9]{0,15}(?: [^<>\n]{0,200})?/?>"
)
_PLACEHOLDERS = re.compile(_PLACEHOLDER)
_HEADING = re.compile(r"^ {0,3}#{1,6}(?= )", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]{0,8}[0-9]{1,3}[.)](?=[ \t])", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}```", re.MULTILINE)


def check_structure(reply: str, source: Source, *, keeps_placeholders: bool) -> Iterator[Finding]:
    """Yield a finding, never verified, for each piece of markup that the reply has not, or not as often.

    A draft fills the placeholders of its skeleton in: then they need not be kept.
    """
    patterns = [_KEPT, _HEADING, _NUMBERED, _FENCE, *([_PLACEHOLDERS] if keeps_placeholders else [])]
    for pattern in patterns:
        left = Counter(match[0].strip() for match in pattern.finditer(reply))
        for match in pattern.finditer(source.text):
            text = match[0].strip()
            if left[text]:
                left[text] -= 1
            else:
                place = source.evidence(*match.span())
                yield Finding("structure", "absent", -1, -1, text, "missing", (place,))
