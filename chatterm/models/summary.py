"""What a model file holds, in the words of `models show`: a frozen value, made without running the model."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.gguf import BlockType, GGUFFile, TensorInfo
from chatterm.models.hyperparameters import read_hyperparameters


@dataclass(frozen=True, slots=True)
class BlockUse:
    """How much of a model is stored as one block type."""

    block_type: BlockType
    num_tensors: int
    num_elements: int
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """What a model file says of itself, and what its tensors add up to."""

    path: Path
    file_size: int
    """In bytes."""
    title: str | None
    """`general.name`: foreign text."""
    architecture: str
    licence: str | None
    languages: tuple[str, ...]
    num_parameters: int
    """Values in all tensors; a tied head counts once."""
    vocab_size: int
    """Tokens the file names."""
    tokenizer: str | None
    """`tokenizer.ggml.model` and its rules for splitting words, e.g. `gpt2/smollm`."""
    has_chat_template: bool
    spec: ArchSpec | None
    """None where the architecture is not supported, or its numbers are out of range; `problem` says which."""
    problem: str | None
    blocks: tuple[BlockUse, ...]
    """By bytes, the largest first."""


def summarise(file: GGUFFile) -> ModelSummary:
    """Return the summary. Raises BadModelFile only where the file names no architecture."""
    spec, problem = _spec(file)
    tokenizer = [_text(file, f"tokenizer.ggml.{key}") for key in ("model", "pre")]
    return ModelSummary(
        path=file.path,
        file_size=file.size,
        title=_text(file, "general.name"),
        architecture=file.architecture,
        licence=_text(file, "general.license"),
        languages=tuple(map(str, _list(file, "general.languages"))),
        num_parameters=sum(tensor.num_elements for tensor in file.tensors.values()),
        vocab_size=len(_list(file, "tokenizer.ggml.tokens")),
        tokenizer="/".join(part for part in tokenizer if part) or None,
        has_chat_template=_text(file, "tokenizer.chat_template") is not None,
        spec=spec,
        problem=problem,
        blocks=block_uses(file.tensors.values()),
    )


def _spec(file: GGUFFile) -> tuple[ArchSpec | None, str | None]:
    try:
        return read_hyperparameters(file), None
    except BadModelFile as error:
        return None, str(error)


def _text(file: GGUFFile, key: str) -> str | None:
    """Whatever is no text counts as absent: a summary describes what is there."""
    value = file.metadata.get(key)
    return value if isinstance(value, str) else None


def _list(file: GGUFFile, key: str) -> list[object]:
    value = file.metadata.get(key)
    return list(value) if isinstance(value, list) else []


def block_uses(tensors: Collection[TensorInfo]) -> tuple[BlockUse, ...]:
    """Return how much is stored as which block type, the largest share first."""
    by_type: dict[BlockType, list[TensorInfo]] = defaultdict(list)
    for tensor in tensors:
        by_type[tensor.block_type].append(tensor)
    uses = [
        BlockUse(kind, len(some), sum(t.num_elements for t in some), sum(t.num_bytes for t in some))
        for kind, some in by_type.items()
    ]
    return tuple(sorted(uses, key=lambda use: use.num_bytes, reverse=True))
