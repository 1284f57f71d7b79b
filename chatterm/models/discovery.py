"""From the name a user gives to a model: of the catalogue, in the models folder, or a path.

A model is a GGUF file, or a folder in Hugging Face layout. Looks at names and folders only; whether they
are sound is found out by opening them (`gguf`, `checkpoint`).
"""

from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import BadModelFile, ModelNotFound, UnknownName
from chatterm.models.catalogue import Catalogue, CatalogueEntry
from chatterm.models.checkpoint_config import CONFIG, is_checkpoint

_WEIGHT_SUFFIXES = frozenset({".gguf", ".safetensors", ".bin", ".pt", ".pth", ".ckpt"})


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that is there."""

    path: Path
    """A file, or a folder in Hugging Face layout."""
    name: str
    """As shown to people: the catalogue's name, else the file's without `.gguf`, or the folder's."""
    entry: CatalogueEntry | None = None
    """Of the catalogue, by the file's name in the models folder; None for a model it does not know."""

    @property
    def size(self) -> int:
        """In bytes; of a folder, its weights'. Raises OSError."""
        files = self.path.glob("*.safetensors") if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files)


def resolve(name: str, models_dir: Path, catalogue: Catalogue) -> ModelFile | CatalogueEntry:
    """Find the model called `name`; a catalogue entry where it is known but not fetched yet.

    Looked up in this order: names and aliases of the catalogue; what is in the models folder, files with
    or without `.gguf`; paths. Raises ModelNotFound where a path leads nowhere, UnknownName with the
    nearest name for any other word, BadModelFile for a folder that holds no model.
    """
    entry = catalogue.get(name)
    if entry is not None:
        path = models_dir / entry.file_name
        return ModelFile(path, entry.name, entry) if path.is_file() else entry
    models = installed(models_dir, catalogue)
    for model in models:
        if name in {model.path.name, _title(model.path)}:
            return model
    path = Path(name)
    try:
        path = path.expanduser()
        if name and path.is_dir() and not is_checkpoint(path):
            raise BadModelFile(f"{path} is a folder without {CONFIG}; name a .gguf file or a model's folder")
        if name and path.exists():
            return _of_path(path, models)
    except (OSError, RuntimeError) as error:  # a name too long, a folder that may not be read, ~nobody
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelNotFound(f"the model file {name[:200]} cannot be reached: {reason}") from error
    if "/" in name or path.suffix in _WEIGHT_SUFFIXES:
        raise ModelNotFound(f"there is no model file {path}; `chatterm models list` shows what is there")
    known = {*catalogue.names, *(model.name for model in models)}
    raise UnknownName("model", name, known, "(`chatterm models list` shows what there is)")


def installed(models_dir: Path, catalogue: Catalogue) -> list[ModelFile]:
    """Return the GGUF files and model folders in the models folder by name; none where it is not there."""
    if not models_dir.is_dir():
        return []
    paths = [path for path in models_dir.glob("*.gguf") if path.is_file()]
    paths += [config.parent for config in models_dir.glob(f"[!.]*/{CONFIG}") if config.is_file()]
    return [_of_folder(path, catalogue) for path in sorted(paths)]


def _of_folder(path: Path, catalogue: Catalogue) -> ModelFile:
    entry = catalogue.of_file(path.name)
    return ModelFile(path, entry.name if entry else _title(path), entry)


def _of_path(path: Path, models: list[ModelFile]) -> ModelFile:
    """A path into the models folder is the model there, with what the catalogue knows of it."""
    same = (model for model in models if model.path.samefile(path))
    return next(same, None) or ModelFile(path, _title(path))


def _title(path: Path) -> str:
    return path.stem if path.suffix == ".gguf" else path.name or path.resolve().name
