"""The prompt library: reads prompts/<domain>/<name>.md, checks them, and renders messages.

Pure but for reading its files. Knows no engine (a ModelCard is handed in), no store, no terminal; neither
how documents are read nor how they are fenced. The lints are in `chatterm.prompts.check`.
"""

from typing import TYPE_CHECKING

from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.library import PromptEntry, PromptFolder, PromptLibrary
from chatterm.prompts.problems import BrokenPrompt, MissingInput, Problem
from chatterm.prompts.template import PromptTemplate

if TYPE_CHECKING:
    from chatterm.prompts.rendering import PromptReference, RenderedPrompt, render

__all__ = [
    "BrokenPrompt",
    "InputSpec",
    "MissingInput",
    "Problem",
    "PromptEntry",
    "PromptFolder",
    "PromptLibrary",
    "PromptReference",
    "PromptTemplate",
    "RenderedPrompt",
    "render",
]


def __getattr__(name: str) -> object:
    """Import rendering when it is first asked for: a listing does without, and is a fifth faster."""
    if name not in ("PromptReference", "RenderedPrompt", "render"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chatterm.prompts import rendering

    return getattr(rendering, name)
