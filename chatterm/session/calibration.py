"""CalibrationCache keeps what a model gives labels for texts that say nothing: floats, never a text.

On disk under a hash of the model, the prompt and the labels; what is damaged is as good as not there.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from chatterm.conversation import Message
from chatterm.models.cache import keep_entry

_log = logging.getLogger(__name__)

_FORM = 1
"""To be raised whenever the numbers come to mean something else."""
_MAX_BYTES = 100_000


class CalibrationCache:
    """Of one folder; without one, nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def key(self, identity: str, prompts: Sequence[Sequence[Message]], labels: Sequence[str]) -> str:
        """Return the name for a model, the prompts without content, and the labels."""
        if self._folder is None:
            return ""
        whole = [_FORM, identity, [[astuple(message) for message in prompt] for prompt in prompts], labels]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    def read(self, key: str, num_labels: int) -> list[float] | None:
        """Return what was kept, one finite number a label, and mark it as used; else None."""
        if self._folder is None:
            return None
        path = self._folder / f"{key}.json"
        try:
            # A pipe in the place of the file must not be waited for.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(handle, "rb") as file:
                values = json.loads(file.read(_MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return None  # none yet, or damaged: it is measured again
        if not isinstance(values, list) or len(values) != num_labels:
            return None
        if not all(isinstance(one, float) and math.isfinite(one) for one in values):
            return None
        with suppress(OSError):  # another's file, or gone meanwhile
            os.utime(path)
        return values

    def write(self, key: str, values: Sequence[float]) -> None:
        """Keep them; without them the next turn is slower."""
        if self._folder is None:
            return
        try:
            keep_entry(self._folder / f"{key}.json", json.dumps(list(values)).encode())
        except OSError as error:
            _log.info("a calibration could not be kept: %s", error)
