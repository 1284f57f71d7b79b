"""PromptLibrary: the prompt files of several folders, the first folder winning.

Nothing is kept between calls: a file edited while the program runs is read as it is. A broken file breaks
only itself.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import UnknownName
from chatterm.prompts.aliases import ALIASES
from chatterm.prompts.header import PromptHeader
from chatterm.prompts.problems import Place, Problem, located
from chatterm.prompts.template import PromptTemplate, load_prompt

SNIPPETS = "snippets"
"""The folder beside the domains whose files are no prompts, but texts for `use`."""
_SUFFIX = ".md"
NAME_PATTERN = re.compile(r"[\w-]+(/[\w-]+)?")
"""Of a prompt's id."""
_ADVICE = "(see `chatterm prompts list`)"


@dataclass(frozen=True, slots=True)
class PromptFolder:
    """A folder of prompts, `domain/name.md`."""

    origin: str
    """Where it comes from, in a word for people: yours, shipped."""
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEntry:
    """A prompt file as a listing shows it."""

    id: str
    origin: str
    path: Path
    header: PromptHeader | None
    """Without its tests. None where the file is broken, or the entry stands for an unreadable folder."""
    problems: tuple[Problem, ...]
    """Of the front matter and the sections; texts and tests are not looked into."""
    is_shadowed: bool
    """A folder before this one has a prompt of the same id, which is used instead."""
    is_changed: bool
    """A folder after this one has a prompt of the same id, which this one replaces."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A file of the library, which may be broken."""

    id: str
    folder: PromptFolder
    path: Path


class PromptLibrary:
    """Finds prompts by name. A folder that does not exist holds none."""

    def __init__(self, folders: Sequence[PromptFolder]) -> None:
        """Take the folders, the one that wins first."""
        self._folders = tuple(folders)

    def entries(self, origin: str | None = None) -> list[PromptEntry]:
        """Return every prompt file, by id, the one in use before those it shadows.

        With `origin` those of one folder: the others are found, but not read.
        """
        files, unreadable = self._scan()
        in_use: dict[str, PromptFile] = {}
        for file in files:
            in_use.setdefault(file.id, file)
        ids = [file.id for file in files]
        entries = [
            self._entry(
                file,
                is_shadowed=in_use[file.id] is not file,
                is_changed=in_use[file.id] is file and ids.count(file.id) > 1,
            )
            for file in files
            if origin in (None, file.folder.origin)
        ]
        unread = (entry for entry in unreadable if origin in (None, entry.origin))
        return sorted([*entries, *unread], key=lambda entry: entry.id)

    def names(self) -> list[str]:
        """Return the ids of all prompts in use, without reading them."""
        return sorted({file.id for file in self._scan()[0]})

    def get(self, name: str) -> PromptTemplate:
        """Return the prompt of this id, bare name, alias or path.

        Raises UnknownName with the nearest name, BrokenPrompt where the file has errors.
        """
        if _is_path(name):
            path = Path(name).expanduser()
            return load_prompt(path, path.stem, find=self.find).usable(name)
        file = self._find(name)
        return load_prompt(file.path, file.id, find=self.find).usable(file.id)

    def versions(self, name: str) -> list[PromptFile]:
        """Return every file of the prompt called `name`, also broken ones, the one in use first.

        Raises UnknownName.
        """
        prompt_id = self._find(name).id
        return [file for file in self._scan()[0] if file.id == prompt_id]

    def find(self, prompt_id: str, path: Path) -> Path | None:
        """Return the first file of this id other than `path`: an own prompt may extend what it replaces."""
        if not NAME_PATTERN.fullmatch(prompt_id):
            return None
        files = (folder.path / f"{prompt_id}{_SUFFIX}" for folder in self._folders)
        return next((file for file in files if file != path and file.is_file()), None)

    def _find(self, name: str) -> PromptFile:
        files, _ = self._scan()
        for wanted in (name, ALIASES.get(name)):
            exact = next((file for file in files if file.id == wanted), None)
            if exact:
                return exact
        bare = [file for file in files if file.id.rpartition("/")[2] == name]
        ids = sorted({file.id for file in bare})
        if len(ids) == 1:
            return bare[0]
        if ids:
            raise UnknownName("one prompt", name, ids, f"several are: {', '.join(ids)}; name one in full")
        raise UnknownName("prompt", name, _names_and_aliases(files), _ADVICE)

    def _entry(self, file: PromptFile, *, is_shadowed: bool, is_changed: bool) -> PromptEntry:
        loaded = load_prompt(file.path, file.id, find=self.find, is_listing=True)
        return PromptEntry(
            id=file.id,
            origin=file.folder.origin,
            path=file.path,
            header=loaded.header if not loaded.problems else None,
            problems=loaded.problems + misnamed(file.id, file.path),
            is_shadowed=is_shadowed,
            is_changed=is_changed,
        )

    def _scan(self) -> tuple[list[PromptFile], list[PromptEntry]]:
        """Return the files of all folders, in the order in which they win, and the folders that failed."""
        files: list[PromptFile] = []
        unreadable: list[PromptEntry] = []
        for folder in self._folders:
            try:
                files += sorted(_files(folder), key=lambda file: file.id)
            except FileNotFoundError:
                continue
            except OSError as error:
                unreadable.append(_failed(folder, error))
        return files, unreadable


def _files(folder: PromptFolder) -> Iterator[PromptFile]:
    """Yield `name.md` and `domain/name.md`, and what lies deeper (which `check` reports)."""

    def fail(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder.path, onerror=fail):
        is_top = Path(root) == folder.path
        folders[:] = [
            name for name in folders if not name.startswith(".") and not (is_top and name == SNIPPETS)
        ]
        for name in names:
            if name.endswith(_SUFFIX) and not name.startswith("."):
                path = Path(root, name)
                yield PromptFile(path.relative_to(folder.path).with_suffix("").as_posix(), folder, path)


def misnamed(prompt_id: str, path: Path) -> tuple[Problem, ...]:
    """Return the problem of a file whose place in its folder is no prompt's name."""
    if NAME_PATTERN.fullmatch(prompt_id):
        return ()
    advice = "place it as domain/name.md, of letters, digits, - and _"
    return located([Problem("E31", f"{prompt_id!r} cannot be a prompt's name", Place(1), advice)], path, ())


def _failed(folder: PromptFolder, error: OSError) -> PromptEntry:
    problem = Problem("E12", f"cannot be read: {error.strerror or error}", Place(1), "check its permissions")
    return PromptEntry(
        id="",
        origin=folder.origin,
        path=folder.path,
        header=None,
        problems=located([problem], folder.path, ()),
        is_shadowed=False,
        is_changed=False,
    )


def _is_path(name: str) -> bool:
    return name.endswith(_SUFFIX) or name.startswith((".", "/", "~"))


def _names_and_aliases(files: Sequence[PromptFile]) -> set[str]:
    ids = {file.id for file in files}
    bare = {prompt_id.rpartition("/")[2] for prompt_id in ids}
    return ids | bare | {alias for alias, prompt_id in ALIASES.items() if prompt_id in ids}
