"""Where the kernels cannot be had, it is said why and what runs instead."""

from pathlib import Path

import pytest
import torch

from chatterm.engine.local.gpu.availability import why_no_kernels


def test_an_old_gpu_computes_in_fp16() -> None:
    assert why_no_kernels((7, 5)) == (
        "this GPU's compute capability is 7.5, below 8.0: weights are kept in fp16, "
        "and a token is one CUDA graph of torch's operations"
    )


def test_without_a_compiler_torch_multiplies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("triton")
    assert why_no_kernels((9, 0)) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert "there is none: torch's int4 products" in (why_no_kernels((9, 0)) or "")


def test_kernels_that_run_are_found_to(device: torch.device) -> None:
    from chatterm.engine.local.gpu.kernels import GpuKernels

    assert GpuKernels.on(device).why_they_fail() is None


def test_kernels_that_do_not_run_say_why(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    from triton.runtime.errors import PTXASError

    from chatterm.engine.local.gpu.kernels import GpuKernels
    from chatterm.engine.local.gpu.products import Products

    def fail(*_: object) -> None:
        raise PTXASError("unknown target")

    monkeypatch.setattr(Products, "multiply", fail)
    assert GpuKernels.on(device).why_they_fail() == "PTXASError: PTXAS error: unknown target"
