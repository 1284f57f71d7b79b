"""Loads a decoder from tensors by GGUF's names, whatever file they come from.

Owns the names and shapes of the tensors; conventions: llama.cpp's `llama-arch.cpp` and
`convert_hf_to_gguf.py`. Tensors are placed one by one, so no copy of the whole ever exists.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import DecoderWeights, Layer
from chatterm.engine.local.decoder.linear import Linear, LinearFactory, LoadPlan, Placement
from chatterm.engine.local.decoder.norms import FullNorm, HeadNorm, QKNorm, RMSNorm
from chatterm.engine.local.decoder.rope import frequencies, neighbour_order
from chatterm.engine.local.decoder.split_decoder import SplitDecoder
from chatterm.engine.local.weights.packing import check_supported, dequantise
from chatterm.engine.local.weights.tensors import BlockTensor, Weights
from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import ArchSpec, RopeScaling, RopeSpec

_MAX_SIZE = 1e6
"""No norm, bias or rope factor of a sound model comes near."""


def load_decoder(
    weights: Weights, spec: ArchSpec, placement: Placement, *, context_length: int | None = None
) -> tuple[Decoder, tuple[str, ...]]:
    """Place the tensors one by one; return the decoder, and notes on what could not stay packed.

    `context_length`, in tokens, is what the decoder is used for (None: all it was trained for): beyond the
    original context longrope has other factors, for the whole of a sequence.
    Raises BadModelFile for tensors that are absent, of another shape or type, damaged, or unknown to this
    decoder (leaving one out would give wrong replies in silence).
    """
    loader = _Loader(weights, spec, LinearFactory(placement), context_length or spec.context_length)
    loader.check_names()
    parts = loader.weights_of(range(spec.num_layers))
    return Decoder(spec, placement, parts), loader.factory.notes


def load_split_decoder(
    weights: Weights,
    spec: ArchSpec,
    placements: tuple[Placement, Placement],
    num_first: int,
    *,
    context_length: int | None = None,
) -> tuple[SplitDecoder, tuple[str, ...]]:
    """As `load_decoder`, with the first layers, the embedding and the head where the first placement says."""
    length = context_length or spec.context_length
    first, rest = (_Loader(weights, spec, LinearFactory(place), length) for place in placements)
    first.check_names()
    its = first.weights_of(range(num_first))
    others = replace(its, layers=tuple(rest.layer(index) for index in range(num_first, spec.num_layers)))
    shapes = replace(spec, layers=spec.layers[:num_first]), replace(spec, layers=spec.layers[num_first:])
    parts = [Decoder(*both) for both in zip(shapes, placements, (its, others), strict=True)]
    notes = dict.fromkeys((*first.factory.notes, *rest.factory.notes))
    return SplitDecoder(spec, *parts), tuple(notes)


def load_planned(
    weights: Weights, spec: ArchSpec, plan: LoadPlan
) -> tuple[Decoder | SplitDecoder, tuple[str, ...]]:
    """Place the tensors as planned; see `load_decoder`."""
    if plan.num_first is None or plan.spill is None:
        return load_decoder(weights, spec, plan.placement, context_length=plan.context_length)
    places = plan.placement, plan.spill
    return load_split_decoder(weights, spec, places, plan.num_first, context_length=plan.context_length)


def layer_tensors(spec: ArchSpec) -> list[str]:
    """Return the names of a layer's tensors, without the layer's own prefix."""
    has_before, has_after = spec.norm_placement != "after", spec.norm_placement != "before"
    names = {
        "attn_norm.weight": has_before,
        "attn_qkv.weight": spec.has_fused_products,
        "attn_qkv.bias": spec.has_fused_products and spec.has_qkv_bias,
        "attn_q_norm.weight": spec.qk_norm != "none",
        "attn_k_norm.weight": spec.qk_norm != "none",
        "attn_output.weight": True,
        "attn_output.bias": spec.has_output_bias,
        "post_attention_norm.weight": has_after,
        "ffn_norm.weight": has_before,
        "ffn_gate.weight": not spec.has_fused_products,
        "ffn_up.weight": True,
        "ffn_down.weight": True,
        "post_ffw_norm.weight": has_after,
    }
    for part in "qkv":
        names[f"attn_{part}.weight"] = not spec.has_fused_products
        names[f"attn_{part}.bias"] = not spec.has_fused_products and spec.has_qkv_bias
    return [name for name, is_there in names.items() if is_there]


@dataclass(frozen=True, slots=True)
class _Loader:
    """Takes the tensors of a model by name, checked."""

    weights: Weights
    spec: ArchSpec
    factory: LinearFactory
    context_length: int

    def check_names(self) -> None:
        """Raises BadModelFile where there is a tensor that the decoder would leave out."""
        known = ["token_embd.weight", "output_norm.weight", *_ROPE_TENSORS]
        known += [] if self.spec.is_head_tied else ["output.weight"]
        for index in range(self.spec.num_layers):
            known += [f"blk.{index}.{name}" for name in layer_tensors(self.spec)]
        if unknown := self.weights.unused(known):
            raise BadModelFile(
                f"the model has {len(unknown)} tensors that a {self.spec.architecture} decoder does not use "
                f"(the first is {unknown[0]!r}); it is of a kind this engine cannot run"
            )

    def weights_of(self, layers: range) -> DecoderWeights:
        """Place some layers, with all that is no layer's."""
        spec, embedding = self.spec, self.embedding()
        ropes = {layer.rope for layer in spec.layers if layer.rope}
        return DecoderWeights(
            embedding=embedding,
            layers=tuple(self.layer(index) for index in layers),
            output_norm=self.norm("output_norm", spec.embedding_length),
            head=self.head(embedding),
            rope_frequencies={rope: self.frequencies(rope) for rope in ropes},
        )

    def embedding(self) -> BlockTensor:
        table = self._matrix("token_embd", self.spec.vocab_size, self.spec.embedding_length)
        check_supported(table)
        return table

    def head(self, embedding: BlockTensor) -> Linear:
        """`embedding` serves a tied head too: reading it again would hold a second copy meanwhile."""
        if self.spec.is_head_tied:
            return self.factory.make(embedding)
        return self.factory.make(self._matrix("output", self.spec.vocab_size, self.spec.embedding_length))

    def layer(self, index: int) -> Layer:
        spec, prefix = self.spec, f"blk.{index}"
        width, ffn = spec.embedding_length, spec.feed_forward_length
        has_before, has_after = spec.norm_placement != "after", spec.norm_placement != "before"
        rope = None if spec.rope_pairs == "neighbours" else spec.layers[index].rope
        return Layer(
            attention_norm=self.norm(f"{prefix}.attn_norm", width) if has_before else None,
            qkv=self._qkv(prefix, rope),
            qkv_bias=self._qkv_bias(prefix, rope) if spec.has_qkv_bias else None,
            qk_norm=self._qk_norm(prefix, rope),
            attention_output=self.factory.make(
                self._matrix(f"{prefix}.attn_output", width, spec.num_heads * spec.head_length)
            ),
            output_bias=self._output_bias(prefix) if spec.has_output_bias else None,
            post_attention_norm=self.norm(f"{prefix}.post_attention_norm", width) if has_after else None,
            ffn_norm=self.norm(f"{prefix}.ffn_norm", width) if has_before else None,
            gate_up=self._gate_up(prefix),
            ffn_down=self.factory.make(self._matrix(f"{prefix}.ffn_down", width, ffn)),
            post_ffn_norm=self.norm(f"{prefix}.post_ffw_norm", width) if has_after else None,
        )

    def norm(self, name: str, length: int, order: Tensor | None = None) -> RMSNorm:
        weight = self._vector(f"{name}.weight", length)
        weight = weight if order is None else weight[order]
        return RMSNorm(weight.to(self.factory.placement.device), self.spec.rms_epsilon)

    def frequencies(self, rope: RopeSpec) -> Tensor:
        """Return the rope's frequencies, divided by the factors that are tensors or in the scaling."""
        turns = frequencies(rope, self.spec.context_length)
        if "rope_freqs.weight" in self.weights:
            turns = turns / self._factors("rope_freqs.weight", rope)
        if rope.scaling is not None and rope.scaling.kind == "longrope":
            turns = turns / self._longrope_factors(rope, rope.scaling)
        return turns

    def _longrope_factors(self, rope: RopeSpec, scaling: RopeScaling) -> Tensor:
        original = scaling.original_context_length or self.spec.context_length
        is_long = self.context_length > original
        if factors := scaling.long_factors if is_long else scaling.short_factors:
            return torch.tensor(factors)
        return self._factors(f"rope_factors_{'long' if is_long else 'short'}.weight", rope)

    def _factors(self, name: str, rope: RopeSpec) -> Tensor:
        factors = self._vector(name, rope.dimensions // 2)
        if not (factors > 0).all():
            raise BadModelFile(f"the model's {name} should be above 0; the file is damaged")
        return factors

    def _qkv(self, prefix: str, rope: RopeSpec | None) -> Linear:
        """`rope`: the one whose pairs are to become neighbours; None: rows stay. So with bias and norms."""
        spec = self.spec
        if spec.has_fused_products:
            fused = self._matrix(f"{prefix}.attn_qkv", _num_qkv_rows(spec), spec.embedding_length)
            return self.factory.make(_reordered(fused, _qkv_rows(spec, rope)))
        parts = []
        for part, heads in _qkv_heads(spec).items():
            matrix = self._matrix(f"{prefix}.attn_{part}", heads * spec.head_length, spec.embedding_length)
            parts.append(matrix if part == "v" else _reordered(matrix, _rows(spec, rope, heads)))
        return self.factory.make(*parts)

    def _qkv_bias(self, prefix: str, rope: RopeSpec | None) -> Tensor:
        spec = self.spec
        if spec.has_fused_products:
            bias = self._vector(f"{prefix}.attn_qkv.bias", _num_qkv_rows(spec))
        else:
            sizes = {part: heads * spec.head_length for part, heads in _qkv_heads(spec).items()}
            bias = torch.cat([self._vector(f"{prefix}.attn_{part}.bias", n) for part, n in sizes.items()])
        rows = _qkv_rows(spec, rope)
        return (bias if rows is None else bias[rows]).to(self.factory.placement.device)

    def _output_bias(self, prefix: str) -> Tensor:
        bias = self._vector(f"{prefix}.attn_output.bias", self.spec.embedding_length)
        return bias.to(self.factory.placement.device)

    def _qk_norm(self, prefix: str, rope: RopeSpec | None) -> QKNorm | None:
        spec = self.spec
        if spec.qk_norm == "none":
            return None
        is_full = spec.qk_norm == "full"
        norms = []
        for part, heads in ("q", spec.num_heads), ("k", spec.num_kv_heads):
            count = heads if is_full else 1
            rows = _rows(spec, rope, count)
            norms.append(self.norm(f"{prefix}.attn_{part}_norm", count * spec.head_length, rows))
        if is_full:
            return FullNorm(norms[0], norms[1], spec.num_heads)
        return HeadNorm(norms[0], norms[1], spec.num_heads, spec.num_kv_heads)

    def _gate_up(self, prefix: str) -> Linear:
        width, ffn = self.spec.embedding_length, self.spec.feed_forward_length
        if self.spec.has_fused_products:
            return self.factory.make(self._matrix(f"{prefix}.ffn_up", 2 * ffn, width))
        return self.factory.make(
            self._matrix(f"{prefix}.ffn_gate", ffn, width), self._matrix(f"{prefix}.ffn_up", ffn, width)
        )

    def _matrix(self, name: str, rows: int, columns: int) -> BlockTensor:
        return self.weights.matrix(f"{name}.weight", (rows, columns))

    def _vector(self, name: str, length: int) -> Tensor:
        """Return fp32 (length,) on the CPU. Raises BadModelFile where a number cannot be."""
        tensor = self.weights.vector(name, length)
        check_supported(tensor)
        values = dequantise(tensor.block_type, tensor.blocks)[0]
        if not (values.abs() <= _MAX_SIZE).all():  # false of NaN, too
            raise BadModelFile(
                f"the model's {name} should hold numbers of at most {_MAX_SIZE:,.0f}, but holds NaN or more; "
                "the file is damaged: fetch it again"
            )
        return values


_ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")


def _qkv_heads(spec: ArchSpec) -> dict[str, int]:
    """Return how many heads queries, keys and values have."""
    return {"q": spec.num_heads, "k": spec.num_kv_heads, "v": spec.num_kv_heads}


def _num_qkv_rows(spec: ArchSpec) -> int:
    return sum(_qkv_heads(spec).values()) * spec.head_length


def _rows(spec: ArchSpec, rope: RopeSpec | None, num_heads: int) -> Tensor | None:
    """Return the order of the rows of some heads; None: as they are stored."""
    return None if rope is None else neighbour_order(num_heads, spec.head_length, rope.dimensions)


def _qkv_rows(spec: ArchSpec, rope: RopeSpec | None) -> Tensor | None:
    """Return the order of the rows of queries, keys and values together: values stay."""
    turning = _rows(spec, rope, spec.num_heads + spec.num_kv_heads)
    return None if turning is None else torch.cat([turning, torch.arange(len(turning), _num_qkv_rows(spec))])


def _reordered(matrix: BlockTensor, rows: Tensor | None) -> BlockTensor:
    """Return the matrix with its rows in another order: a copy of its blocks, which lie along the rows."""
    return matrix if rows is None else replace(matrix, blocks=matrix.blocks[rows])
