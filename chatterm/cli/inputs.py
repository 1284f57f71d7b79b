"""What the user gives `ask`: words, standard input, files, and key=value pairs, read and checked.

Every command imports this to read its line; what reads documents is imported where there are any.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from chatterm.conversation import Document
    from chatterm.documents.units import Unit

STDIN = Path("-")
PIPED = "stdin"
"""The name of the document that was piped in; it is the first."""


def read_documents(files: Sequence[Path]) -> "tuple[Document, ...]":
    """Read standard input, where it is no terminal, then the files, folders and globs of -f (`-`: stdin).

    Of standard input only what has text counts. Raises InputRefused or UsageError, naming what was read.
    """
    from chatterm.documents.gather import check_total, read_all
    from chatterm.documents.read import read_stream

    documents = read_all([path for path in files if path != STDIN])
    if (STDIN in files or not stdin_is_terminal()) and sys.stdin is not None:
        piped = read_stream(sys.stdin.buffer, PIPED)
        documents = (piped, *documents) if piped.text.strip() else documents
        check_total(documents)
    return documents


def stdin_is_terminal() -> bool:
    """A closed standard input is no terminal."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def can_ask() -> bool:
    """Return whether somebody is there to read a question and to answer it."""
    return stdin_is_terminal() and sys.stderr is not None and sys.stderr.isatty()


def joined(words: Iterable[str]) -> str:
    """Join the words of a question; bytes of the command line that are no text become U+FFFD."""
    return clean(" ".join(words)).strip()


def clean(text: str) -> str:
    """Replace lone surrogates, which stand for undecodable bytes of the command line, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def pairs(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Split each KEY=VALUE. Raises UsageError naming `option`."""
    found = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} expects key=value, found {text!r}")
        found.append((key.strip(), clean(value)))
    return found


def engine_and_sampling_options(texts: Sequence[str]) -> tuple[dict[str, object], list[str]]:
    """Return the settings given with -o, under the names they have here, and the stop strings."""
    from chatterm.engine.option_names import STOP, option

    found: dict[str, object] = {}
    stops = []
    for key, value in pairs(texts, "-o"):
        name, parsed = option(key, value)
        if name == STOP:
            stops.append(value)
        else:
            found[name] = parsed
    return found, stops


def choices(text: str) -> tuple[str, ...]:
    """Split labels by commas, those of Chinese text too. They are checked where they are used."""
    return tuple(clean(label).strip() for label in re.split("[,，、]", text))


def unit(text: str) -> "Unit":
    """Read the unit of --each, also in the plural. Raises UnknownName."""
    from typing import cast, get_args

    from chatterm.documents.units import Unit

    known = get_args(Unit)
    name = text.strip().lower()
    found = next((one for one in known if name in (one, f"{one}s")), None)
    if found is None:
        raise UnknownName("unit of --each", text, known, f"(there are: {', '.join(known)})")
    return cast(Unit, found)


def with_default_counts(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with 0 for the number of `--logprobs` where none stands there.

    Typer has no options with a value that may be left out.
    """
    found = list(arguments)
    end = found.index("--") if "--" in found else len(found)
    for index in range(end):
        following = found[index + 1] if index + 1 < end else ""
        if found[index] == "--logprobs" and not re.fullmatch(r"-?\d+", following):
            found[index] = "--logprobs=0"
    return found


def given(values: Mapping[str, object | None]) -> dict[str, object]:
    """Return what was set: an option that was not given is None."""
    return {key: value for key, value in values.items() if value is not None}
