"""Reads typed values out of front matter nodes, and notes what is of the wrong kind.

Every function returns its default where the node is absent or wrong, so that one pass finds all problems.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from chatterm.prompts.front_matter import Items, Mapping, Node, Scalar
from chatterm.prompts.problems import Place, Problem, did_you_mean
from chatterm.prompts.punctuation import wide_mark

Fields = dict[str, Node]

LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")


@dataclass(slots=True)
class Reader:
    """Collects problems while values are read."""

    problems: list[Problem] = field(default_factory=list)

    def note(self, code: str, message: str, place: Place, advice: str) -> None:
        self.problems.append(Problem(code, message, place, advice))

    def fields(self, node: Node | None, what: str, known: Iterable[str]) -> Fields:
        """Return a mapping's values by key; unknown keys are noted and left out."""
        known = tuple(known)
        fields: Fields = {}
        for key, value in self.entries(node, what):
            if key.text in known:
                fields[key.text] = value
            else:
                where = f" in {what}" if what else ""
                self.note("E07", f"unknown key {key.text!r}{where}", key.place, did_you_mean(key.text, known))
        return fields

    def entries(self, node: Node | None, what: str) -> tuple[tuple[Scalar, Node], ...]:
        """Return a mapping's keys and values, whatever the keys are."""
        if node is None:
            return ()
        if isinstance(node, Mapping):
            return node.entries
        self._kind(node, what, "a mapping: lines of `key: value`")
        return ()

    def items(self, node: Node | None, what: str) -> tuple[Node, ...]:
        if node is None:
            return ()
        if isinstance(node, Items):
            return node.items
        self._kind(node, what, "a list: [a, b]")
        return ()

    def text(self, node: Node | None, what: str, default: str = "") -> str:
        """Return a string; a number or a truth value without quotes is none."""
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        self._kind(node, what, "text (put numbers, true and false in quotes)")
        return default

    def spelled(self, node: Node | None, what: str) -> str | None:
        """Return any single value as it is spelled."""
        if node is None:
            return None
        if isinstance(node, Scalar) and node.value is not None:
            return node.text
        self._kind(node, what, "a single value")
        return None

    def texts(self, node: Node | None, what: str) -> tuple[str, ...]:
        return tuple(self.text(item, f"an item of {what}") for item in self.items(node, what))

    def truth(self, node: Node | None, what: str, default: bool) -> bool:
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self._kind(node, what, "true or false")
        return default

    def number(self, node: Node | None, what: str, low: float, high: float) -> float | None:
        """Return a number within [low, high]."""
        if node is None:
            return None
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._kind(node, what, "a number")
            return None
        if not low <= value <= high:
            self.note("E10", f"{what} is {value}", node.place, f"it lies between {low} and {high}")
            return None
        return value

    def whole(self, node: Node | None, what: str, low: int, high: int) -> int | None:
        """Return a whole number within [low, high]."""
        value = self.number(node, what, low, high)
        if isinstance(value, float) and node is not None:
            self._kind(node, what, "a whole number")
            return None
        return int(value) if value is not None else None

    def choice(self, node: Node | None, what: str, known: Iterable[str], default: str) -> str:
        """Return one of the `known` words."""
        word = self.text(node, what, default)
        known = tuple(known)
        if node is None or word in known or not isinstance(node, Scalar):
            return word if word in known else default
        if isinstance(node.value, str):
            self.note("E10", f"{what} cannot be {word!r}", node.place, did_you_mean(word, known))
        return default

    def choices(self, node: Node | None, what: str, known: Iterable[str]) -> tuple[str, ...]:
        known = tuple(known)
        words = (self.choice(item, f"an item of {what}", known, "") for item in self.items(node, what))
        return tuple(word for word in words if word)

    def localized(self, node: Node | None, what: str) -> dict[str, str]:
        """Return texts by language; a plain text serves all, under the key ''."""
        if isinstance(node, Scalar):
            return {"": self.text(node, what)}
        texts: dict[str, str] = {}
        for key, value in self.entries(node, what):
            if LANGUAGE_CODE.fullmatch(key.text):
                texts[key.text] = self.text(value, f"{what}.{key.text}")
            else:
                advice = "keys are languages: {en: ..., zh: ...}; put a text that holds a comma in quotes"
                self.note("E07", f"unknown language {key.text!r} in {what}", key.place, advice)
        return texts

    def _kind(self, node: Node, what: str, expected: str) -> None:
        wide = wide_mark(node.text, node.place) if isinstance(node, Scalar) else None
        if wide:
            self.problems.append(wide)
            return
        self.note(
            "E09", f"{what or 'the front matter'} is of the wrong kind", node.place, f"it is {expected}"
        )
