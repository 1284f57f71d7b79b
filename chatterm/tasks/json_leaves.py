"""Finds the values of a reply in JSON with their places in it, also where the reply was cut short."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chatterm.tasks.structured import MAX_DEPTH

Path = tuple[str | int, ...]
"""Names and places (from 0) from the top: `("rows", 0, "value")`."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|-?[0-9][0-9.eE+-]*|true|false|null|[{}\[\],]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text or number of the reply."""

    path: Path
    text: str
    """As it is meant, escapes resolved."""
    start: int
    """Where `text` begins in the reply, behind the quotation mark."""
    end: int
    is_plain: bool
    """Whether the reply has `text` without escapes, so that places in it are places in the reply."""


def leaves(reply: str) -> Iterator[Leaf]:
    """Yield texts and numbers in their order; names, truth values and null are none.

    Ends where a reply is nested deeper than `read_answer` reads.
    """
    open_ones: list[str | int] = []
    is_key = False
    for token in _TOKEN.finditer(reply):
        mark = token[0][0]
        if mark in "{[":
            if len(open_ones) > MAX_DEPTH:
                return
            open_ones.append("" if mark == "{" else 0)
            is_key = mark == "{"
        elif mark in "}]":
            del open_ones[-1:]
            is_key = False
        elif mark == ",":
            is_key = _step(open_ones)
        elif mark == '"' and is_key:
            open_ones[-1] = _text_of(token[0])
            is_key = False
        elif mark == '"':
            start, end = token.start() + 1, token.end() - _is_closed(token[0])
            text = _text_of(token[0])
            yield Leaf(tuple(open_ones), text, start, end, text == reply[start:end])
        elif mark not in "tfn":
            yield Leaf(tuple(open_ones), token[0], *token.span(), is_plain=True)


def _step(open_ones: list[str | int]) -> bool:
    """Go on to the next value behind a comma; return whether its name comes first."""
    if not open_ones:
        return False
    last = open_ones[-1]
    if isinstance(last, str):
        return True
    open_ones[-1] = last + 1
    return False


def _is_closed(token: str) -> bool:
    return len(token) > 1 and token[-1] == '"' and (len(token) - len(token[:-1].rstrip("\\"))) % 2 == 1


def _text_of(token: str) -> str:
    try:
        text = json.loads(token if _is_closed(token) else f'{token.rstrip(chr(92))}"', strict=False)
    except ValueError:
        return token[1:]  # an escape that is none, or was cut
    return str(text)
