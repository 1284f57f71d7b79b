"""Keeps the process from growing with its work: what is freed goes back, what is kept is bounded."""

import ctypes
import mmap
import os
import sys

_CAPACITIES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16", "LRU_CACHE_CAPACITY": "16"}
"""How many products prepared for a shape oneDNN keeps, and how many of their descriptions torch does.

A chunk of a prompt has some seven. By default each keeps 1,024, and a description takes 0.26 MB: a gigabyte
once chunks of so many lengths were read."""


def bound_prepared_products() -> None:
    """Let few products be kept that were prepared for a shape; the user's own wish stands.

    Call it before torch computes.
    """
    for name, capacity in _CAPACITIES.items():
        os.environ.setdefault(name, capacity)


def own_pages(num_bytes: int) -> mmap.mmap:
    """Return memory apart from the C library's heap: a page is taken when it is first written, and all go
    back with the last that refers to them. Raises MemoryError.

    What is large and lives longer than a pass belongs here: in the heap it leaves holes between what stays.
    """
    try:
        return mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"tried to allocate {num_bytes} bytes") from error


def release_freed_memory() -> None:
    """Let the C library return what it holds and nobody uses. It takes milliseconds; nothing elsewhere."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
