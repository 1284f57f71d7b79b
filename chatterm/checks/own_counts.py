"""Tells the numbers by which a reply counts its own parts: three key points, and three points follow.

Such a number says nothing of the source. It is one where as many items of a list follow, or where what it
counts are sentences or points that the reply announces.
"""

import re

_PART = re.compile(
    r" (?:(?:key|main|major|important|most|simple|short|brief|different|separate|practical) ){0,2}"
    r"(?:points?|bullets?|bullet points|reasons|steps|parts|sections|items|takeaways|findings|risks|topics"
    r"|questions|suggestions|recommendations|ways|tips|themes|areas|aspects|changes|examples|options)(?![A-Za-z])"
    r"|(?:主要|关键|核心|重要)?(?:个|项|条|种|点|大)?(?:主要|关键|核心|重要)?"
    r"(?:要点|方面|部分|原因|步骤|建议|风险|问题|内容|结论|变化|理由|点(?![0-9])|(?=[:,。\n]))",
    re.IGNORECASE,
)
_SAID = re.compile(
    r" (?:short |key |bullet |brief |concise ){0,2}"
    r"(?:sentences?|paragraphs?|bullets?|points|takeaways)(?![A-Za-z])|个?要点|句话?|段话?|点(?![0-9])",
    re.IGNORECASE,
)
_ANNOUNCING = re.compile(
    r"(?:\bin|here are|these|following|\bas|\(|用|以下(?:是|为)?|如下|概括为|总结为|归纳为) ?"
    r"(?:the |my |just |about )?\Z",
    re.IGNORECASE,
)
_ITEM = re.compile(
    r"^[ \t>]{0,6}(?:[-*•·] |[0-9]{1,2}[.)、] ?|\(?[一二三四五六七八九十]{1,2}[)、,])", re.MULTILINE
)
_MOST = 20
_REACH = 4_000
"""Characters in which the items stand."""


def counts_own_parts(folded: str, start: int, end: int, value: int) -> bool:
    """Return whether the number at `start` counts what the reply itself says, in all `folded`."""
    if not 2 <= value <= _MOST:
        return False
    if _SAID.match(folded, end) and _ANNOUNCING.search(folded[max(0, start - 24) : start]):
        return True
    return (
        bool(_PART.match(folded, end)) and sum(1 for _ in _ITEM.finditer(folded, end, end + _REACH)) == value
    )
