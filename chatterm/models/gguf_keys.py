"""Reads an architecture's own keys of a GGUF (`llama.block_count`), each within its range."""

from typing import NoReturn

from chatterm.errors import BadModelFile
from chatterm.models.gguf import GGUFFile

MAX_CONTEXT = 2**26
"""In tokens: more than any model has, and few enough that products of it stay small."""

_MIN_FACTOR = 1e-6
"""Below it, what is divided by it may pass the range of fp32."""


class ArchitectureKeys:
    """The keys of one file. All methods raise BadModelFile naming the key, what was expected and found."""

    def __init__(self, file: GGUFFile) -> None:
        self.file = file
        self.architecture = file.architecture

    def key(self, name: str) -> str:
        return f"{self.architecture}.{name}"

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        key = self.key(name)
        value = self.file.require(key, int) if default is None else self.file.get(key, int, default)
        if not low <= value <= high:
            self.refuse(name, f"from {low:,} to {high:,}", value)
        return value

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        key = self.key(name)
        value = self.file.require(key, float) if default is None else self.file.get(key, float, default)
        if not low <= value <= high:  # so that NaN, which compares false with everything, is refused
            self.refuse(name, f"from {low:g} to {high:g}", value)
        return value

    def factor(self, name: str, default: float = 0.0) -> float:
        """Read a number to multiply or divide by; 0 says that there is none."""
        value = self.number(name, 0.0, 1e6, default=default)
        if 0 < value < _MIN_FACTOR:
            self.refuse(name, f"0 or at least {_MIN_FACTOR:g}", value)
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        return self.file.get(self.key(name), bool, default)

    def refuse(self, name: str, expected: str, found: object) -> NoReturn:
        raise BadModelFile(
            f"{self.file.path}: {self.key(name)} should be {expected}, but is {found};"
            " the file is damaged or of a kind chatterm cannot run"
        )
