"""What `ask` was given. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chatterm.documents.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """The command line of `ask`, as given."""

    words: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    prompt: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    continues: bool = False
    conversation: str | None = None
    is_private: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    """Of the model, the engine and sampling, by their names in the configuration; and `stop`, a list."""
    num_alternatives: int | None = None
    """Of each token, in the JSON form; None: nothing is told of probabilities."""
    as_json: bool = False
    is_streamed: bool = True
    is_rendered: bool | None = None
    """None: where stdout is a terminal."""
    shows_usage: bool = False
    is_dry_run: bool = False
    is_strict: bool = False
    """Whether an answer that the checks find fault with fails, after it is printed."""
    cites: bool | None = None
    """Whether each statement carries the lines it rests on; None: for people, where a prompt verifies."""
    is_quiet: bool = False
    choices: str | None = None
    """Labels by commas, one of which is the answer."""
    schema: str | None = None
    """A file or fields, as `tasks.schemas` reads them."""
    num_samples: int = 1
    in_parts: bool = False
    """Documents are read in parts even where they fit."""
    each: Unit | None = None
    """The prompt is answered for each of these."""
    shows_partials: bool = False
    extracts: bool = False
    """Only the first fenced block is shown."""
