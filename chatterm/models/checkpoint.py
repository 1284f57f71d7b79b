"""A model folder in Hugging Face layout: its config.json and the tensors of its safetensors files.

Owns which files belong to the model, and that they are there and sound. Never reads pickles, nor a file
outside the folder that an index names; a link in the folder is followed, as the hub's own cache needs it.
Torch-free. What the numbers mean is `checkpoint_spec`'s and the engine's business.
"""

import hashlib
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from chatterm.errors import BadModelFile, ModelNotFound
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.checkpoint_config import CONFIG, ConfigReader, read_bytes, read_json
from chatterm.models.checkpoint_packing import PACKED
from chatterm.models.checkpoint_spec import Foreign, read_spec
from chatterm.models.safetensors import SafetensorsFile, StoredTensor

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_INDEX_LIMIT = 32 * 2**20
_TOKENIZER_CONFIG_LIMIT = 8 * 2**20
_MAX_SHARDS = 2000
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


_ENCODERS = {
    "bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie",
    "megatron-bert", "mobilebert", "rembert", "roberta", "roberta-prelayernorm", "roformer",
    "xlm-roberta", "xlm-roberta-xl", "xmod",
}  # fmt: skip
"""Types that write only where `is_decoder` says so; without it they see what comes after."""


class Place(NamedTuple):
    """Where a tensor is."""

    file: SafetensorsFile
    tensor: StoredTensor


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An open model folder; call `close` when done."""

    folder: Path
    config: ConfigReader
    """config.json; of a model with eyes, the part about text."""
    spec: ArchSpec | Foreign
    quantisation: ConfigReader | None
    """`quantization_config`."""
    files: tuple[SafetensorsFile, ...]
    tensors: Mapping[str, Place]
    """By transformers' names."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read and check config.json and the headers of all weights.

        Raises ModelNotFound where a file is absent, BadModelFile where one is not sound, holds pickles,
        or the model is none that writes text.
        """
        whole = ConfigReader(read_json(folder / CONFIG), str(folder / CONFIG))
        _check_writes_text(whole)
        config = whole.table("text_config") or whole
        spec = read_spec(config)
        files: list[SafetensorsFile] = []
        try:
            tensors = _open_weights(folder, files)
        except BaseException:
            for file in files:
                file.close()
            raise
        return cls(folder, config, spec, whole.table("quantization_config"), tuple(files), tensors)

    @property
    def size(self) -> int:
        """Of the weights, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def num_parameters(self) -> int:
        """Values in all tensors; of a packed matrix, those that its codes stand for."""
        count = 0
        for name, (_, tensor) in self.tensors.items():
            if not name.endswith((".qzeros", ".scales", ".g_idx")):
                count += tensor.num_elements * (8 if name.endswith(PACKED) else 1)
        return count

    @property
    def chat_template(self) -> str | None:
        """The source of chat_template.jinja, else of tokenizer_config.json; None for a base model.

        Of several it is `default`. Raises BadModelFile where it is no text.
        """
        path = self.folder / "chat_template.jinja"
        if path.exists():
            return _decoded(read_bytes(path), path) or None
        path = self.folder / "tokenizer_config.json"
        found = read_json(path, _TOKENIZER_CONFIG_LIMIT).get("chat_template") if path.exists() else None
        if isinstance(found, list):
            named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
            found = named.get("default")
        if found is not None and not isinstance(found, str):
            raise BadModelFile(f"{path}: chat_template should be a text, but is {reprlib.repr(found)}")
        return found or None

    @property
    def identity(self) -> str:
        """Differs where config.json or a header does."""
        digest = hashlib.sha256(repr(sorted(self.config.values.items())).encode())
        for file in self.files:
            digest.update(file.header_sha256.encode())
        return f"safetensors:{self.size}:{digest.hexdigest()}"

    def close(self) -> None:
        """Harmless when repeated."""
        for file in self.files:
            file.close()


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadModelFile(f"{path} is no text in UTF-8: {error}; fetch it again") from error


def _check_writes_text(config: ConfigReader) -> None:
    """Raises BadModelFile for encoders and the like, before anything else is read."""
    named = config.values.get("architectures") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        config.refuse("architectures", "a list of names", named)
    model_type = config.text("model_type")
    fits = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in named)
    fits = fits and (model_type not in _ENCODERS or config.values.get("is_decoder") is True)
    has_eyes = model_type == "gemma3" and "text_config" in config.values
    if config.values.get("is_encoder_decoder") is True or not (fits or has_eyes):
        what = ", ".join(named)[:80] or f"a {model_type[:40]} model without a head"
        raise BadModelFile(
            f"{config.where}: the model is {what}, which does not go on with a text (a masked model, an"
            " encoder or the like); choose a model whose architecture ends in ForCausalLM"
        )


def _open_weights(folder: Path, files: list[SafetensorsFile]) -> dict[str, Place]:
    """Open the weights' files into `files`."""
    if (folder / _WEIGHTS).exists() or (folder / _WEIGHTS).is_symlink():
        return _places([folder / _WEIGHTS], files)
    if not (folder / _INDEX).exists():
        raise _without_weights(folder)
    index = read_json(folder / _INDEX, _INDEX_LIMIT)
    where = ConfigReader(index, str(folder / _INDEX))
    weight_map = where.table("weight_map")
    if weight_map is None or not weight_map.values:
        where.refuse("weight_map", "an object that names a file for each tensor", None)
    names = {weight_map.text(name) for name in weight_map.values}
    if len(names) > _MAX_SHARDS:
        weight_map.refuse("files", f"at most {_MAX_SHARDS:,}", len(names))
    for name in names:
        if not name.endswith(".safetensors") or Path(name).name != name:
            weight_map.refuse("each file", "a .safetensors file of the same folder", name)
    tensors = _places([folder / name for name in sorted(names)], files)
    for name, file_name in weight_map.values.items():
        if name not in tensors or tensors[name].file.path.name != file_name:
            raise BadModelFile(
                f"{folder / str(file_name)} has no tensor {name[:80]!r}, though {_INDEX} says so;"
                " the files are of different models: fetch them again"
            )
    return tensors


def _places(paths: list[Path], files: list[SafetensorsFile]) -> dict[str, Place]:
    tensors: dict[str, Place] = {}
    for path in paths:
        file = SafetensorsFile.open(path)
        files.append(file)
        for name, tensor in file.tensors.items():
            if name in tensors:
                other = tensors[name].file.path
                raise BadModelFile(f"{path} has tensor {name[:80]!r}, which {other} has too")
            tensors[name] = Place(file, tensor)
    return tensors


def _without_weights(folder: Path) -> BadModelFile | ModelNotFound:
    if any(True for _ in _pickles(folder)):
        return BadModelFile(
            f"{folder} has its weights as pickles (.bin, .pt), which chatterm never loads because they can"
            " run code; use a folder with .safetensors files, or a GGUF file of the model"
        )
    return ModelNotFound(f"{folder} has neither {_WEIGHTS} nor {_INDEX}; fetch the model's weights")


def _pickles(folder: Path) -> Iterator[Path]:
    for pattern in _PICKLES:
        yield from folder.glob(pattern)
