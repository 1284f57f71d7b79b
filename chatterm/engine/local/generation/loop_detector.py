"""Notices that a reply says the same again and again.

A loop is a stretch of tokens that comes at least three times in a row, 24 tokens in all (the same 8-gram
three times), or a line that comes three times in a row, whatever number stands before it. What repeats by
its nature gets more rope: rules and rulings, digits, white space, table rows and code. Torch-free; a token
costs about a microsecond and a half.
"""

import re
from collections import Counter
from collections.abc import Callable

GRAM = 8
"""In tokens."""
REPEATS = 3
STRUCTURED_REPEATS = 8
"""In code and tables, whose lines may well be alike."""
LEAST_TOKENS = GRAM * REPEATS
LEAST_LINE_WEIGHT = 20
"""A line with fewer letters is no line to count: `Yes.`, `</td>`, `}`."""
LEAST_WEIGHT = REPEATS * LEAST_LINE_WEIGHT
"""Letters in all of a stretch: `ha ha ha` is none."""
LEAST_WORDLESS_LENGTH = 1500
"""In characters, for what holds no letter: `-----`, empty cells, the digits of 1/3."""

_CJK_WEIGHT = 3
"""A character of Chinese, Japanese or Korean says as much as some three letters."""
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_LETTER = re.compile(r"[^\W\d_]")
_MARKER = re.compile(r"^(?:[\s>*+\-#•·]|\(?\d+[.):、）]|\(?[A-Za-z][.)]\s)+")
"""What may stand before a line of a list, and counts on."""


class LoopDetector:
    """Watches one reply. Feed it each token in order."""

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        """`token_bytes` gives what a token adds to the text."""
        self._token_bytes = token_bytes
        self._ids: list[int] = []
        self._last_seen: dict[tuple[int, ...], int] = {}
        self._num_recurring: Counter[int] = Counter()
        """By distance: how often the last tokens were those that long before."""
        self._line = bytearray()
        self._last_line = ""
        self._num_equal = 0
        self._is_in_fence = False

    def push(self, token_id: int) -> bool:
        """Take the next token; return whether the reply is a loop by now."""
        ids, raw = self._ids, self._token_bytes(token_id)
        ids.append(token_id)
        gram = tuple(ids[-GRAM:])
        before = self._last_seen.get(gram)
        self._last_seen[gram] = len(ids)
        period = len(ids) - (before or 0)
        if before is not None and self._may_be_period(period) and self._is_periodic(period):
            return True
        if b"\n" not in raw:
            self._line += raw
            return False
        *ended, rest = (self._line + raw).split(b"\n")
        self._line = bytearray(rest)
        return any(self._ends_loop(line.decode("utf-8", "replace")) for line in ended)

    def _may_be_period(self, period: int) -> bool:
        """Count; tell whether comparing is worth its cost, for long periods only now and then."""
        self._num_recurring[period] += 1
        count = self._num_recurring[period]
        return count >= period and count % (period // 64 + 1) == 0

    def _is_periodic(self, period: int) -> bool:
        """Tell whether the last tokens are the same `period` tokens often enough."""
        if not self._repeats(period, max(LEAST_TOKENS, REPEATS * period)):
            return False
        text = b"".join(map(self._token_bytes, self._ids[-period:])).decode("utf-8", "replace")
        if weight := _weight(text):
            repeats = max(
                STRUCTURED_REPEATS if self._is_structured(text) else REPEATS, -(-LEAST_WEIGHT // weight)
            )
        else:
            repeats = -(-LEAST_WORDLESS_LENGTH // max(1, len(text)))
        return self._repeats(period, max(LEAST_TOKENS, repeats * period))

    def _repeats(self, period: int, length: int) -> bool:
        """Tell whether each of the last `length` tokens is the one `period` tokens before it."""
        tail = self._ids[-length:]
        return len(tail) == length and tail[period:] == tail[:-period]

    def _is_structured(self, text: str) -> bool:
        lines = [self._line.decode("utf-8", "replace"), *text.split("\n")]
        return self._is_in_fence or any(line.lstrip().startswith("|") for line in lines)

    def _ends_loop(self, line: str) -> bool:
        """Take a whole line; tell whether it is one too many. Empty lines do not part equal ones."""
        if line.lstrip().startswith(("```", "~~~")):
            self._is_in_fence = not self._is_in_fence
        words = _MARKER.sub("", line.rstrip())
        if not words:
            return False
        self._num_equal = self._num_equal + 1 if words == self._last_line else 1
        self._last_line = words
        is_structured = self._is_in_fence or line.lstrip().startswith("|")
        most = STRUCTURED_REPEATS if is_structured else REPEATS
        return self._num_equal >= most and _weight(words) >= LEAST_LINE_WEIGHT


def _weight(line: str) -> int:
    """Count the letters of a line."""
    num_cjk = len(_CJK.findall(line))
    return len(_LETTER.findall(line)) + (_CJK_WEIGHT - 1) * num_cjk
