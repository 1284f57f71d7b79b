"""What code knows of words: which tell nothing of what a text is about, which forms are one word, and behind
which full stops a sentence goes on. Knows no texts; whoever compares or cuts them asks here.
"""

import re

_STOP_TEXT = """
a an the this that these those it its he she they them his her their we our us you your i me my and or
but if then so as at by for from in into of on onto to with within about over under between through
during before after above below up down out off than too very can could may might must shall should will
would do does did done be is are was were been being have has had having there here when where which who
whom whose what how why all any both each every some such own same other another more most also only just
s t re ve ll d per via yes ok sure
unless because while since until although however need needs needed
"""
STOP_WORDS = frozenset(_STOP_TEXT.split())
STOP_HAN = frozenset("的了是在和与或及等也都就而并其这那个为被把将对于从以之上下中到会能可有我你他她它们一")

_STEM_CHARS = 8
_ENDINGS = re.compile(
    r"(?:ifications?|isations?|izations?|ibility|ability|ations?|itions?|utions?|ments?|ings?|ness|ions?|ities|ity"
    r"|ally|able|ible|ized?|ised?|ifies|ified|ify|ance|ence|ers?|ors?|ees?|ies|ied|ely|ly|es|ed|al|ive|s|e|y)\Z"
)
_SHORT_ENDINGS = ("ing", "ed", "es", "e", "s")
"""Those that may leave two letters: use, uses, used, using."""


def stem(word: str) -> str:
    """Return an English word without its endings, so that its forms are one."""
    if len(word) < 3 or not word.isascii() or not word.isalpha():
        return word
    for _ in range(2):
        found = _ENDINGS.search(word, 3) or _ENDINGS.search(word, 2)
        if not found or (found.start() == 2 and found[0] not in _SHORT_ENDINGS):
            break
        word = word[: found.start()]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:_STEM_CHARS]


_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|vs|No|Nos|Nr|Fig|Figs|Sec|Art|Arts|St|cf|al|pp?|Vol|vol|ed|eds|Rev|Gen|Hon|ca|approx"
    r"|e\.g|i\.e|resp|incl|Eq|Ch|para|Reg)|(?<![\w.])[A-Za-z](?:\.[A-Za-z])*)\.\Z"
)
"""Those that do not end sentences, as `etc.` and `Inc.` may; and initials: J. Smith, U.S. Government."""
_LONGEST = 20
"""In characters, what stands before it included."""


def ends_in_abbreviation(text: str, start: int, end: int) -> bool:
    """Return whether a sentence that starts at `start` goes on behind the full stop that `end` is behind."""
    return bool(_ABBREVIATION.search(text, max(start, end - _LONGEST), end))
