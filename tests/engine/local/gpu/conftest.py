"""The same tests run on a GPU where there is one, and else on the CPU, in Triton's interpreter."""

import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined


@pytest.fixture(scope="session")
def device() -> torch.device:
    pytest.importorskip("triton", reason="Triton is not to be had for this platform")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
