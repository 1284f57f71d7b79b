"""Where a model comes from: a GGUF file or a folder, opened through one door. Torch-free until loaded."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import ModelError, UsageError
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.block_types import PLAIN_TYPES, BlockType
from chatterm.models.checkpoint import Checkpoint
from chatterm.models.checkpoint_names import has_eyes
from chatterm.models.checkpoint_packing import Layout
from chatterm.models.checkpoint_spec import Foreign
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters

if TYPE_CHECKING:
    from chatterm.engine.local.decoder.any_decoder import AnyDecoder
    from chatterm.engine.local.decoder.linear import LoadPlan

_TARGETS = {"int4": BlockType.Q4_1, "int8": BlockType.Q8_0}
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")


class ModelSource(Protocol):
    """An open model, not loaded yet."""

    @property
    def identity(self) -> str:
        """Differs where the weights do."""
        ...

    @property
    def context_length(self) -> int:
        """In tokens, as trained."""
        ...

    @property
    def num_parameters(self) -> int: ...

    @property
    def chat_template(self) -> str | None:
        """Its source; None for a base model."""
        ...

    def open_tokenizer(self, cache: Path | None = None) -> Tokenizer:
        """`cache` is a folder for what takes long to find out. Raises ModelError."""
        ...

    def load(self, plan: "LoadPlan") -> "tuple[AnyDecoder, tuple[str, ...]]":
        """Place the weights; return the model, with notes on how they are kept. Raises ModelError."""
        ...


def open_source(path: Path, quantising: str | None = None) -> ModelSource:
    """Open a GGUF file, or a folder in Hugging Face layout, and check all that can be without torch.

    Raises ModelNotFound, BadModelFile; UsageError where `quantising` is neither int4 nor int8, or the weights
    are quantised already; ModelError where the folder needs transformers and that is not installed.
    """
    if quantising is not None and quantising not in _TARGETS:
        raise UsageError(f"weights can be quantised to {' or '.join(_TARGETS)}, found {quantising[:40]!r}")
    target = None if quantising is None else _TARGETS[quantising]
    if not path.is_dir():
        return GGUFSource.open(path, target)
    checkpoint = Checkpoint.open(path)
    if isinstance(checkpoint.spec, Foreign):
        return ForeignSource.open(checkpoint, checkpoint.spec, target)
    return FolderSource.open(checkpoint, checkpoint.spec, target)


@dataclass(frozen=True, slots=True)
class GGUFSource:
    """A GGUF file."""

    file: GGUFFile
    spec: ArchSpec
    target: BlockType | None

    @classmethod
    def open(cls, path: Path, target: BlockType | None) -> "GGUFSource":
        file = GGUFFile.open(path)
        spec = read_hyperparameters(file)
        kinds = {tensor.block_type for tensor in file.tensors.values() if len(tensor.shape) > 1}
        if target is not None and (packed := kinds - {*PLAIN_TYPES.values()}):
            raise _is_quantised(path, ", ".join(sorted(kind.name for kind in packed)))
        return cls(file, spec, target)

    @property
    def identity(self) -> str:
        return f"gguf:{self.file.size}:{self.file.header_sha256}{_suffix(self.target)}"

    @property
    def context_length(self) -> int:
        return self.spec.context_length

    @property
    def num_parameters(self) -> int:
        return sum(tensor.num_elements for tensor in self.file.tensors.values())

    @property
    def chat_template(self) -> str | None:
        return self.file.get("tokenizer.chat_template", str, "") or None

    def open_tokenizer(self, cache: Path | None = None) -> Tokenizer:
        return Tokenizer.from_metadata(self.file.metadata, str(self.file.path), cache)

    def load(self, plan: "LoadPlan") -> "tuple[AnyDecoder, tuple[str, ...]]":
        from chatterm.engine.local.decoder.loading import load_planned
        from chatterm.engine.local.weights.quantised_weights import quantised
        from chatterm.engine.local.weights.tensors import WeightFile

        weights = quantised(WeightFile(self.file), self.target)
        return load_planned(weights, self.spec, plan)


@dataclass(frozen=True, slots=True)
class _Folder:
    """What every folder tells of itself."""

    checkpoint: Checkpoint

    @property
    def num_parameters(self) -> int:
        return self.checkpoint.num_parameters

    @property
    def chat_template(self) -> str | None:
        return self.checkpoint.chat_template


@dataclass(frozen=True, slots=True)
class FolderSource(_Folder):
    """A folder of a family that chatterm's own decoder runs."""

    spec: ArchSpec
    target: BlockType | None

    @classmethod
    def open(cls, checkpoint: Checkpoint, spec: ArchSpec, target: BlockType | None) -> "FolderSource":
        layout = Layout.read(checkpoint.quantisation)
        if target is not None and layout is not None:
            raise _is_quantised(checkpoint.folder, layout.method)
        return cls(checkpoint, spec, target)

    @property
    def identity(self) -> str:
        return self.checkpoint.identity + _suffix(self.target)

    @property
    def context_length(self) -> int:
        return self.spec.context_length

    def open_tokenizer(self, cache: Path | None = None) -> Tokenizer:
        return Tokenizer.from_folder(self.checkpoint.folder, self.spec.vocab_size)

    def load(self, plan: "LoadPlan") -> "tuple[AnyDecoder, tuple[str, ...]]":
        from chatterm.engine.local.decoder.loading import load_planned
        from chatterm.engine.local.weights.checkpoint_weights import CheckpointWeights
        from chatterm.engine.local.weights.quantised_weights import quantised

        weights = quantised(CheckpointWeights.open(self.checkpoint), self.target)
        decoder, notes = load_planned(weights, self.spec, plan)
        if has_eyes(self.checkpoint.tensors):
            notes = (*notes, "reads text only: the part of the model that sees pictures is left out")
        return decoder, notes


@dataclass(frozen=True, slots=True)
class ForeignSource(_Folder):
    """A folder that only transformers can run."""

    reason: str
    num_tokens: int
    context_length: int

    @classmethod
    def open(cls, checkpoint: Checkpoint, foreign: Foreign, target: BlockType | None) -> "ForeignSource":
        folder, config = checkpoint.folder, checkpoint.config
        if target is not None:
            raise UsageError(
                f"{folder} runs through transformers, because {foreign.reason}; its weights cannot be "
                "quantised on load: leave --quantize out"
            )
        if find_spec("transformers") is None:
            raise ModelError(
                f"{folder} needs the transformers library, because {foreign.reason}; "
                "install it with: pip install 'chatterm[transformers]'"
            )
        limit = next((key for key in _CONTEXT_KEYS if config.values.get(key) is not None), None)
        return cls(
            checkpoint,
            foreign.reason,
            config.integer("vocab_size", 1, 2**24),
            2048 if limit is None else config.integer(limit, 1, 2**26),
        )

    @property
    def identity(self) -> str:
        return self.checkpoint.identity

    def open_tokenizer(self, cache: Path | None = None) -> Tokenizer:
        return Tokenizer.from_folder(self.checkpoint.folder, self.num_tokens)

    def load(self, plan: "LoadPlan") -> "tuple[AnyDecoder, tuple[str, ...]]":
        # Read when they are imported: nothing of the model's is asked for elsewhere.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from chatterm.engine.local.decoder.foreign_decoder import ForeignDecoder

        note = f"runs through transformers, because {self.reason}: slower, and its weights are not packed"
        return ForeignDecoder.open(self.checkpoint.folder, plan.placement), (note,)


def _suffix(target: BlockType | None) -> str:
    return "" if target is None else f":{target.name}"


def _is_quantised(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{path} is quantised already ({what[:80]}), and quantising it again would only make it worse; "
        "leave --quantize out, or name a model with plain weights"
    )
