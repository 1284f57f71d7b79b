"""The same tests run on a GPU where there is one, and else on the CPU, in Triton's interpreter."""

import os

import pytest
import torch

from chatterm.engine.local.decoder.linear import Placement

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined


@pytest.fixture(scope="session")
def device() -> torch.device:
    pytest.importorskip("triton", reason="Triton is not to be had for this platform")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture
def placement(device: torch.device) -> Placement:
    from chatterm.engine.local.gpu.kernels import AttentionShape, GpuKernels

    kernels = GpuKernels.on(device, attention=AttentionShape(split=16, block=16))
    return Placement(device, torch.float32, keeps_packed=False, kernels=kernels)
