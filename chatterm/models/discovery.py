"""From the name a user gives to a model: a name of the catalogue, a file of the models folder, or a path.

Looks at names and folders only; whether a file is a sound model is found out by opening it (`gguf`).
"""

from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import BadModelFile, ModelNotFound, UnknownName
from chatterm.models.catalogue import Catalogue, CatalogueEntry

_WEIGHT_SUFFIXES = frozenset({".gguf", ".safetensors", ".bin", ".pt", ".pth", ".ckpt"})


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that is there."""

    path: Path
    name: str
    """As shown to people: the catalogue's name, else the file's without `.gguf`."""
    entry: CatalogueEntry | None = None
    """Of the catalogue, by the file's name in the models folder; None for a model it does not know."""


def resolve(name: str, models_dir: Path, catalogue: Catalogue) -> ModelFile | CatalogueEntry:
    """Find the model called `name`; a catalogue entry where it is known but not fetched yet.

    Looked up in this order: names and aliases of the catalogue; files of the models folder, with or
    without `.gguf`; paths. Raises ModelNotFound where a path leads nowhere, UnknownName with the
    nearest name for any other word, BadModelFile for a folder.
    """
    entry = catalogue.get(name)
    if entry is not None:
        path = models_dir / entry.file_name
        return ModelFile(path, entry.name, entry) if path.is_file() else entry
    models = installed(models_dir, catalogue)
    for model in models:
        if name in {model.path.name, model.path.stem}:
            return model
    path = Path(name)
    try:
        path = path.expanduser()
        if name and path.is_dir():
            raise _folder_error(path)
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
    """Return the GGUF files of the models folder by name; none where there is no such folder."""
    if not models_dir.is_dir():
        return []
    paths = sorted(path for path in models_dir.glob("*.gguf") if path.is_file())
    return [_of_folder(path, catalogue) for path in paths]


def _of_folder(path: Path, catalogue: Catalogue) -> ModelFile:
    entry = catalogue.of_file(path.name)
    return ModelFile(path, entry.name if entry else path.stem, entry)


def _of_path(path: Path, models: list[ModelFile]) -> ModelFile:
    """A path into the models folder is the model there, with what the catalogue knows of it."""
    same = (model for model in models if model.path.samefile(path))
    return next(same, None) or ModelFile(path, path.stem if path.suffix == ".gguf" else path.name)


def _folder_error(path: Path) -> BadModelFile:
    if (path / "config.json").is_file():
        what = "a model folder in Hugging Face layout, which is not supported yet"
        return BadModelFile(f"{path} is {what}; use a GGUF file of the same model")
    return BadModelFile(f"{path} is a folder; name a .gguf file in it")
