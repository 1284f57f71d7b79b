"""What a constraint is in llguidance's words, how much work it may cost, and why one is refused.

Owns the choice of grammar and limits, shared by the process that uses a constraint and the one that tries
it out (`child`). llguidance is imported when it is first needed; torch never.
"""

import re
from typing import TYPE_CHECKING

from chatterm.engine.base import Choices, Constraint, JsonSchema, Regex
from chatterm.errors import Unsupported, UsageError

if TYPE_CHECKING:
    from llguidance import LLParserLimits

_WHITE_SPACE = r" |\n {0,16}"
"""Between the parts of JSON: one blank, or a new line with its indentation. Never twice in a row, so that no
model can write blanks for ever."""

_NO_REPLY = ("NoExtension", "Unsatisfiable")
_BEYOND_IT = ("nimplemented", "nsupported", "not supported", "nknown format", "too ", "limit", "not present")
"""Parts of llguidance's messages where the constraint may be sound, but is more than it can do."""
_REST = re.compile(r"\. [A-Z].*|: +\(And .*")
"""Advice on options that nobody here has, and expressions as llguidance keeps them."""
_METACHARACTERS = frozenset(r"\.+*?()|[]{}^$#&-~")


def grammar_of(constraint: Constraint) -> str:
    """Return the grammar, not yet compiled: that is where most mistakes show."""
    from llguidance import LLMatcher

    match constraint:
        case JsonSchema(schema):
            # Each is said, because a schema can bring options of its own ("x-guidance").
            options = {
                "item_separator": ",",
                "key_separator": ":",
                "whitespace_flexible": True,
                "whitespace_pattern": _WHITE_SPACE,
                "coerce_one_of": False,
                "lenient": False,
                "json_allowed_escapes": None,
                "json_allow_general_unicode_escapes": False,
            }
            try:
                return LLMatcher.grammar_from_json_schema(schema, overrides=options)  # type: ignore[arg-type]
            except ValueError as error:
                raise refusal(constraint, str(error)) from error
        case Regex(pattern):
            return LLMatcher.grammar_from_regex(pattern)
        case Choices(options):
            return LLMatcher.grammar_from_regex("|".join(map(_literal, options)))


def make_limits() -> "LLParserLimits":
    """Return limits that keep one step to some 50 ms, and all of them to 100 MB."""
    from llguidance import LLParserLimits

    return LLParserLimits(max_lexer_states=50_000, verbose_errors=False)


def name_of(constraint: Constraint) -> str:
    match constraint:
        case JsonSchema():
            return "the JSON schema"
        case Regex():
            return "the regular expression"
        case Choices():
            return "the list of choices"


def refusal(constraint: Constraint, reason: str) -> UsageError:
    """Return the error to raise, in one line, for what llguidance says of a constraint."""
    name, line = name_of(constraint), _one_line(reason)
    if any(word in line for word in _NO_REPLY):
        detail = line.partition(": ")[2]
        return UsageError(f"{name} allows no reply at all{f': {detail}' if detail else ''}")
    if any(word in line for word in _BEYOND_IT):
        return Unsupported(f"{name} is more than can be kept to: {line}; make it simpler")
    return UsageError(f"{name} is not valid: {line}")


def _one_line(reason: str) -> str:
    """Return the sentence that says what is wrong; a regex's comes last, after a picture of the place."""
    lines = [line.strip() for line in reason.replace("<non-verbose/>", "").splitlines() if line.strip()]
    line = next((line[7:] for line in lines if line.startswith("error: ")), lines[0] if lines else "unknown")
    line = _REST.sub("", line)
    return line if len(line) <= 200 else f"{line[:199]}…"


def _literal(text: str) -> str:
    """Return a regex for exactly this text."""
    return "".join(f"\\{character}" if character in _METACHARACTERS else character for character in text)
