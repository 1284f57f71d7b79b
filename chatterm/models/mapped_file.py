"""Maps a model file into memory: the one way in which files of every format are opened."""

import mmap
from collections.abc import Callable
from pathlib import Path

from chatterm.errors import BadModelFile, ModelNotFound

_HEAD = 32
"""Bytes that tell what a file is."""


def map_file(
    path: Path, check_mode: Callable[[int], None], check_head: Callable[[bytes], None], *, missing: str
) -> mmap.mmap:
    """Map a file read only, once both checks let it pass: of its mode, before it is opened, so that a pipe
    or device never is; and of its first 32 bytes.

    Raises what they raise, ModelNotFound that ends in `missing`, and BadModelFile where it cannot be read.
    """
    try:
        check_mode(path.stat().st_mode)
        with path.open("rb") as file:
            check_head(file.read(_HEAD))
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise ModelNotFound(f"there is no model file {path}; {missing}") from error
    except OSError as error:
        raise BadModelFile(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # mmap's, of a file that was emptied meanwhile
        raise BadModelFile(f"{path} changed while it was being read; try again ({error})") from error
