"""Models of known shapes with random weights: their speed on a GPU is real, their words are not."""

from dataclasses import dataclass

import torch
from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.gpu_int4 import GpuInt4Linear
from chatterm.engine.local.decoder.layers import DecoderWeights, Layer
from chatterm.engine.local.decoder.linear import DenseLinear, Linear, Placement
from chatterm.engine.local.decoder.norms import RMSNorm
from chatterm.engine.local.decoder.rope import frequencies
from chatterm.engine.local.weights.int4_codes import int4_slices
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.arch_spec import ArchSpec, LayerSpec, RopeSpec
from chatterm.models.block_types import BlockType

FORMAT = BlockType.Q4_0
_BLOCK_BYTES = 18


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder."""

    num_layers: int
    width: int
    ffn: int
    num_heads: int
    num_kv_heads: int
    head_length: int
    vocab_size: int
    is_head_tied: bool

    @property
    def spec(self) -> ArchSpec:
        rope = RopeSpec(theta=500_000.0, dimensions=self.head_length)
        return ArchSpec(
            architecture="llama",
            context_length=32_768,
            embedding_length=self.width,
            feed_forward_length=self.ffn,
            num_heads=self.num_heads,
            num_kv_heads=self.num_kv_heads,
            head_length=self.head_length,
            vocab_size=self.vocab_size,
            is_head_tied=self.is_head_tied,
            rms_epsilon=1e-5,
            layers=(LayerSpec(rope=rope),) * self.num_layers,
            rope_pairs="neighbours",
            query_scale=self.head_length**-0.5,
        )

    @property
    def matrices(self) -> tuple[tuple[int, int], ...]:
        """Outputs and columns of a layer's products: qkv, output, gate and up, down."""
        heads = self.num_heads * self.head_length
        return (
            (heads + 2 * self.num_kv_heads * self.head_length, self.width),
            (self.width, heads),
            (2 * self.ffn, self.width),
            (self.width, self.ffn),
        )

    @property
    def weights_read(self) -> int:
        """Weights that a token's pass reads."""
        layer = sum(rows * columns for rows, columns in self.matrices)
        return self.num_layers * layer + self.vocab_size * self.width


SHAPES = {
    "tiny": Shape(2, 64, 128, 4, 2, 16, 256, True),
    "1B": Shape(16, 2048, 8192, 32, 8, 64, 128_256, True),
    "3B": Shape(28, 3072, 8192, 24, 8, 128, 128_256, True),
    "8B": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False),
    "32B": Shape(64, 5120, 27_648, 40, 8, 128, 152_064, False),
}
"""Those of Llama 3.2 1B and 3B, Llama 3.1 8B and Qwen 2.5 32B; `tiny` is for trying a script."""


def random_tensor(rows: int, columns: int, seed: int, device: torch.device | None = None) -> BlockTensor:
    """Return drawn codes, never zeros; scales U(0.5, 1.5) over 4.6 sqrt(columns). `device` None: the CPU."""
    generator = torch.Generator(device or "cpu").manual_seed(seed)
    size = (rows, columns // 32, _BLOCK_BYTES)
    blocks = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator, device=device)
    drawn = torch.rand(rows, columns // 32, 1, generator=generator, device=device)
    scales = (drawn + 0.5) / (4.6 * columns**0.5)
    blocks[..., :2] = scales.half().view(torch.uint8)
    return BlockTensor("random", FORMAT, blocks)


def random_decoder(shape: Shape, placement: Placement, *, is_dense: bool = False) -> Decoder:
    """Return a decoder; `is_dense`: its weights are bf16. All layers have numbers of their own."""
    device, spec = placement.device, shape.spec
    factory = _Factory(placement, is_dense=is_dense)

    def norm() -> RMSNorm:
        return RMSNorm(torch.ones(shape.width, device=device), spec.rms_epsilon)

    def layer() -> Layer:
        qkv, output, gate_up, down = (factory.make(*size) for size in shape.matrices)
        return Layer(
            attention_norm=norm(),
            qkv=qkv,
            qkv_bias=None,
            qk_norm=None,
            attention_output=output,
            output_bias=None,
            post_attention_norm=None,
            ffn_norm=norm(),
            gate_up=gate_up,
            ffn_down=down,
            post_ffn_norm=None,
        )

    rope = spec.layers[0].rope
    assert rope is not None
    weights = DecoderWeights(
        embedding=random_tensor(shape.vocab_size, shape.width, 1, device),
        layers=tuple(layer() for _ in range(shape.num_layers)),
        output_norm=norm(),
        head=factory.make(shape.vocab_size, shape.width),
        rope_frequencies={rope: frequencies(rope, spec.context_length)},
    )
    return Decoder(spec, placement, weights)


class _Factory:
    """Makes random products on the device. Matrices of one size are rolled copies: drawing is slower."""

    def __init__(self, placement: Placement, *, is_dense: bool) -> None:
        self._placement = placement
        self._is_dense = is_dense
        self._drawn: dict[tuple[int, int], BlockTensor] = {}
        self._count = 0

    def make(self, rows: int, columns: int) -> Linear:
        size = rows, columns
        if size not in self._drawn:
            self._drawn[size] = random_tensor(rows, columns, len(self._drawn), self._placement.device)
        self._count += 1
        drawn = self._drawn[size]
        tensor = BlockTensor(drawn.name, drawn.block_type, drawn.blocks.roll(self._count, 0))
        kernels = self._placement.kernels
        if kernels is not None:
            packed = kernels.pack([tensor])
            assert packed is not None
            return packed
        if self._is_dense:
            return DenseLinear(_dense(tensor, self._placement.device))
        return GpuInt4Linear(int4_slices([tensor]), rows, self._placement.device)


def _dense(tensor: BlockTensor, device: torch.device) -> Tensor:
    weight = torch.empty(tensor.num_rows, tensor.num_columns, dtype=torch.bfloat16, device=device)
    for start in range(0, tensor.num_rows, 4096):
        some = tensor.blocks[start : start + 4096].to(device)
        weight[start : start + 4096] = dequantise(tensor.block_type, some)
    return weight
