"""Reads an ArchSpec from a GGUF's metadata, checked against itself and the tensors.

Keys and defaults are those of llama.cpp (`src/llama-arch.cpp`, `src/llama-model.cpp`, `src/models/`,
`convert_hf_to_gguf.py`). Some of what its families differ in stands in no key: `_FAMILIES` has it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import (
    SUPPORTED_ARCHITECTURES,
    Activation,
    ArchSpec,
    LayerSpec,
    NormPlacement,
    QKNorm,
    RopePairs,
    RopeSpec,
)
from chatterm.models.gguf import GGUFFile
from chatterm.models.gguf_keys import MAX_CONTEXT, ArchitectureKeys
from chatterm.models.gguf_rope import read_rope

_MAX_LAYERS = 512
_MAX_HEADS = 1024
_MAX_WIDTH = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """What the architecture's name says."""

    rope_pairs: RopePairs = "halves"
    """Llama and what descends from it have the rows of Q and K reordered in a GGUF."""
    has_qkv_bias: bool = False
    has_fused_products: bool = False
    qk_norm: QKNorm = "none"
    norm_placement: NormPlacement = "before"
    activation: Activation = "silu"
    is_embedding_scaled: bool = False
    """By the root of its width, which transformers rounds to the weights' dtype and llama.cpp does not."""
    can_window: bool = False
    default_window: int = 0
    """In tokens; 0: none."""
    window_period: int = 0
    """Every so many layers one sees all; 0: none does."""
    nope_period: int = 0
    """Every so many layers one knows no positions; 0: all know them."""
    wide_query_layers: int = 0
    """A model of so many layers scales queries as if its heads shared the embedding's width."""
    attention_softcap: float | None = None
    logit_softcap: float | None = None


_GEMMA = _Family(
    norm_placement="both", activation="gelu_tanh", is_embedding_scaled=True, can_window=True, window_period=2
)
_FAMILIES: Mapping[str, _Family] = {
    "llama": _Family(rope_pairs="neighbours", can_window=True),
    "qwen2": _Family(has_qkv_bias=True),
    "qwen3": _Family(qk_norm="head"),
    "gemma2": replace(
        _GEMMA, default_window=4096, wide_query_layers=46, attention_softcap=50.0, logit_softcap=30.0
    ),
    "gemma3": replace(_GEMMA, qk_norm="head", window_period=6, wide_query_layers=62),
    "phi3": _Family(has_fused_products=True, can_window=True),
    "smollm3": _Family(rope_pairs="neighbours", nope_period=4),
    "olmo2": _Family(qk_norm="full", norm_placement="after"),
    "granite": _Family(rope_pairs="neighbours"),
}
_LOCAL_THETA = 10_000.0
"""Of gemma3's layers with a window, where the file does not say."""


def read_hyperparameters(file: GGUFFile) -> ArchSpec:
    """Read and check them.

    Raises BadModelFile for an architecture that is not supported, and otherwise naming the key, what was
    expected and what was found.
    """
    family = _FAMILIES.get(file.architecture)
    if family is None:
        raise BadModelFile(
            f"the model's architecture is {file.architecture[:40]!r}, but this engine runs only: "
            f"{', '.join(SUPPORTED_ARCHITECTURES)}; choose another model (`chatterm models list`)"
        )
    read = ArchitectureKeys(file)
    spec = _sizes(read, family)
    _check_together(read, spec)
    rope = read_rope(read, spec.head_length, spec.context_length)
    return replace(spec, layers=_layers(read, family, spec.num_layers, rope))


def _sizes(read: ArchitectureKeys, family: _Family) -> ArchSpec:
    """Read all but what differs from layer to layer."""
    file, tensors = read.file, read.file.tensors
    num_heads = read.integer("attention.head_count", 1, _MAX_HEADS)
    embedding = read.integer("embedding_length", 1, _MAX_WIDTH)
    head_length = read.integer("attention.key_length", 1, _MAX_WIDTH, default=embedding // num_heads)
    num_layers = read.integer("block_count", 1, _MAX_LAYERS)
    return ArchSpec(
        architecture=file.architecture,
        context_length=read.integer("context_length", 1, MAX_CONTEXT),
        embedding_length=embedding,
        feed_forward_length=read.integer("feed_forward_length", 1, _MAX_WIDTH),
        num_heads=num_heads,
        num_kv_heads=read.integer("attention.head_count_kv", 1, num_heads, default=num_heads),
        head_length=head_length,
        vocab_size=_vocab_size(file, embedding),
        is_head_tied="output.weight" not in tensors,
        rms_epsilon=read.number("attention.layer_norm_rms_epsilon", 1e-15, 0.1),
        layers=(LayerSpec(rope=None),) * num_layers,
        rope_pairs=family.rope_pairs,
        has_fused_products=family.has_fused_products,
        has_qkv_bias=family.has_qkv_bias or "blk.0.attn_q.bias" in tensors,
        has_output_bias="blk.0.attn_output.bias" in tensors,
        qk_norm=family.qk_norm,
        norm_placement=family.norm_placement,
        activation=family.activation,
        query_scale=_query_scale(read, family, embedding // num_heads, head_length, num_layers),
        embedding_scale=read.factor("embedding_scale")
        or (math.sqrt(embedding) if family.is_embedding_scaled else 1.0),
        residual_scale=read.factor("residual_scale") or 1.0,
        logit_scale=1.0 / (read.factor("logit_scale") or 1.0),
        attention_softcap=_softcap(read, "attn_logit_softcapping", family.attention_softcap),
        logit_softcap=_softcap(read, "final_logit_softcapping", family.logit_softcap),
    )


def _query_scale(
    read: ArchitectureKeys, family: _Family, share: int, head_length: int, num_layers: int
) -> float:
    width = share if num_layers == family.wide_query_layers else head_length
    return read.factor("attention.scale") or max(width, 1) ** -0.5


def _softcap(read: ArchitectureKeys, name: str, default: float | None) -> float | None:
    return read.factor(name, default or 0.0) or None


def _layers(
    read: ArchitectureKeys, family: _Family, num_layers: int, rope: RopeSpec
) -> tuple[LayerSpec, ...]:
    if not read.flag("rope.scaling.finetuned", default=True) and read.architecture == "granite":
        return (LayerSpec(rope=None),) * num_layers  # that is how granite's converter says so
    window = _window(read, family)
    full = LayerSpec(rope=rope)
    local = LayerSpec(rope=_local_rope(read, rope), window=window or None)
    nope = LayerSpec(rope=None)
    has_window = _windowed(read, family, num_layers) if window else [False] * num_layers
    layers = [local if windowed else full for windowed in has_window]
    if family.nope_period:
        layers[family.nope_period - 1 :: family.nope_period] = [nope] * (num_layers // family.nope_period)
    return tuple(layers)


def _window(read: ArchitectureKeys, family: _Family) -> int:
    """Return how many tokens a layer with a window sees; 0 where none has one."""
    name = "attention.sliding_window"
    window = read.integer(name, 0, MAX_CONTEXT, default=family.default_window)
    if window and not family.can_window:
        if window < read.integer("context_length", 1, MAX_CONTEXT):
            read.refuse(name, "absent or 0 in this architecture", window)
        return 0
    return window


def _windowed(read: ArchitectureKeys, family: _Family, num_layers: int) -> list[bool]:
    """Return which layers have a window: the file's list of them, or a period of its own or the family's."""
    name = "attention.sliding_window_pattern"
    if isinstance(read.file.metadata.get(read.key(name)), list):
        flags = read.file.get_list(read.key(name), bool)
        if len(flags) != num_layers:
            read.refuse(name, f"a list for the {num_layers} layers", f"one of {len(flags)}")
        return list(flags)
    period = read.integer(name, 0, _MAX_LAYERS, default=family.window_period)
    return [not period or layer % period < period - 1 for layer in range(num_layers)]


def _local_rope(read: ArchitectureKeys, rope: RopeSpec) -> RopeSpec:
    """Return the rope of layers with a window; gemma3's has a base of its own and is not stretched."""
    if read.architecture == "gemma3":
        rope = replace(rope, scaling=None, theta=_LOCAL_THETA)
    return replace(rope, theta=read.number("rope.freq_base_swa", 1.01, 1e12, default=rope.theta))


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


def _check_together(read: ArchitectureKeys, spec: ArchSpec) -> None:
    """Check the divisions that head sizes rest on, and what no family here has."""
    has_own_head_size = read.key("attention.key_length") in read.file.metadata
    if not has_own_head_size and spec.embedding_length % spec.num_heads:
        expected = f"a divisor of the embedding length {spec.embedding_length:,}"
        read.refuse("attention.head_count", expected, spec.num_heads)
    if spec.num_heads % spec.num_kv_heads:
        read.refuse("attention.head_count_kv", f"a divisor of the {spec.num_heads} heads", spec.num_kv_heads)
    if spec.head_length % 2:
        read.refuse("attention.key_length", "even", spec.head_length)
    share = spec.embedding_length // spec.num_heads
    value_length = read.integer("attention.value_length", 1, _MAX_WIDTH, default=share)
    if value_length != spec.head_length:
        expected = f"{spec.head_length}, the length of a key"
        read.refuse("attention.value_length", expected, value_length)
    if num_experts := read.integer("expert_count", 0, 2**20, default=0):
        read.refuse("expert_count", "absent or 0, for this engine knows no experts", num_experts)
