"""Parses the header of a GGUF file: metadata and the table of tensors, checked before anything is allocated.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian (both
have one layout). Works on any buffer; knows nothing of files, models or what the keys mean. Every
problem is a `HeaderError` whose text the caller completes with the file's name.
"""

import itertools
import reprlib
from dataclasses import dataclass

from chatterm.models.block_types import BlockType
from chatterm.models.gguf_cursor import ARRAY, NUMBERS, STRING, Cursor, HeaderError, MetadataValue

MAX_TENSORS = 65_536
MAX_KEYS = 65_536
MAX_KEY_BYTES = 65_535
MAX_NAME_BYTES = 64
MAX_DIMENSIONS = 4
MAX_ARRAY_DEPTH = 4
_TENSOR_COST = 512
_KEY_COST = 128
_NESTED_COST = 512
"""Upper bounds in bytes of a tensor's entry and a key's; a list within a list is dearer than it need be,
because no model has many and they are slow to read."""
_BLOCK_TYPES = {int(block_type): block_type for block_type in BlockType}
_MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8
_MIN_KEY_BYTES = 8 + 4 + 1


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies, and how it is stored."""

    name: str
    shape: tuple[int, ...]
    """Row-major (torch's order): GGUF's dimensions reversed, the stored rows last."""
    block_type: BlockType
    offset: int
    """In bytes, from the start of the file."""
    num_bytes: int
    num_elements: int


@dataclass(frozen=True, slots=True)
class Header:
    """All that stands before the tensors' data."""

    version: int
    metadata: dict[str, MetadataValue]
    tensors: dict[str, TensorInfo]
    num_bytes: int
    """Length of the header itself, the padding after it excluded."""


def parse_header(data: memoryview) -> Header:
    """Parse a whole file that starts with GGUF's magic. Raises HeaderError."""
    cursor = Cursor(data)
    cursor.pos = 4
    version = cursor.u32()
    if version not in {2, 3}:
        raise HeaderError(_version_problem(version))
    num_tensors = _checked_count("tensors", cursor.u64(), MAX_TENSORS)
    num_keys = _checked_count("metadata keys", cursor.u64(), MAX_KEYS)
    cursor.need(num_tensors * _MIN_TENSOR_BYTES + num_keys * _MIN_KEY_BYTES, "the header's own counts")
    cursor.charge(num_tensors * _TENSOR_COST + num_keys * _KEY_COST, "the header")
    metadata = _read_metadata(cursor, num_keys)
    raw = [_read_tensor(cursor) for _ in range(num_tensors)]
    alignment = _alignment(metadata)
    start = -(-cursor.pos // alignment) * alignment
    tensors = _place(raw, start, alignment, len(data))
    return Header(version, metadata, tensors, cursor.pos)


def _version_problem(version: int) -> str:
    if version & 0xFFFF == 0 and version:
        return "this is a big-endian GGUF file; chatterm reads little-endian ones"
    return f"GGUF version {version} is not supported (expected 2 or 3); convert the model again"


def _checked_count(what: str, count: int, limit: int) -> int:
    if count > limit:
        raise HeaderError(f"the header claims {count:,} {what} (at most {limit:,} are possible)")
    return count


def _read_metadata(cursor: Cursor, num_keys: int) -> dict[str, MetadataValue]:
    metadata: dict[str, MetadataValue] = {}
    for _ in range(num_keys):
        key = cursor.string("a metadata key", MAX_KEY_BYTES)
        if key in metadata:
            raise HeaderError(f"the metadata key {key[:80]!r} stands there twice")
        kind = cursor.u32()
        metadata[key] = _read_value(cursor, kind, f"the metadata value of {key[:80]!r}", 0)
    return metadata


def _read_value(cursor: Cursor, kind: int, what: str, depth: int) -> MetadataValue:
    if kind == STRING:
        return cursor.string(what)
    if kind == ARRAY:
        return _read_array(cursor, what, depth + 1)
    if kind not in NUMBERS:
        raise HeaderError(f"{what} has the unknown type {kind}")
    return cursor.numbers(kind, 1, what)[0]


def _read_array(cursor: Cursor, what: str, depth: int) -> list[MetadataValue]:
    if depth > MAX_ARRAY_DEPTH:
        raise HeaderError(f"{what} is nested more than {MAX_ARRAY_DEPTH} deep")
    kind, count = cursor.u32(), cursor.u64()
    if kind == STRING:
        return cursor.strings(count, what)
    if kind in NUMBERS:
        return list(cursor.numbers(kind, count, what))
    if kind != ARRAY:
        raise HeaderError(f"{what} is an array of the unknown type {kind}")
    cursor.need(12 * count, what)
    cursor.charge(_NESTED_COST * count, what)
    return [_read_array(cursor, what, depth + 1) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class _RawTensor:
    """A tensor's entry as it stands in the table: dimensions fastest first, offset into the data."""

    name: str
    dims: tuple[int, ...]
    block_type: BlockType
    offset: int


def _read_tensor(cursor: Cursor) -> _RawTensor:
    name = cursor.string("a tensor's name", MAX_NAME_BYTES)
    num_dims = cursor.u32()
    if not 1 <= num_dims <= MAX_DIMENSIONS:
        raise HeaderError(f"tensor {name!r} has {num_dims:,} dimensions (1 to {MAX_DIMENSIONS} are possible)")
    dims = tuple(cursor.u64() for _ in range(num_dims))
    number = cursor.u32()
    block_type = _BLOCK_TYPES.get(number)
    if block_type is None:
        raise HeaderError(f"tensor {name!r} is of the unknown type {number}")
    return _RawTensor(name, dims, block_type, cursor.u64())


def _alignment(metadata: dict[str, MetadataValue]) -> int:
    value = metadata.get("general.alignment", 32)
    is_power = isinstance(value, int) and 0 < value <= 65_536 and value & (value - 1) == 0
    if isinstance(value, bool) or not isinstance(value, int) or not is_power:
        raise HeaderError(
            f"general.alignment should be a power of two up to 65536, but is {reprlib.repr(value)}"
        )
    return value


def _place(raw: list[_RawTensor], start: int, alignment: int, size: int) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for entry in raw:
        if entry.name in tensors:
            raise HeaderError(f"tensor {entry.name!r} stands there twice")
        if entry.offset % alignment:
            raise HeaderError(
                f"tensor {entry.name!r} lies at {entry.offset:,}, not a multiple of {alignment}"
            )
        tensors[entry.name] = _checked_tensor(entry, start, size)
    _refuse_overlap(tensors)
    return tensors


def _checked_tensor(entry: _RawTensor, start: int, size: int) -> TensorInfo:
    num_elements = 1
    for dim in entry.dims:
        num_elements *= dim
    block = entry.block_type
    if num_elements == 0 or entry.dims[0] % block.block_size:
        raise HeaderError(
            f"tensor {entry.name!r} has dimensions {_short(entry.dims)}; {block.name} needs rows"
            f" of a multiple of {block.block_size}"
        )
    num_bytes = num_elements // block.block_size * block.type_size
    end = start + entry.offset + num_bytes
    if end > size:
        raise HeaderError(
            f"tensor {entry.name!r} should end at byte {end:,}, but the file has {size:,};"
            " it is truncated or damaged"
        )
    return TensorInfo(entry.name, entry.dims[::-1], block, start + entry.offset, num_bytes, num_elements)


def _short(dims: tuple[int, ...]) -> str:
    return " x ".join(f"{dim:,}" for dim in dims)


def _refuse_overlap(tensors: dict[str, TensorInfo]) -> None:
    """Tensors that share bytes would let a small file unfold into any amount of memory."""
    in_order = sorted(tensors.values(), key=lambda tensor: tensor.offset)
    for before, after in itertools.pairwise(in_order):
        if before.offset + before.num_bytes > after.offset:
            raise HeaderError(f"tensors {before.name!r} and {after.name!r} overlap")
