"""A decoder's shape, read from a GGUF's metadata and checked against itself and the tensors.

Keys and defaults are those of llama.cpp (`src/llama-arch.cpp`, `src/llama-model.cpp`) for the llama
family: rms norms, rope, grouped heads of one count in all layers. Which architectures can be run is
the engine's to say; anything whose numbers are of another kind is refused here.
"""

from dataclasses import dataclass
from typing import Literal, NoReturn, cast, get_args

from chatterm.errors import BadModelFile
from chatterm.models.gguf import GGUFFile

RopeScalingKind = Literal["linear", "yarn", "longrope"]

_MAX_LAYERS = 512
_MAX_HEADS = 1024
_MAX_WIDTH = 2**20
_MAX_CONTEXT = 2**26


@dataclass(frozen=True, slots=True, kw_only=True)
class RopeScaling:
    """How rope is stretched beyond the context it was trained on."""

    kind: RopeScalingKind
    factor: float
    original_context_length: int | None
    """In tokens, before stretching; None where the file does not say."""
    attention_factor: float
    """Multiplies the rotated values (yarn, longrope); 1 where the file does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """The shape of a decoder of the llama family."""

    architecture: str
    num_layers: int
    context_length: int
    """In tokens, as trained."""
    embedding_length: int
    feed_forward_length: int
    num_heads: int
    num_kv_heads: int
    """Divides `num_heads`."""
    key_length: int
    """Of one head; need not be embedding_length / num_heads."""
    value_length: int
    rope_dimensions: int
    """The first so many values of a head are rotated; even, at most `key_length`."""
    rope_theta: float
    rope_scaling: RopeScaling | None
    rms_epsilon: float
    vocab_size: int
    """Rows of the embedding, one for each token."""
    is_head_tied: bool
    """True: the output head is the embedding."""


def read_hyperparameters(file: GGUFFile) -> Hyperparameters:
    """Read and check them. Raises BadModelFile naming the key, what was expected and what was found."""
    read = _Reader(file)
    num_heads = read.integer("attention.head_count", 1, _MAX_HEADS)
    embedding = read.integer("embedding_length", 1, _MAX_WIDTH)
    key_length = read.integer("attention.key_length", 1, _MAX_WIDTH, default=embedding // num_heads)
    shape = Hyperparameters(
        architecture=file.architecture,
        num_layers=read.integer("block_count", 1, _MAX_LAYERS),
        context_length=read.integer("context_length", 1, _MAX_CONTEXT),
        embedding_length=embedding,
        feed_forward_length=read.integer("feed_forward_length", 1, _MAX_WIDTH),
        num_heads=num_heads,
        num_kv_heads=read.integer("attention.head_count_kv", 1, num_heads, default=num_heads),
        key_length=key_length,
        value_length=read.integer("attention.value_length", 1, _MAX_WIDTH, default=embedding // num_heads),
        rope_dimensions=read.integer("rope.dimension_count", 2, key_length, default=key_length),
        rope_theta=read.number("rope.freq_base", 1.0, 1e12, default=10_000.0),
        rope_scaling=_rope_scaling(read),
        rms_epsilon=read.number("attention.layer_norm_rms_epsilon", 1e-15, 0.1),
        vocab_size=_vocab_size(file, embedding),
        is_head_tied="output.weight" not in file.tensors,
    )
    _check_together(read, shape)
    return shape


class _Reader:
    """Reads an architecture's own keys, each within its range."""

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

    def refuse(self, name: str, expected: str, found: object) -> NoReturn:
        raise BadModelFile(
            f"{self.file.path}: {self.key(name)} should be {expected}, but is {found};"
            " the file is damaged or of a kind chatterm cannot run"
        )


def _rope_scaling(read: _Reader) -> RopeScaling | None:
    file = read.file
    factor = read.number("rope.scaling.factor", 0.0, 1e6, default=0.0)
    factor = factor or read.number("rope.scale_linear", 0.0, 1e6, default=0.0)
    kind = file.get(read.key("rope.scaling.type"), str, "linear" if factor else "none")
    if kind == "none":
        return None
    if kind not in get_args(RopeScalingKind):
        read.refuse(
            "rope.scaling.type", f"one of none, {', '.join(get_args(RopeScalingKind))}", repr(kind[:40])
        )
    original = read.integer("rope.scaling.original_context_length", 0, _MAX_CONTEXT, default=0)
    return RopeScaling(
        kind=cast(RopeScalingKind, kind),
        factor=factor or 1.0,
        original_context_length=original or None,
        attention_factor=read.number("rope.scaling.attn_factor", 0.0, 1e6, default=1.0),
    )


def _vocab_size(file: GGUFFile, embedding: int) -> int:
    """Return the rows of the embedding, which both the vocabulary and an untied head must match."""
    table = file.tensors.get("token_embd.weight")
    if table is None or len(table.shape) != 2 or table.shape[1] != embedding:
        found = "absent" if table is None else f"of shape {table.shape}"
        raise BadModelFile(
            f"{file.path}: token_embd.weight should have rows of {embedding:,} values, but is {found}"
        )
    rows = table.shape[0]
    head = file.tensors.get("output.weight")
    if head is not None and head.shape != table.shape:
        raise BadModelFile(
            f"{file.path}: output.weight should have shape {table.shape}, but has {head.shape}"
        )
    num_tokens = len(file.get_list("tokenizer.ggml.tokens", str))
    if num_tokens not in {0, rows}:
        raise BadModelFile(
            f"{file.path} names {num_tokens:,} tokens, but token_embd.weight has {rows:,} rows"
        )
    return rows


def _check_together(read: _Reader, shape: Hyperparameters) -> None:
    """Check the divisions that head sizes rest on."""
    has_own_head_size = read.key("attention.key_length") in read.file.metadata
    if not has_own_head_size and shape.embedding_length % shape.num_heads:
        expected = f"a divisor of the embedding length {shape.embedding_length:,}"
        read.refuse("attention.head_count", expected, shape.num_heads)
    if shape.num_heads % shape.num_kv_heads:
        read.refuse(
            "attention.head_count_kv", f"a divisor of the {shape.num_heads} heads", shape.num_kv_heads
        )
    if shape.rope_dimensions % 2:
        read.refuse("rope.dimension_count", "even", shape.rope_dimensions)
