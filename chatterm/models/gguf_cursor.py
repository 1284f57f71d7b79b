"""Reads numbers and strings of a GGUF file, each checked against the file's size and a budget of memory.

Knows the scalar types of GGUF, and nothing of the header's order (`gguf_header`).
"""

import struct
import sys
from typing import TypeAlias

MetadataValue: TypeAlias = "str | int | float | bool | list[MetadataValue]"

MEMORY_LIMIT = 128 * 2**20
"""Bytes of Python objects that a header may become. The largest vocabularies in use need half of it."""

STRING, ARRAY, BOOL = 8, 9, 7
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
"""struct's letter for each scalar type of GGUF."""

_STRING_COST = 64
"""Upper bound in bytes of an empty str and its place in a list; each UTF-8 byte can add up to 4."""
_SLOT_COST = 16
"""A place in a list, and what the allocator rounds a str up by."""
_NUMBER_COST = 64
"""A large int, and its places in a tuple and a list."""
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class HeaderError(Exception):
    """The header breaks the format; the text says where and how."""


class Cursor:
    """A position in the file, and what is left of the memory that reading may take."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.pos = 0
        self.memory_left = MEMORY_LIMIT

    def need(self, num_bytes: int, what: str) -> None:
        if num_bytes > len(self.data) - self.pos:
            raise HeaderError(
                f"{what} at byte {self.pos:,} would need {num_bytes:,} more bytes,"
                f" but the file has {len(self.data):,}; it is truncated or damaged"
            )

    def charge(self, num_bytes: int, what: str) -> None:
        if num_bytes > self.memory_left:
            raise HeaderError(f"{what} is too large: the header would take over {MEMORY_LIMIT >> 20} MiB")
        self.memory_left -= num_bytes

    def u32(self) -> int:
        self.need(4, "a number")
        self.pos += 4
        return int(_U32.unpack_from(self.data, self.pos - 4)[0])

    def u64(self) -> int:
        self.need(8, "a number")
        self.pos += 8
        return int(_U64.unpack_from(self.data, self.pos - 8)[0])

    def string(self, what: str, limit: int | None = None) -> str:
        length = self.u64()
        if limit is not None and length > limit:
            raise HeaderError(f"{what} claims to be {length:,} bytes long (at most {limit:,} are allowed)")
        self.need(length, what)
        self.charge(_STRING_COST + 4 * length, what)
        self.pos += length
        return _decode(self.data[self.pos - length : self.pos], what)

    def numbers(self, kind: int, count: int, what: str) -> tuple[int | float | bool, ...]:
        layout = NUMBERS[kind]
        num_bytes = count * struct.calcsize(f"<{layout}")
        self.need(num_bytes, what)
        self.charge(count * _NUMBER_COST, what)
        values = struct.unpack_from(f"<{count}{layout}", self.data, self.pos)
        self.pos += num_bytes
        return _as_bools(values, what) if kind == BOOL else values

    def strings(self, count: int, what: str) -> list[MetadataValue]:
        """Read `count` strings: the inner loop of opening, so bounds and budget are one comparison."""
        self.need(8 * count, what)
        self.charge(count * _STRING_COST, what)
        data, pos, unpack = self.data, self.pos, _U64.unpack_from
        limit = min(len(data), pos + 8 * count + self.memory_left // 4)
        values: list[MetadataValue] = []
        append = values.append
        try:
            for _ in range(count):
                start = pos + 8
                pos = start + unpack(data, pos)[0]
                if pos > limit:
                    raise HeaderError(f"a string of {what} ends outside the file, or it is too large")
                append(str(data[start:pos], "utf-8"))
        except struct.error as error:
            raise HeaderError(f"{what} ends outside the file; it is truncated or damaged") from error
        except UnicodeDecodeError as error:
            raise HeaderError(f"{what} holds a string that is not UTF-8") from error
        self.charge(4 * (pos - self.pos - 8 * count), what)
        if self.memory_left < MEMORY_LIMIT // 2:
            # Most text takes a fraction of that bound; weighing it costs 8 ms for 100,000 strings.
            bound = count * _STRING_COST + 4 * (pos - self.pos - 8 * count)
            self.memory_left += bound - count * _SLOT_COST - sum(map(sys.getsizeof, values))
        self.pos = pos
        return values


def _decode(raw: memoryview, what: str) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise HeaderError(f"{what} is not UTF-8") from error


def _as_bools(values: tuple[int, ...], what: str) -> tuple[bool, ...]:
    if values and max(values) > 1:
        raise HeaderError(f"{what} should be true or false, but is {max(values)}")
    return tuple(map(bool, values))
