"""Words that tell nothing of what a text is about, and those that deny. Knows how denials are compared."""

import re
from collections.abc import Sequence

from chatterm.checks.tokens import is_han

_STOP_TEXT = """
a an the this that these those it its he she they them his her their we our us you your i me my and or
but if then so as at by for from in into of on onto to with within about over under between through
during before after above below up down out off than too very can could may might must shall should will
would do does did done be is are was were been being have has had having there here when where which who
whom whose what how why all any both each every some such own same other another more most also only just
s t re ve ll d per via yes ok sure
unless because while since until although however
"""
STOP_WORDS = frozenset(_STOP_TEXT.split())
STOP_HAN = frozenset("的了是在和与或及等也都就而并其这那个为被把将对于从以之上下中到会能可有我你他她它们一")

_DENYING_TEXT = """
not no never nor none cannot without neither nothing nobody don doesn didn isn aren wasn weren won wouldn
shouldn couldn mustn hasn haven hadn 不 没 未 无 非 莫 勿 禁
"""
_DENYING = frozenset(_DENYING_TEXT.split())
_NEGATIVE = re.compile(
    r"un(?!i|der|til|c)|dis(?!t|c)|prohibit|forbid|forbad|lack|fail|except|exclu|unless|void|terminat|refus|den[iy]"
    r"|waiv|impossib|illegal|invalid|ineligib|insuffic|avoid|prevent|stop|ceas|free|little|few|hardly|rather"
    r"|instead|ban"
)
_REACH = 4
"""How many words behind a denying one are denied at most, up to the first that tells something."""

_STEM_CHARS = 8
_ENDINGS = re.compile(
    r"(?:ifications?|isations?|izations?|ibility|ability|ations?|itions?|utions?|ments?|ings?|ness|ions?|ities|ity"
    r"|ally|able|ible|ized?|ised?|ifies|ified|ify|ance|ence|ers?|ors?|ees?|ies|ied|ely|ly|es|ed|al|ive|s|e|y)\Z"
)


def stem(word: str) -> str:
    """Return an English word without its endings, so that its forms are one."""
    if len(word) < 4 or not word.isascii() or word.isdigit():
        return word
    for _ in range(2):
        found = _ENDINGS.search(word)
        if not found or found.start() < 3:
            break
        word = word[: found.start()]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:_STEM_CHARS]


def contradicts(statement: Sequence[str], place: Sequence[str]) -> bool:
    """Return whether one of two texts denies what the other says, by the little words alone."""
    says, denies = _said(statement)
    if denies:
        return not (_said(place)[1] or any(_NEGATIVE.match(word) for word in place))
    if any(_NEGATIVE.match(word) for word in statement):
        return False
    said, denied = _said(place)
    return bool((denied & says) - said)


def _said(words: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return what a text says and what it denies: the first telling word behind a denying one."""
    said: set[str] = set()
    denied: set[str] = set()
    reach = 0
    for place, word in enumerate(words):
        if word in _DENYING:
            reach = _REACH
        elif word in STOP_WORDS:
            reach = max(0, reach - 1)
        else:
            pair = word + "".join(words[place + 1 : place + 2]) if is_han(word) else stem(word)
            (denied if reach else said).add(pair)
            reach = 0
    return said, denied
