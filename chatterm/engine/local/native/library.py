"""The C library as Python sees it: its structs, field for field, and its functions with their types.

Mirrors `tiles.h` and `decoder.h`. Pointers are addresses of tensors' data; whoever builds a struct keeps
the tensors alive.
"""

import ctypes
import weakref
from ctypes import POINTER, Structure, c_float, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any

MAX_PARTS = 3
MAX_ROWS = 64
"""Rows of x in one call."""
TILE_ROWS = 16


class Part(Structure):
    """A matrix in tiles."""

    _fields_ = (("layout", c_void_p), ("data", c_void_p), ("rows", c_int64), ("columns", c_int64))


class Matrix(Structure):
    """Matrices that multiply the same x, one under the other."""

    _fields_ = (("parts", Part * MAX_PARTS), ("num_parts", c_int64), ("bias", c_void_p))


class Layer(Structure):
    """One block; absent norms are null."""

    _fields_ = (
        ("attention_norm", c_void_p),
        ("post_attention_norm", c_void_p),
        ("ffn_norm", c_void_p),
        ("post_ffn_norm", c_void_p),
        ("query_norm", c_void_p),
        ("key_norm", c_void_p),
        ("qkv", Matrix),
        ("attention_output", Matrix),
        ("gate_up", Matrix),
        ("ffn_down", Matrix),
        ("rope_dimensions", c_int64),
        ("window", c_int64),
    )


class Decoder(Structure):
    """All that does not change from pass to pass."""

    _fields_ = (
        ("width", c_int64),
        ("ffn_width", c_int64),
        ("num_heads", c_int64),
        ("num_kv_heads", c_int64),
        ("head_length", c_int64),
        ("is_full_qk_norm", c_int64),
        ("is_gelu", c_int64),
        ("epsilon", c_float),
        ("query_scale", c_float),
        ("residual_scale", c_float),
        ("attention_softcap", c_float),
        ("num_layers", c_int64),
        ("layers", POINTER(Layer)),
        ("output_norm", c_void_p),
        ("head", Matrix),
    )


class Segment(Structure):
    """The next tokens of one sequence."""

    _fields_ = (
        ("keys_values", POINTER(c_void_p)),
        ("capacity", c_int64),
        ("start", c_int64),
        ("num_tokens", c_int64),
    )


class Pass(Structure):
    """Some rows, where they belong, and which of their logits are wanted."""

    _fields_ = (
        ("num_rows", c_int64),
        ("x", c_void_p),
        ("ropes", POINTER(c_void_p)),
        ("num_segments", c_int64),
        ("segments", POINTER(Segment)),
        ("num_outputs", c_int64),
        ("outputs", POINTER(c_int64)),
        ("logits", c_void_p),
    )


class NativeLibrary:
    """The loaded library with its pool of threads, which end with it. Calls leave Python's lock to others."""

    def __init__(self, path: Path, most_threads: int) -> None:
        """Load it. Raises OSError where it does not fit this machine, MemoryError without a pool."""
        library = ctypes.CDLL(str(path))
        _declare(library)
        self.num_threads = most_threads
        """How many threads the next call gets; may be changed, up to what the pool was opened with."""
        self._library = library
        self._pool = library.pool_open(most_threads)
        if not self._pool:
            raise MemoryError
        # Not when Python ends: a thread of the engine may be in a call still.
        weakref.finalize(self, library.pool_close, self._pool).atexit = False

    @property
    def is_fast(self) -> bool:
        """Whether it has products made for this processor; else torch's own are faster."""
        return bool(self._library.is_fast())

    def layout(self, block_type: int) -> int | None:
        """Return the address of the layout that holds this type of block, None where there is none."""
        address: int | None = self._library.find_layout(block_type)
        return address

    def tile_bytes(self, layout: int, columns: int) -> int:
        size: int = self._library.tile_bytes(layout, columns)
        return size

    def pack(self, part: Part, blocks: int) -> bool:
        """Fill the part's tiles from the blocks at address `blocks`; False: a scale is out of range."""
        done: int = self._library.pack(ctypes.byref(part), self._pool, self.num_threads, blocks)
        return done == 0

    def unpack(self, part: Part, out: int) -> None:
        """Write the part as bfloat16 (rows, columns) to address `out`."""
        self._library.unpack(ctypes.byref(part), self._pool, self.num_threads, out)

    def read_rows(
        self, matrix: Part, rows: int, count: int, scale: float, out: int, *, is_tiled: bool
    ) -> None:
        """Write some rows of a matrix, times `scale`: fp32 (count, columns).

        Unless `is_tiled`, the part has the file's blocks in place of tiles; `rows` is the address of the
        rows' numbers, int64.
        """
        read = self._library.read_tiled_rows if is_tiled else self._library.read_rows
        read(ctypes.byref(matrix), rows, count, scale, out)

    def multiply(self, matrix: Matrix, x: int, num_rows: int, y: int) -> None:
        """y (num_rows, rows of the matrix) = x W^T + bias, fp32. Raises MemoryError."""
        self._check(
            self._library.multiply(ctypes.byref(matrix), self._pool, self.num_threads, x, num_rows, y)
        )

    def decode(self, decoder: Decoder, what: Pass) -> None:
        """Run a pass. Raises MemoryError."""
        self._check(
            self._library.decode(ctypes.byref(decoder), self._pool, self.num_threads, ctypes.byref(what))
        )

    def _check(self, failed: int) -> None:
        if failed:
            raise MemoryError


def _declare(library: ctypes.CDLL) -> None:
    functions: dict[str, tuple[object, tuple[Any, ...]]] = {  # Any: ctypes' own kinds of types
        "pool_open": (c_void_p, (c_int,)),
        "pool_close": (None, (c_void_p,)),
        "is_fast": (c_int, ()),
        "find_layout": (c_void_p, (c_int,)),
        "tile_bytes": (c_int64, (c_void_p, c_int64)),
        "pack": (c_int, (POINTER(Part), c_void_p, c_int, c_void_p)),
        "unpack": (None, (POINTER(Part), c_void_p, c_int, c_void_p)),
        "read_rows": (None, (POINTER(Part), c_void_p, c_int64, c_float, c_void_p)),
        "read_tiled_rows": (None, (POINTER(Part), c_void_p, c_int64, c_float, c_void_p)),
        "multiply": (c_int, (POINTER(Matrix), c_void_p, c_int, c_void_p, c_int64, c_void_p)),
        "decode": (c_int, (POINTER(Decoder), c_void_p, c_int, POINTER(Pass))),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
