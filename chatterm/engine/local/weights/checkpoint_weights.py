"""The tensors of a model folder as the loader asks for them: by GGUF's names, in GGUF's block types.

Plain numbers stay as they are; GPTQ's and AWQ's codes become Q4_1 blocks, matrix by
matrix. Norms that gemma's files keep less 1 get it back, as in a GGUF.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from chatterm.engine.local.weights.grouped_codes import GroupedCodes
from chatterm.engine.local.weights.packing import PLAIN_DTYPES, dequantise
from chatterm.engine.local.weights.tensors import BlockTensor, FileBytes, wrong_shape
from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.block_types import PLAIN_TYPES, BlockType
from chatterm.models.checkpoint import Checkpoint, Place
from chatterm.models.checkpoint_names import gguf_name, is_left_out, is_norm_less_one
from chatterm.models.checkpoint_packing import PACKED, Layout

_DTYPES = {
    **{kind.name: dtype for kind, dtype in PLAIN_DTYPES.items()},
    "I32": torch.int32,
    "I64": torch.int64,
}
_PARTS = (PACKED, ".qzeros", ".scales", ".g_idx")


@dataclass(frozen=True, slots=True)
class CheckpointWeights:
    """Weights of an open folder."""

    folder: Path
    spec: ArchSpec
    layout: Layout | None
    """Of packed matrices; None: there are none."""
    places: Mapping[str, Place]
    """By GGUF's names; a tensor that has none by its own."""
    files: Mapping[Path, FileBytes]

    @classmethod
    def open(cls, checkpoint: Checkpoint) -> "CheckpointWeights":
        """Raises BadModelFile where packed matrices are of a kind that cannot be read, or a file changed."""
        spec = checkpoint.spec
        assert isinstance(spec, ArchSpec), "another engine runs what the decoder cannot"
        layout = Layout.read(checkpoint.quantisation)
        kept = {name: place for name, place in checkpoint.tensors.items() if not is_left_out(name, spec)}
        return cls(
            checkpoint.folder,
            spec,
            layout,
            {gguf_name(name, spec) or name: place for name, place in kept.items()},
            {file.path: FileBytes(file.path, file.size) for file in checkpoint.files},
        )

    def __contains__(self, name: str) -> bool:
        return name in self.places or self._part(name, PACKED) in self.places

    def matrix(self, name: str, shape: tuple[int, int]) -> BlockTensor:
        """Raises as Weights says, and BadModelFile for a type that cannot be read."""
        if name not in self.places and name in self:
            return self._packed_matrix(name, shape)
        return self._plain(name, shape)

    def vector(self, name: str, length: int) -> BlockTensor:
        tensor = self._plain(name, (length,))
        if not is_norm_less_one(name, self.spec):
            return tensor
        values = dequantise(tensor.block_type, tensor.blocks) + 1
        return BlockTensor(name, BlockType.F32, values.view(torch.uint8).view(1, length, 4))

    def unused(self, names: Sequence[str]) -> list[str]:
        """Packed matrices may come with biases of zeros, which change nothing."""
        known = set(names)
        for name in names:
            known.update(self._part(name, part) for part in _PARTS)
        return sorted(name for name in set(self.places) - known if not self._is_zero_bias(name))

    def _part(self, name: str, part: str) -> str:
        return name.removesuffix(".weight") + part if name.endswith(".weight") else name

    def _is_zero_bias(self, name: str) -> bool:
        is_beside_codes = name.endswith(".bias") and name.removesuffix(".bias") + PACKED in self.places
        return is_beside_codes and not bool(self._raw(self.places[name]).any())

    def _plain(self, name: str, shape: tuple[int, ...]) -> BlockTensor:
        place = self.places.get(name)
        if place is None:
            raise BadModelFile(f"{self.folder} has no tensor {name!r}, which its architecture needs")
        if place.tensor.shape != shape:
            raise wrong_shape(place.file.path, place.tensor.name, shape, place.tensor.shape)
        block_type = PLAIN_TYPES.get(place.tensor.dtype)
        if block_type is None:
            raise BadModelFile(
                f"{place.file.path}: tensor {place.tensor.name!r} is of type {place.tensor.dtype}, but"
                f" chatterm reads {', '.join(PLAIN_TYPES)}; choose another form of the model, or a"
                " GGUF file of it"
            )
        rows = shape[0] if len(shape) == 2 else 1
        return BlockTensor(name, block_type, self._raw(place).view(rows, -1, block_type.type_size))

    def _raw(self, place: Place) -> torch.Tensor:
        """Return a tensor's bytes."""
        return self.files[place.file.path].read(place.tensor.offset, place.tensor.num_bytes)

    def _values(self, name: str) -> torch.Tensor:
        """Return a tensor's numbers in their own type."""
        place = self.places[name]
        return self._raw(place).view(_DTYPES[place.tensor.dtype]).view(place.tensor.shape)

    def _packed_matrix(self, name: str, shape: tuple[int, int]) -> BlockTensor:
        if self.layout is None:
            raise BadModelFile(
                f"{self.folder}: {name!r} is packed, but config.json has no quantization_config that says how"
            )
        parts: dict[str, torch.Tensor] = {}
        for part in _PARTS:
            place = self.places.get(self._part(name, part))
            if place is not None and place.tensor.dtype not in _DTYPES:
                raise BadModelFile(
                    f"{place.file.path}: tensor {place.tensor.name!r} is of type {place.tensor.dtype}, "
                    "which packed matrices are not made of; fetch the model again"
                )
            if place is not None:
                parts[part] = self._values(self._part(name, part))
        where = f"{self.folder}: {name!r}"
        codes = GroupedCodes.read(self.layout, parts, shape, where)
        return BlockTensor(name, BlockType.Q4_1, codes.blocks())
