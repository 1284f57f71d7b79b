"""The prompt library: reads prompts/<domain>/<name>.md, checks them, and renders messages.

Pure but for reading its files. Knows no engine (a ModelCard is handed in), no store, no terminal; neither
how documents are read nor how they are fenced.
"""

from chatterm.prompts.check import Count, check, estimate_tokens
from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.library import PromptEntry, PromptFolder, PromptLibrary
from chatterm.prompts.problems import BrokenPrompt, MissingInput, Problem
from chatterm.prompts.render import PromptReference, RenderedPrompt, render
from chatterm.prompts.template import PromptTemplate

__all__ = [
    "BrokenPrompt",
    "Count",
    "InputSpec",
    "MissingInput",
    "Problem",
    "PromptEntry",
    "PromptFolder",
    "PromptLibrary",
    "PromptReference",
    "PromptTemplate",
    "RenderedPrompt",
    "check",
    "estimate_tokens",
    "render",
]
