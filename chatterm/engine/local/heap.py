"""Keeps the process from growing with its work: what is freed goes back, what is kept is bounded."""

import ctypes
import os
import sys

_PRIMITIVES = "32"
"""Of products prepared for a shape: a chunk of a prompt has some seven. By default a thousand are kept, which
is a gigabyte once chunks of so many lengths were read."""


def bound_prepared_products() -> None:
    """Let oneDNN keep few prepared products; the user's own wish stands. Call it before torch computes."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _PRIMITIVES)


def release_freed_memory() -> None:
    """Let the C library return what it holds and nobody uses. It takes milliseconds; nothing elsewhere."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
