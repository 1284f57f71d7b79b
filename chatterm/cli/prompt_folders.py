"""Where prompts are found: the one list of folders.

It stands apart from the rest of the wiring, whose imports take as long as listing all prompts.
"""

from pathlib import Path

from chatterm.config import Paths
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts

YOURS, SHIPPED = "yours", "shipped"


def open_library(paths: Paths) -> PromptLibrary:
    """Return the library: the user's own prompts before the shipped ones."""
    return PromptLibrary([PromptFolder(YOURS, paths.prompts), PromptFolder(SHIPPED, shipped_prompts())])


def shipped_library(folder: Path) -> PromptLibrary:
    """Return the library without the user's own prompts."""
    return PromptLibrary([PromptFolder(SHIPPED, folder)])
