"""How Triton's kernels fail where they cannot be compiled, loaded or launched."""

from subprocess import SubprocessError
from textwrap import shorten

from triton.errors import TritonError

FAILURES = (
    RuntimeError, OSError, ImportError, ValueError, KeyError, AttributeError, TypeError, AssertionError,
    SubprocessError, TritonError,
)  # fmt: skip
"""Of Triton, the C compiler, the assembler and the driver: no more is known of what they raise."""


def said_shortly(error: BaseException) -> str:
    return shorten(f"{type(error).__name__}: {error}", 160)
