"""What a model folder holds: its summary in the words of `models show`, and whether it is sound.

Made without running the model. Progress comes up as values, and the report last.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from chatterm.errors import BadModelFile, ModelError
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.block_types import PLAIN_TYPES
from chatterm.models.checkpoint import Checkpoint
from chatterm.models.checkpoint_config import read_json
from chatterm.models.checkpoint_spec import Foreign
from chatterm.models.gguf import TensorInfo
from chatterm.models.progress import VerifyProgress
from chatterm.models.scales import count_broken
from chatterm.models.summary import ModelSummary, block_uses
from chatterm.models.verify import VerifyReport, hash_file

_MAX_PROBLEMS = 10


def summarise_folder(checkpoint: Checkpoint, tensors: Collection[TensorInfo]) -> ModelSummary:
    """Return the summary; `tensors` are those of the folder, as a GGUF file would have them."""
    spec, config = checkpoint.spec, checkpoint.config
    is_ours = isinstance(spec, ArchSpec)
    vocab_size = config.values.get("vocab_size")
    return ModelSummary(
        path=checkpoint.folder,
        file_size=checkpoint.size,
        title=None,
        architecture=spec.architecture if isinstance(spec, ArchSpec) else config.text("model_type"),
        licence=None,
        languages=(),
        num_parameters=checkpoint.num_parameters,
        vocab_size=vocab_size if isinstance(vocab_size, int) else 0,
        tokenizer=_tokenizer_class(checkpoint.folder),
        has_chat_template=checkpoint.chat_template is not None,
        spec=spec if isinstance(spec, ArchSpec) else None,
        problem=None if isinstance(spec, ArchSpec) else f"runs through transformers, because {spec.reason}",
        blocks=block_uses(tensors if is_ours else _plain_tensors(checkpoint)),
    )


def verify_folder(folder: Path) -> Iterator[VerifyProgress | VerifyReport]:
    """Yield progress, and last the report: on the headers, config.json and every plain number.

    The sha256 is that of the weights' files, one after the other. Raises ModelNotFound; BadModelFile where
    nothing can be read.
    """
    with closing(Checkpoint.open(folder)) as checkpoint:
        digest, before = hashlib.sha256(), 0
        for file in checkpoint.files:
            for step in _hashed(file.path, before, checkpoint.size):
                if isinstance(step, VerifyProgress):
                    yield step
                else:
                    digest.update(step.encode())
            before += file.size
        problems = list(_broken_tensors(checkpoint)) + list(_missing_files(folder))
        hidden = len(problems) - _MAX_PROBLEMS
        problems = problems[:_MAX_PROBLEMS] + ([f"and {hidden:,} more"] if hidden > 0 else [])
        yield VerifyReport(
            path=folder,
            size=checkpoint.size,
            sha256=digest.hexdigest(),
            entry=None,
            problems=tuple(problems),
        )


def _hashed(path: Path, before: int, total: int) -> Iterator[VerifyProgress | str]:
    """Yield progress, and last the file's sha256."""
    try:
        yield (yield from hash_file(path, lambda done: VerifyProgress(before + done, total)))
    except OSError as error:
        raise BadModelFile(f"{path} cannot be read: {error.strerror or error}") from error


def _broken_tensors(checkpoint: Checkpoint) -> Iterator[str]:
    """One number that is not finite turns every logit into NaN."""
    for name, (file, tensor) in checkpoint.tensors.items():
        kind = PLAIN_TYPES.get(tensor.dtype)
        if kind is not None and (num_broken := count_broken(file.data(tensor), kind)):
            yield f"{name} has {num_broken:,} values that are not finite"


def _missing_files(folder: Path) -> Iterator[str]:
    try:
        read_json(folder / "tokenizer.json", 2**27)
    except ModelError as error:
        yield str(error)


def _plain_tensors(checkpoint: Checkpoint) -> list[TensorInfo]:
    return [
        TensorInfo(name, tensor.shape, PLAIN_TYPES[tensor.dtype], 0, tensor.num_bytes, tensor.num_elements)
        for name, (_, tensor) in checkpoint.tensors.items()
        if tensor.dtype in PLAIN_TYPES
    ]


def _tokenizer_class(folder: Path) -> str | None:
    path = folder / "tokenizer_config.json"
    found = read_json(path, 2**23).get("tokenizer_class") if path.exists() else None
    return found if isinstance(found, str) else None


def describe_spec(spec: ArchSpec | Foreign) -> str:
    """Say in a few words what a folder's model is."""
    if isinstance(spec, Foreign):
        return f"through transformers, because {spec.reason}"
    return f"{spec.architecture}, {spec.num_layers} layers, context {spec.context_length:,}"
