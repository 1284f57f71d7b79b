"""GGUF files that are nearly sound: a value of the header absurd, a tensor missing, bytes flipped, cut short.

What is changed is known to the format, so most of them get past the checks of the one before.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import strategies as st

from chatterm.models.arch_spec import SUPPORTED_ARCHITECTURES
from chatterm.models.gguf import GGUFFile, MetadataValue
from tests.support.gguf_bytes import (
    ARRAY,
    BOOL,
    F32,
    I32,
    STRING,
    U32,
    U64,
    array,
    entry,
    gguf_bytes,
    tensor,
    text,
)

U64_LIMIT = 2**64
_MOST_DATA = 2**20
"""Of a tensor filled anew, in bytes: far more than the bases have, whatever its shape was changed to."""
_WHOLE = [
    0, 1, 2, 3, 5, 7, 8, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 1000, 2**15, 2**16, 2**20, 2**24,
    2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, U64_LIMIT - 1,
]  # fmt: skip
_NUMBERS = [
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-30, 1e-6, 1e6, 1e30, 3.4e38,
    float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
_TEXTS = [
    "", " ", "x", "llama", "gpt2", "bert", "t5", "default", "none", "linear", "yarn", "longrope", "a b", "\0",
    "<|im_end|>", "<0x41>", "▁", "你好", "x" * 5000,
]  # fmt: skip
_SUFFIXES = [
    "block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count",
    "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.scale",
    "attention.layer_norm_rms_epsilon", "attention.sliding_window", "attention.sliding_window_pattern",
    "rope.dimension_count", "rope.freq_base", "rope.freq_base_swa", "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length", "rope.scaling.attn_factor", "rope.scale_linear",
    "rope.dimension_sections", "expert_count", "vocab_size", "attn_logit_softcapping",
    "final_logit_softcapping",
    "embedding_scale", "residual_scale", "logit_scale", "attention.causal", "pooling_type",
]  # fmt: skip
_TOKENIZER_KEYS = [
    "model", "pre", "tokens", "token_type", "scores", "merges", "bos_token_id", "eos_token_id",
    "eot_token_id", "eom_token_id", "unknown_token_id", "padding_token_id", "add_bos_token", "add_eos_token",
    "add_space_prefix", "remove_extra_whitespaces", "precompiled_charsmap",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorPart:
    """A tensor, with what the header says of it."""

    name: str
    dims: tuple[int, ...]
    block_type: int
    data: bytes
    offset: int | None = None
    """None: where the data is."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A file taken apart."""

    entries: tuple[tuple[str, int, bytes], ...] = field(repr=False)
    """Key, type and value as the format writes them."""
    tensors: tuple[TensorPart, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "Parts":
        with GGUFFile.open(path) as file:
            entries = tuple((key, *encode(value)) for key, value in file.metadata.items())
            tensors = tuple(
                TensorPart(name, info.shape[::-1], int(info.block_type), bytes(file.tensor_data(name)))
                for name, info in file.tensors.items()
            )
        return cls(entries, tensors)

    def file(self, counts: tuple[int | None, int | None] = (None, None)) -> bytes:
        """Return the file; `counts` are those of tensors and keys, where they shall not be true."""
        data, table = b"", []
        for part in self.tensors:
            offset = len(data) if part.offset is None else part.offset
            table.append(tensor(part.name, part.dims, part.block_type, offset))
            data += part.data + bytes(-len(part.data) % 32)
        entries = [entry(*one) for one in self.entries]
        return gguf_bytes(entries, table, data=data, num_tensors=counts[0], num_entries=counts[1])


def encode(value: MetadataValue) -> tuple[int, bytes]:
    """Return the type and bytes of a value, in the smallest of the usual types."""
    if isinstance(value, bool):
        return BOOL, bytes([value])
    if isinstance(value, str):
        return STRING, text(value.encode("utf-8", "replace"))
    if isinstance(value, float):
        return F32, struct.pack("<f", value)
    if isinstance(value, int):
        return (
            (U32, struct.pack("<I", value))
            if 0 <= value < 2**32
            else (U64, struct.pack("<Q", value % U64_LIMIT))
        )
    if value and isinstance(value[0], int) and not isinstance(value[0], bool):
        return ARRAY, array(I32, len(value), b"".join(struct.pack("<I", int(v) % 2**32) for v in value))  # type: ignore[arg-type]  # of numbers
    kind = encode(value[0])[0] if value else STRING
    return ARRAY, array(kind, len(value), b"".join(encode(item)[1] for item in value))


Change = Callable[[Parts], Parts]


def values() -> st.SearchStrategy[MetadataValue]:
    scalars = st.one_of(
        st.sampled_from(_WHOLE), st.sampled_from(_NUMBERS), st.sampled_from(_TEXTS), st.booleans()
    )
    lists: st.SearchStrategy[MetadataValue] = st.one_of(
        st.lists(st.sampled_from(_WHOLE[:20]), max_size=6),
        st.lists(st.sampled_from(_TEXTS), max_size=6),
        st.lists(st.sampled_from(_NUMBERS), max_size=6),
        st.sampled_from([[[]], [["a"]], [0] * 100_000, ["t"] * 320, list(range(320)), [0.0] * 320]),
    )
    return st.one_of(scalars, scalars, lists)


def _keys(parts: Parts) -> list[str]:
    return [key for key, _, _ in parts.entries if key != "tokenizer.chat_template"]


def _architecture(parts: Parts) -> str:
    named = (
        payload[8:].decode("utf-8", "replace")
        for key, _, payload in parts.entries
        if key == "general.architecture"
    )
    return next(named, "")


def set_key(key: str, value: MetadataValue) -> Change:
    def change(parts: Parts) -> Parts:
        kept = tuple(one for one in parts.entries if one[0] != key)
        return replace(parts, entries=(*kept, (key, *encode(value))))

    return change


def drop_key(key: str) -> Change:
    return lambda parts: replace(parts, entries=tuple(one for one in parts.entries if one[0] != key))


def call_itself(architecture: str) -> Change:
    """Give the file another architecture, under which it has all the keys it had."""

    def change(parts: Parts) -> Parts:
        own = _architecture(parts) + "."
        renamed = tuple(
            (key.replace(own, architecture + ".", 1) if key.startswith(own) else key, kind, payload)
            for key, kind, payload in parts.entries
            if key != "general.architecture"
        )
        return Parts((*renamed, ("general.architecture", *encode(architecture))), parts.tensors)

    return change


def change_list(key: str, index: int, value: "MetadataValue | None", times: int) -> Change:
    """Put `value` in place of an element, or take it out where None; then repeat the whole `times`."""

    def change(parts: Parts) -> Parts:
        found = next((one for one in parts.entries if one[0] == key), None)
        if found is None or found[1] != ARRAY:
            return parts
        items = _decode_list(found[2])
        if items:
            place = index % len(items)
            items[place : place + 1] = [] if value is None else [value]
        if items and len({type(item) for item in items}) > 1:
            items = [str(item) for item in items]
        return set_key(key, items * times)(parts)

    return change


def _decode_list(payload: bytes) -> list[MetadataValue]:
    kind, count = struct.unpack_from("<IQ", payload)
    if kind != STRING:
        return list(struct.unpack_from(f"<{count}{'f' if kind == F32 else 'i'}", payload, 12))
    items: list[MetadataValue] = []
    at = 12
    for _ in range(count):
        (size,) = struct.unpack_from("<Q", payload, at)
        items.append(payload[at + 8 : at + 8 + size].decode())
        at += 8 + size
    return items


def change_tensor(index: int, make: Callable[[TensorPart], Sequence[TensorPart]]) -> Change:
    def change(parts: Parts) -> Parts:
        if not parts.tensors:
            return parts
        place = index % len(parts.tensors)
        made = make(parts.tensors[place])
        return replace(parts, tensors=(*parts.tensors[:place], *made, *parts.tensors[place + 1 :]))

    return change


def _tensor_changes() -> st.SearchStrategy[Callable[[TensorPart], Sequence[TensorPart]]]:
    sizes = st.sampled_from(_WHOLE)
    return st.one_of(
        st.just(lambda part: ()),
        st.just(lambda part: (part, part)),
        st.just(lambda part: (replace(part, dims=part.dims[::-1]),)),
        st.just(lambda part: (replace(part, dims=(*part.dims, 1)),)),
        st.builds(lambda dims: lambda part: (replace(part, dims=tuple(dims)),), st.lists(sizes, max_size=5)),
        st.builds(lambda n: lambda part: (replace(part, dims=(*part.dims[:-1], n)),), sizes),
        st.builds(lambda kind: lambda part: (replace(part, block_type=kind),), st.integers(0, 45)),
        st.builds(lambda offset: lambda part: (replace(part, offset=offset),), sizes),
        st.builds(
            lambda name: lambda part: (replace(part, name=name),),
            st.sampled_from(["", "x", "output.weight", "rope_freqs.weight", "blk.0.attn_q.bias", "n" * 64]),
        ),
        st.builds(lambda fill: lambda part: (replace(part, data=fill * len(part.data)),), _FILLS),
        st.builds(
            lambda kind, fill: lambda part: (replace(part, block_type=kind, data=fill * _data_size(part)),),
            st.integers(0, 39),
            _FILLS,
        ),
    )


def _data_size(part: TensorPart) -> int:
    """Return bytes enough for the tensor in any block type."""
    return min(4 * math.prod(part.dims), _MOST_DATA)


_FILLS = st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80", b"\x01", b"\x7c"])


def changes(parts: Parts) -> st.SearchStrategy[Change]:
    """Changes that leave a file of the format's grammar."""
    architecture = _architecture(parts)
    own = [f"{architecture}.{suffix}" for suffix in _SUFFIXES]
    tokenizer = [f"tokenizer.ggml.{key}" for key in _TOKENIZER_KEYS]
    lists = [f"tokenizer.ggml.{key}" for key in ("tokens", "token_type", "merges", "scores")]
    keys = st.one_of(st.sampled_from(own), st.sampled_from(tokenizer), st.sampled_from(_keys(parts)))
    return st.one_of(
        st.builds(set_key, st.sampled_from(own), st.sampled_from(_WHOLE)),
        st.builds(set_key, st.sampled_from(own), st.sampled_from(_NUMBERS)),
        st.builds(set_key, keys, values()),
        st.builds(set_key, st.sampled_from(tokenizer), values()),
        st.builds(drop_key, keys),
        st.builds(call_itself, st.sampled_from([*SUPPORTED_ARCHITECTURES, "bert", "", "x.y"])),
        st.builds(
            change_list,
            st.sampled_from(lists),
            st.integers(0, 400),
            st.one_of(st.none(), st.sampled_from(_TEXTS), st.sampled_from(_WHOLE)),
            st.sampled_from([1, 1, 1, 2, 0]),
        ),
        st.builds(change_tensor, st.integers(0, 60), _tensor_changes()),
        st.builds(change_tensor, st.integers(0, 60), _tensor_changes()),
    )


def hostile_files(bases: Sequence[Parts]) -> st.SearchStrategy[bytes]:
    """Files made from one of `bases`: mostly by up to three changes, else by damage that knows no format."""
    changed = st.one_of(*(st.builds(_changed, st.just(parts), _up_to_three(parts)) for parts in bases))
    sound = st.sampled_from(bases).map(lambda parts: parts.file())
    flips = st.lists(st.tuples(st.integers(0, 2**13), st.integers(0, 255)), min_size=1, max_size=6)
    count = st.sampled_from(_WHOLE)
    damaged = st.one_of(
        st.builds(_flipped, sound, flips),
        st.builds(_flipped, changed, flips),
        st.builds(lambda raw, size: raw[: size % len(raw)], sound, st.integers(0, 2**17)),
        st.builds(lambda parts, number: parts.file((number, None)), st.sampled_from(bases), count),
        st.builds(lambda parts, number: parts.file((None, number)), st.sampled_from(bases), count),
    )
    return st.one_of(*[changed] * 4, damaged)


def _up_to_three(parts: Parts) -> st.SearchStrategy[list[Change]]:
    return st.lists(changes(parts), min_size=1, max_size=3)


def _changed(parts: Parts, made: Sequence[Change]) -> bytes:
    for change in made:
        parts = change(parts)
    return parts.file()


def _flipped(raw: bytes, flips: Sequence[tuple[int, int]]) -> bytes:
    damaged = bytearray(raw)
    for place, byte in flips:
        damaged[place % len(damaged)] = byte
    return bytes(damaged)
