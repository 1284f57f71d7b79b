"""Every error a user can meet, each class with the exit code the command line ends with.

ChattermError
├── UsageError            2   wrong usage, wrong configuration
│   ├── UnknownName       2   a model, prompt, option or key that does not exist; names the nearest known one
│   ├── ConfigError       2   the configuration file or an environment variable is wrong
│   ├── PromptError       2   a prompt file is wrong, or an input it needs is missing
│   └── Unsupported       2   the chosen engine cannot do what was asked
├── DoesNotFit            3   the input is longer than the context allows
├── ModelError            4   model file absent, bad, unverified or not loadable
│   ├── ModelNotFound     4   no such file, or not fetched and fetching is not allowed
│   └── BadModelFile      4   not GGUF, truncated, hostile, or of an unknown architecture
├── OutOfMemory           5   the machine has not enough memory for the model or the context
├── CheckFailed           6   schema, strict check or confidence not met
├── StoreError            7   the database cannot be opened, read or written
├── InputRefused          8   binary, undecodable, or over the cap
├── NetworkError          9   a download or a remote server failed
├── GenerationFailed      1   the model gave no usable numbers
└── EngineLost            1   the process that runs the model was killed, crashed or hangs

A message names the thing, what was expected, what was found, and the next step, in one or two lines.
This module knows nothing else of the house.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ChattermError(Exception):
    """A failure that is told to the user as its message, without a traceback."""

    exit_code = 1


class UsageError(ChattermError):
    """Wrong usage of a command, or a value out of its range."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nothing answers to."""

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        """Make `no KIND is called NAME`, with the nearest of `known`, and `advice` for the next step."""
        known = sorted(known)
        self.nearest = next(iter(get_close_matches(name, known, n=1, cutoff=0.5)), None)
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        super().__init__(f"no {kind} is called {name!r}{hint}{f' {advice}' if advice else ''}")


class ConfigError(UsageError):
    """The configuration file or a `CHATTERM_*` variable holds something wrong."""


class PromptError(UsageError):
    """A prompt file is wrong, or a value it needs is missing or of the wrong kind."""


class Unsupported(UsageError):
    """The engine in use cannot do what was asked; it never approximates silently."""


class DoesNotFit(ChattermError):
    """The input is longer than the room the context leaves for it."""

    exit_code = 3

    def __init__(self, num_tokens: int, limit: int, advice: str) -> None:
        """Both counts are in tokens of the model in use."""
        self.num_tokens = num_tokens
        self.limit = limit
        super().__init__(f"the input is {num_tokens:,} tokens, but only {limit:,} fit; {advice}")


class ModelError(ChattermError):
    """The model cannot be used."""

    exit_code = 4


class ModelNotFound(ModelError):
    """The model's file is not there."""


class BadModelFile(ModelError):
    """The model's file is not what it claims to be, or of a kind chatterm cannot run."""


class OutOfMemory(ChattermError):
    """Not enough memory, on the device or in the machine."""

    exit_code = 5


class CheckFailed(ChattermError):
    """An answer did not meet its schema, a strict check, or the confidence asked for."""

    exit_code = 6


class StoreError(ChattermError):
    """The database cannot be opened, read or written."""

    exit_code = 7


class InputRefused(ChattermError):
    """What was piped or named is binary, or larger than the cap."""

    exit_code = 8


class NetworkError(ChattermError):
    """A download or a remote server failed."""

    exit_code = 9


class GenerationFailed(ChattermError):
    """The model's own arithmetic failed (NaN or infinite logits)."""


class EngineLost(ChattermError):
    """The process that runs the model was killed, crashed, or hangs; the next question needs a new one."""
