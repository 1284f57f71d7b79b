"""The attention kernels as a function of tensors."""

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

from chatterm.engine.local.decoder.layers import Layer
from chatterm.engine.local.gpu import attention_kernels as kernels
from chatterm.engine.local.gpu.kernels import AttentionShape
from chatterm.engine.local.gpu.products import dot_dtype
from chatterm.models.arch_spec import ArchSpec, LayerSpec

if TYPE_CHECKING:
    from chatterm.engine.local.gpu.decoder import PassRows

_TOGETHER = 16
"""Splits that are read at once when they are added up."""
_LONG_HEAD = 128
_CACHE_TYPES = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16, torch.float32: tl.float32}


class Attention:
    """The same for all layers of a decoder."""

    def __init__(self, spec: ArchSpec, shape: AttentionShape, cache_dtype: torch.dtype) -> None:
        self._spec = spec
        self._shape = shape
        self.cache_dtype = cache_dtype
        self._cache_type = _CACHE_TYPES[cache_dtype]
        # Blocks of keys and values wait in shared memory, of which many cards have 99 KB.
        is_long = spec.head_length > _LONG_HEAD
        self._block = max(16, shape.block // 2) if is_long else shape.block
        self._num_stages = 2 if is_long else 3
        self._norm = {"none": 0, "head": 1, "full": 2}[spec.qk_norm]

    def num_splits(self, num_tokens: int) -> int:
        return -(-num_tokens // self._shape.split)

    def num_tokens(self, num_splits: int) -> int:
        return num_splits * self._shape.split

    def __call__(  # noqa: PLR0913  # what a layer's attention reads
        self,
        qkv: Tensor,
        rows: "PassRows",
        caches: Tensor,
        turns: Tensor | None,
        *,
        layer: Layer,
        layer_spec: LayerSpec,
        num_splits: int,
    ) -> Tensor:
        """Store the keys and values of all rows and attend: fp32 (rows, heads x head_length).

        `qkv` is fp32 (rows, (heads + 2 kv heads) x head_length), `caches` int64 (rows,): addresses of this
        layer's; `turns` complex64 (positions, 1, pairs).
        """
        spec, num_rows = self._spec, len(qkv)
        head = triton.next_power_of_2(spec.head_length)
        sizes = {"NUM_HEADS": spec.num_heads, "HEAD_LENGTH": spec.head_length, "HEAD": head}
        window = {"WINDOW": layer_spec.window or 0, "SPLIT": self._shape.split}
        sums = qkv.new_empty(num_rows, spec.num_heads, num_splits, spec.head_length)
        stats = qkv.new_empty(num_rows, spec.num_heads, num_splits, 2)
        angles = qkv if turns is None else torch.view_as_real(turns)
        norm = layer.qk_norm
        kernels.attend[(spec.num_kv_heads, num_splits, num_rows)](
            qkv, caches, rows.capacities, rows.positions, rows.firsts, rows.starts, angles,
            norm.query.weight if norm else qkv, norm.key.weight if norm else qkv, sums, stats,
            spec.rms_epsilon, spec.query_scale, spec.attention_softcap or 0.0,
            0 if turns is None else turns.shape[-1], num_splits,
            **sizes, **window, NUM_KV_HEADS=spec.num_kv_heads,
            SHARING=max(16, triton.next_power_of_2(spec.num_heads // spec.num_kv_heads)),
            NORM=self._norm, TURNS=turns is not None, CAP=spec.attention_softcap is not None,
            BLOCK=self._block, CACHE=self._cache_type, DOT=self._dot_type(),
            num_stages=self._num_stages,
        )  # fmt: skip
        out = qkv.new_empty(num_rows, spec.num_heads * spec.head_length)
        kernels.combine[(spec.num_heads, num_rows)](
            sums, stats, rows.positions, out, num_splits, **sizes, **window, TOGETHER=_TOGETHER
        )
        return out

    def _dot_type(self) -> tl.dtype:
        return tl.float32 if dot_dtype() == tl.float32 else self._cache_type
