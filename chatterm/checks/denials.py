"""Tells where one text denies what another says, by the little words alone. Knows no meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chatterm.checks.folding import fold
from chatterm.checks.tokens import is_han, tokenize
from chatterm.lexicon import STOP_HAN, STOP_WORDS, stem

_DENYING_TEXT = """
not no never nor none cannot neither nothing nobody don doesn didn isn aren wasn weren won wouldn
shouldn couldn mustn hasn haven hadn 不 没 未 无 非 莫 勿 禁
"""
_DENYING = frozenset(_DENYING_TEXT.split())
_NEGATIVE = re.compile(
    r"un(?!i|der|til|c)|dis(?!t|c)|except|exclu|void|terminat|waiv|impossib|illegal|invalid|ineligib|insuffic|avoid"
    r"|stop|ceas|free|little|few|hardly|rather|instead"
)
"""What may deny in its own way."""
_REFUSING = re.compile(r"fail|refus|prohibit|forbid|forbad|lack|prevent|den[iy]|ban(?:s|ned)?\Z|unable")
"""What denies all that stands behind it in its sentence."""
_CLAUSE_REACH = 8
"""How many telling words a denying one denies in its clause."""
_NO_DENIAL = re.compile(
    "不足|不同|不仅|不断|不但|不过|不少|不久|未来|非常|无论|没收|无线|未成年|not only", re.IGNORECASE
)
_CANNOT = re.compile(r"\bcan't\b", re.IGNORECASE)
_EXCEPTION = re.compile(r"\b(?:without|unless|except|until)\b|除非|未经", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:requir|only|must|needs?|if)|须|需|才", re.IGNORECASE)
_REACH = 4
"""How many words behind a denying one are denied at most, up to the first that tells something."""
_HAN_REACH = 4
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]|\n[ \t]*\n")
_CLAUSE_END = re.compile(r"[,;:()，；：（）](?![0-9])")
_MOST_DENIED = 0.5


@dataclass(slots=True)
class _Said:
    """What a text says and denies, by its telling words."""

    said: set[str] = field(default_factory=set)
    heads: set[str] = field(default_factory=set)
    """The first telling words behind a denying one."""
    clauses: set[str] = field(default_factory=set)
    """All behind one in its clause."""
    behind: set[str] = field(default_factory=set)
    """All behind one in its sentence."""
    before: set[str] = field(default_factory=set)
    """All that no denying word stands before in its sentence."""
    negatives: set[str] = field(default_factory=set)
    """Other words that may deny: except, void, unlawful."""
    has_exception: bool = False
    has_condition: bool = False

    @property
    def words(self) -> set[str]:
        return self.before | self.behind


def contradicts(statement: str, place: str) -> bool:
    """Return whether one of two texts denies what the other says: the sentence most like the statement."""
    ours = _read(statement)
    if not ours.words:
        return False
    sentences = [_read(one) for one in _sentences(place)]
    likest = max(sentences, key=lambda one: len(one.words & ours.words), default=_Said())
    return _denies(ours, likest)


def _denies(ours: _Said, theirs: _Said) -> bool:
    if ours.heads:
        is_free = not (theirs.behind or theirs.negatives or theirs.has_exception)
        is_said = bool(ours.heads & (theirs.before - theirs.behind)) and not theirs.has_exception
        return (is_said and not ours.behind & theirs.behind) or is_free
    if ours.negatives - theirs.said - theirs.clauses:
        return False
    if theirs.has_exception and ours.has_condition:
        return False  # not without consent: only with it
    if ours.said & (theirs.heads - theirs.said):
        return True
    shared = ours.said & (theirs.said | theirs.clauses)
    return bool(shared) and len(shared & (theirs.clauses - theirs.said)) > _MOST_DENIED * len(shared)


def _sentences(text: str) -> list[str]:
    return _SENTENCE_END.split(_CANNOT.sub("cannot", _NO_DENIAL.sub(" ", fold(text))))


def _read(text: str) -> _Said:
    found = _Said()
    found.has_exception = bool(_EXCEPTION.search(text))
    found.has_condition = bool(_CONDITION.search(text))
    for sentence in _sentences(text):
        is_denied = False
        for clause in _CLAUSE_END.split(sentence):
            is_denied = _read_clause(clause, found, is_denied=is_denied)
    return found


def _read_clause(clause: str, found: _Said, *, is_denied: bool) -> bool:
    """Add what a clause says; `is_denied`: whether its sentence denied something before. Return that."""
    reach, clause_reach = 0, 0
    for word, unit in _units(clause):
        if word in _DENYING:
            reach, clause_reach, is_denied = _HAN_REACH if is_han(word) else _REACH, _CLAUSE_REACH, True
            continue
        is_denied = is_denied or bool(_REFUSING.match(word))
        if not unit:
            reach -= 1
            continue
        (found.behind if is_denied else found.before).add(unit)
        if reach > 0:
            found.heads.add(unit)
        (found.clauses if clause_reach > 0 else found.said).add(unit)
        if _NEGATIVE.match(word) or _REFUSING.match(word):
            found.negatives.add(unit)
        clause_reach -= 1
        reach = reach - 1 if is_han(word) else 0
    return is_denied


def _units(text: str) -> Iterator[tuple[str, str]]:
    """Yield each word with what it tells: its stem, a pair of Chinese characters, or nothing."""
    words = tokenize(text).words
    for place, word in enumerate(words):
        if not is_han(word):
            yield word, "" if word in STOP_WORDS else stem(word)
            continue
        after = words[place + 1] if place + 1 < len(words) else ""
        is_pair = is_han(after) and word not in STOP_HAN and after not in STOP_HAN and after not in _DENYING
        yield word, word + after if is_pair else ""
