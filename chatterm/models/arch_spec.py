"""What a decoder is: its sizes, and where the families differ. Torch-free, and free of any file format.

One decoder (`engine.local.decoder`) runs every ArchSpec; `hyperparameters` reads one from a GGUF,
`checkpoint` from a folder's config.json. Names follow the GGUF keys where those say it.
"""

import math
from dataclasses import dataclass
from typing import Literal

RopeScalingKind = Literal["linear", "llama3", "yarn", "longrope"]
QKNorm = Literal["none", "head", "full"]
NormPlacement = Literal["before", "after", "both"]
Activation = Literal["silu", "gelu_tanh"]
RopePairs = Literal["neighbours", "halves"]

SUPPORTED_ARCHITECTURES = (
    "llama", "qwen2", "qwen3", "gemma3", "phi3", "gemma2", "smollm3", "olmo2", "granite",
)  # fmt: skip
"""The families that ArchSpec can say. A mistral is a llama, in a GGUF too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RopeScaling:
    """How rope is stretched beyond the context it was trained on."""

    kind: RopeScalingKind
    factor: float = 1.0
    original_context_length: int | None = None
    """In tokens, before stretching; None where the file does not say: the model's whole context is taken."""
    attention_factor: float | None = None
    """Multiplies the rotated values; None: as the kind's paper derives it from `factor`."""
    low_frequency_factor: float = 1.0
    high_frequency_factor: float = 4.0
    """Of llama3."""
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    """Of yarn."""
    short_factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()
    """Of longrope: divisors of each rotated pair's frequency. Empty: they are tensors, as in a GGUF."""

    @property
    def rotation_scale(self) -> float:
        """What rotated values are multiplied by.

        YaRN: Peng et al. 2023 (arXiv 2309.00071), section 3.4; LongRoPE: Ding et al. 2024 (arXiv
        2402.13753), with the root that Phi-3's configuration names.
        """
        if self.attention_factor is not None:
            return self.attention_factor
        if self.kind == "yarn":
            return yarn_magnitude(self.factor)
        original = self.original_context_length
        if self.kind == "longrope" and self.factor > 1 and original is not None and original > 1:
            return math.sqrt(1 + math.log(self.factor) / math.log(original))
        return 1.0


def yarn_magnitude(factor: float, weight: float = 1.0) -> float:
    """Return by how much YaRN magnifies for a context `factor` times as long; 1 where it is not longer."""
    return 0.1 * weight * math.log(factor) + 1 if factor > 1 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RopeSpec:
    """Rotary embedding of one kind of layer (Su et al. 2021, arXiv 2104.09864)."""

    theta: float
    dimensions: int
    """The first so many values of a head are rotated; even, at most the head's length."""
    scaling: RopeScaling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """What may differ from layer to layer."""

    rope: RopeSpec | None
    """None: no positions at all (smollm3's every fourth layer)."""
    window: int | None = None
    """Tokens a position sees, itself included; None: all before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchSpec:
    """A decoder of the llama family and its relatives."""

    architecture: str
    """GGUF's name: llama, qwen2, gemma3, ..."""
    context_length: int
    """In tokens, as trained (stretching included)."""
    embedding_length: int
    feed_forward_length: int
    num_heads: int
    num_kv_heads: int
    """Divides `num_heads`."""
    head_length: int
    """Of keys, queries and values; need not be embedding_length / num_heads."""
    vocab_size: int
    """Rows of the embedding, one for each token."""
    is_head_tied: bool
    """True: the output head is the embedding."""
    rms_epsilon: float
    layers: tuple[LayerSpec, ...]
    rope_pairs: RopePairs
    """Which numbers of a head turn together: 2i and 2i + 1, or i and i + half, as the stored rows have it."""
    has_fused_products: bool = False
    """True: attn_qkv is one tensor, and ffn_up has the rows of the gate, then its own (phi3)."""
    has_qkv_bias: bool = False
    has_output_bias: bool = False
    """Of the attention's output product."""
    qk_norm: QKNorm = "none"
    """Root-mean-square norm of queries and keys before rope: over each head, or over all heads at once."""
    norm_placement: NormPlacement = "before"
    """Around attention and feed-forward: on what goes in, on what comes out, or both."""
    activation: Activation = "silu"
    query_scale: float
    """Attention scores are q.k times this; most often head_length ** -0.5."""
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    """Multiplies what each block adds (granite)."""
    logit_scale: float = 1.0
    """Multiplies the logits: 1 / granite's `logits_scaling`."""
    attention_softcap: float | None = None
    logit_softcap: float | None = None
    """c: values become c tanh(v / c) (gemma2)."""

    @property
    def num_layers(self) -> int:
        return len(self.layers)
