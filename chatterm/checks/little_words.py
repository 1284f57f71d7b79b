"""Words that tell nothing of what a text is about, and what is left of one without its ending."""

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
        found = _ENDINGS.search(word)
        if not found or found.start() < (2 if found[0] in _SHORT_ENDINGS else 3):
            break
        word = word[: found.start()]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:_STEM_CHARS]
