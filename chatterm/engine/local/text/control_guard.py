"""Keeps contents from becoming control tokens, and finds those that a chat template wrote.

A content is shielded before the template sees it: each character that a control string starts or ends with
is replaced by a stand-in, one for one. In the rendered text a control string can then only be the template's
own: were it a content's, or made of both, its first or last character would be a stand-in. White space and
letters stay, so a template trims, measures and inspects contents as ever. After the cut the stand-ins are
turned back, so the text between control strings is what plain rendering gives, to the character.

Stand-ins are lone surrogates: cleaned text cannot hold them, so they need no choosing and no escaping.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_FIRST, _NUM_STAND_INS = 0xDC00, 1000
_EDGE = "\udffe"
"""Put at the edges of a content to keep it from joining what is around; taken out again after the cut."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class Part(NamedTuple):
    """A stretch of a prompt."""

    text: str
    is_control: bool
    """The template's own control string; else ordinary text."""


class ControlGuard:
    """Shields contents against one vocabulary's control strings."""

    def __init__(self, control: Iterable[str]) -> None:
        """Raises ValueError where control strings start and end with over a thousand different characters."""
        control = [text for text in control if text.strip()]
        edges = {edge for text in control for edge in (text.strip()[0], text.strip()[-1])}
        if len(edges) > _NUM_STAND_INS:
            raise ValueError(f"control tokens start and end with {len(edges):,} different characters")
        self._stand_ins = {edge: chr(_FIRST + n) for n, edge in enumerate(sorted(edges))}
        longest_first = sorted(map(re.escape, control), key=len, reverse=True)
        self._control = re.compile("|".join(longest_first) or "(?!)")
        self._insides = "\n".join(text.strip()[1:-1] for text in control)

    def shield(self, content: str) -> str:
        """Return the content with stand-ins; lone surrogates become U+FFFD."""
        content = _SURROGATE.sub("\ufffd", content)
        for edge, stand_in in self._stand_ins.items():
            content = content.replace(edge, stand_in)
        return content

    def could_be_wrapped(self, shielded: str) -> bool:
        """Whether the content would make a control string if a template put the right text around it."""
        bare = shielded.strip()
        return bool(bare) and bare in self._insides

    def cut(self, rendered: str) -> list[Part]:
        """Return the rendered text in parts, contents as they were before the shield."""
        parts = []
        start = 0
        for match in self._control.finditer(rendered):
            parts.append(Part(self._unshield(rendered[start : match.start()]), is_control=False))
            parts.append(Part(match.group(), is_control=True))
            start = match.end()
        parts.append(Part(self._unshield(rendered[start:]), is_control=False))
        return [part for part in parts if part.text]

    def _unshield(self, text: str) -> str:
        for edge, stand_in in self._stand_ins.items():
            text = text.replace(stand_in, edge)
        return text.replace(_EDGE, "")


def wrap(shielded: str) -> str:
    """Return the content with marked edges, inside its white space: nothing around can join it."""
    bare = shielded.strip()
    start = shielded.find(bare)
    return f"{shielded[:start]}{_EDGE}{bare}{_EDGE}{shielded[start + len(bare) :]}" if bare else shielded
