"""What a shell completes behind options of `ask`: prompts, units, languages. Imported work is lazy."""

import os

from chatterm.errors import ChattermError


def prompt_names(incomplete: str) -> list[str]:
    """Return the prompts whose name begins like this; none where the library cannot be read."""
    from chatterm.cli.prompt_folders import open_library
    from chatterm.config import Paths

    try:
        names = open_library(Paths.from_environment(os.environ)).names()
    except (ChattermError, OSError):
        return []  # a shell has no place for an error
    return [name for name in names if name.startswith(incomplete)]


def units(incomplete: str) -> list[str]:
    """Return the units of --each."""
    from typing import get_args

    from chatterm.documents.units import Unit

    return [unit for unit in get_args(Unit) if unit.startswith(incomplete)]


def languages(incomplete: str) -> list[str]:
    return [lang for lang in ("en", "zh") if lang.startswith(incomplete)]
