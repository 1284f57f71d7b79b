"""A safetensors file, mapped into memory: the names, types, shapes and bytes of its tensors.

Format: https://huggingface.co/docs/safetensors (8 bytes length, a JSON header, the data). Every length,
offset and count is checked against the file's size before anything is believed; the bytes are never
copied. Torch-free; what tensors mean is the business of `checkpoint`.
"""

import hashlib
import json
import math
import mmap
import reprlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, Self

from chatterm.errors import BadModelFile
from chatterm.models.magic import describe_stranger
from chatterm.models.mapped_file import map_file

HEADER_LIMIT = 10 * 2**20
"""In bytes: room for 80,000 tensors, and little enough that no header takes 200 MB or 2 s to parse."""

DTYPE_BITS: Mapping[str, int] = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64,
    "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "C64": 64,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Bits a value, of the format's types."""

_MAX_DIMENSIONS = 8
_KEYS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies in its file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    """In bytes from the start of the file."""
    num_bytes: int

    @property
    def num_elements(self) -> int:
        return math.prod(self.shape)


class SafetensorsFile:
    """An open file; call `close` when done."""

    def __init__(self, path: Path, mapped: mmap.mmap, tensors: Mapping[str, StoredTensor]) -> None:
        """Take over `mapped`; `open` is the way to make one."""
        self.path = path
        self.header_sha256 = hashlib.sha256(mapped[: 8 + _header_length(mapped)]).hexdigest()
        """Of the bytes before the data: with size and time it names the file in caches."""
        self.size = len(mapped)
        self.tensors = MappingProxyType(tensors)
        self._mapped = mapped
        self._view = memoryview(mapped)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file and check its header.

        Raises ModelNotFound where there is no such file, BadModelFile where it is not sound.
        """
        mapped = _map(path)
        try:
            return cls(path, mapped, _parse(mapped))
        except _HeaderError as error:
            mapped.close()
            raise BadModelFile(f"{path} is not a sound safetensors file: {error}") from error

    def data(self, tensor: StoredTensor) -> memoryview:
        """Return a tensor's bytes, read only and not copied."""
        return self._view[tensor.offset : tensor.offset + tensor.num_bytes]

    def close(self) -> None:
        """Unmap the file; harmless when repeated. Views that are still held keep the mapping alive."""
        self._view.release()
        try:
            self._mapped.close()
        except BufferError:  # the last view unmaps
            return


class _HeaderError(Exception):
    """The header breaks the format; the text says how."""


def _map(path: Path) -> mmap.mmap:
    """Map a regular file that starts as safetensors files do."""

    def check_mode(mode: int) -> None:
        if not stat.S_ISREG(mode):
            raise BadModelFile(f"{path} is not a regular file; name a model file or folder")

    def check_head(head: bytes) -> None:
        if head[8:9] != b"{":
            what = describe_stranger(head) if head else "the file is empty"
            raise BadModelFile(f"{path} is not a safetensors file: {what}")

    return map_file(path, check_mode, check_head, missing="the folder is incomplete: fetch the missing part")


def _header_length(mapped: mmap.mmap) -> int:
    return int.from_bytes(mapped[:8], "little")


def _parse(mapped: mmap.mmap) -> dict[str, StoredTensor]:
    length, size = _header_length(mapped), len(mapped)
    if length > size - 8:
        raise _HeaderError(
            f"its header would be {length:,} bytes, but the file has {size:,}; it is truncated or damaged"
        )
    if length > HEADER_LIMIT:
        raise _HeaderError(f"its header is {length:,} bytes, but at most {HEADER_LIMIT:,} are read")
    entries = _load(mapped[8 : 8 + length])
    entries.pop("__metadata__", None)
    start = 8 + length
    tensors = {name: _read_entry(name, entry, start, size) for name, entry in entries.items()}
    _check_layout(list(tensors.values()), start, size)
    return tensors


def _load(raw: bytes) -> dict[str, object]:
    if raw.count(b"[") > 2 * raw.count(b"data_offsets") or raw.count(b"{") > raw.count(b"data_offsets") + 2:
        raise _HeaderError("its header nests more lists than its tensors need")
    try:
        found = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _HeaderError(f"its header is no JSON object ({error})") from error
    if not isinstance(found, dict):
        raise _HeaderError("its header is no JSON object")
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two readers of a file with a key twice would see two different models."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _read_entry(name: str, entry: object, start: int, size: int) -> StoredTensor:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        _refuse(name, f"should have {', '.join(sorted(_KEYS))}", entry)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _refuse(name, f"should be of one of the types {', '.join(DTYPE_BITS)}", dtype)
    if not _are_counts(shape) or len(shape) > _MAX_DIMENSIONS:
        _refuse(name, f"should have at most {_MAX_DIMENSIONS} dimensions, whole and not negative", shape)
    if not _are_counts(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= size - start:
        _refuse(name, f"should lie within the file's {size - start:,} bytes of data", offsets)
    bits = math.prod(shape) * DTYPE_BITS[dtype]
    num_bytes = offsets[1] - offsets[0]
    if bits != 8 * num_bytes:
        _refuse(name, f"({dtype}, {shape}) should take {bits / 8:,.0f} bytes", num_bytes)
    return StoredTensor(name, dtype, tuple(shape), start + offsets[0], num_bytes)


def _are_counts(values: object) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 for value in values
    )


def _check_layout(tensors: list[StoredTensor], start: int, size: int) -> None:
    """Tensors follow each other without overlap or gap, to the end of the file, as the format asks."""
    end = start
    for tensor in sorted(tensors, key=lambda one: (one.offset, one.num_bytes)):
        if tensor.offset != end:
            what = "overlaps the one before it" if tensor.offset < end else "leaves a gap before it"
            raise _HeaderError(f"tensor {tensor.name[:80]!r} {what}; the file is damaged")
        end += tensor.num_bytes
    if end != size:
        raise _HeaderError(f"its tensors end at byte {end:,}, but the file has {size:,}; it is damaged")


def _refuse(name: str, expected: str, found: object) -> NoReturn:
    raise _HeaderError(f"tensor {name[:80]!r} {expected}, but found {reprlib.repr(found)}")
