"""What a folder's .gitignore files leave out, as git reads them: those above it in the repository too."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_NAME = ".gitignore"
_MAX_CHARS = 2**20


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules that hold in one folder."""

    specs: tuple[tuple[Path, "GitIgnoreSpec"], ...] = ()
    """Each with the folder its patterns are relative to; the innermost, which wins, last."""

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Whether `path`, below all of the folders, is left out."""
        for folder, spec in reversed(self.specs):
            shown = path.relative_to(folder).as_posix() + "/" * is_folder
            if (is_matched := spec.check_file(shown).include) is not None:
                return is_matched
        return False

    def inside(self, folder: Path) -> "IgnoreRules":
        """Return the rules that hold in `folder`, a folder below."""
        spec = _spec_in(folder)
        return IgnoreRules((*self.specs, (folder, spec))) if spec else self


def rules_above(folder: Path) -> IgnoreRules:
    """Return what the repository says of what is in `folder`; nothing where it leaves out `folder` itself.

    Who names an ignored folder wants what is in it.
    """
    here = next((parent for parent in (folder, *folder.parents) if _is_repository(parent)), folder)
    rules = IgnoreRules()
    for step in folder.relative_to(here).parts:
        rules = rules.inside(here)
        here /= step
        if rules.ignores(here, is_folder=True):
            return IgnoreRules()
    return rules


def _is_repository(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / ".git").exists()
    return False


def _spec_in(folder: Path) -> "GitIgnoreSpec | None":
    """Read the folder's own file; what is none (a pipe would never end), or is no pattern, says nothing."""
    path = folder / _NAME
    try:
        if not path.is_file():
            return None
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MAX_CHARS).splitlines()
    except OSError:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
