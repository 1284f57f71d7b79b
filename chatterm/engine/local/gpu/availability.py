"""Whether the GPU's kernels can be had here, and what runs instead. Torch-free, and free of Triton."""

import re
from collections.abc import Sequence
from importlib.util import find_spec

from chatterm.engine.local.native.build import find_compiler

LEAST_CAPABILITY = (8, 0)
"""Of a GPU whose tensor cores multiply bf16."""


def why_no_kernels(capability: tuple[int, int]) -> str | None:
    """Say why a GPU of this compute capability runs without the kernels, and how; None where it does not."""
    if capability < LEAST_CAPABILITY:
        found, least = _version(capability), _version(LEAST_CAPABILITY)
        return (
            f"this GPU's compute capability is {found}, below {least}: weights are kept in fp16, "
            "and a token is one CUDA graph of torch's operations"
        )
    if find_spec("triton") is None:
        return slower("Triton is not installed (pip install triton)")
    if find_compiler() is None:
        return slower("Triton needs a C compiler (cc, gcc or clang), and there is none")
    return None


def slower(reason: str) -> str:
    """Say what runs instead of the kernels for a reason."""
    return f"{reason}: torch's int4 products in one CUDA graph a token are used, which are slower"


def runs_on(capability: tuple[int, int], compiled_for: Sequence[str]) -> bool:
    """Tell whether code compiled for `compiled_for` (`sm_86`, `compute_90`) runs on a GPU.

    Machine code runs on its own generation, from its own version on; what is compiled on the way (PTX) on
    all later ones (CUDA's programming guide, "Application Compatibility"). Where nothing of that kind is
    named the code is not NVIDIA's, and nothing is known.
    """
    kinds = [re.fullmatch(r"(sm|compute)_(\d+)(\d)\w?", name) for name in compiled_for]
    known = [(kind[1], (int(kind[2]), int(kind[3]))) for kind in kinds if kind]
    return not known or any(
        version <= capability and (kind == "compute" or version[0] == capability[0])
        for kind, version in known
    )


def _version(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"
