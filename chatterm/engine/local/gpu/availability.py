"""Whether the GPU's kernels can be had here. Torch-free, and free of Triton."""

from importlib.util import find_spec

from chatterm.engine.local.native.build import find_compiler

LEAST_CAPABILITY = (8, 0)
"""Of a GPU whose tensor cores multiply bf16."""

SLOWER = "torch's int4 products are used, which are slower"


def why_no_kernels(capability: tuple[int, int]) -> str | None:
    """Say why a GPU of this compute capability runs without the kernels, and how; None where it does not."""
    if capability < LEAST_CAPABILITY:
        found, least = _version(capability), _version(LEAST_CAPABILITY)
        return f"this GPU's compute capability is {found}, below {least}: weights are kept in fp16"
    if find_spec("triton") is None:
        return f"Triton is not installed (pip install triton): {SLOWER}"
    if find_compiler() is None:
        return f"Triton needs a C compiler (cc, gcc or clang), and there is none: {SLOWER}"
    return None


def _version(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"
