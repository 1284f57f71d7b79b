"""How a model is run: the choices that engine and runtime share. Torch-free."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOptions:
    """How a model is run."""

    context_length: int
    """In tokens."""
    is_context_asked: bool = False
    """Somebody chose that length: it is not shortened where memory is short."""
    device: str | None = None
    """`cpu`, `cuda`, `cuda:N` or `mps`; None: the best there is."""
    num_threads: int | None = None
    """None: the physical cores, and one while other programs keep the machine busy."""
    cache_bytes: int | None = None
    """For keys and values of all conversations and replies; None: a quarter of what is free."""
    is_deterministic: bool = False
    """The same tokens to the bit however they are cached, batched and guessed at."""
    kernels: Path | None = None
    """Folder for the decoder compiled for this machine; None: none is compiled."""
    gpu_kernels: Path | None = None
    """Folder for what is compiled for a GPU; None: wherever Triton keeps it."""
    has_prompt_lookup: bool = True
    """Whether guesses may save passes."""
