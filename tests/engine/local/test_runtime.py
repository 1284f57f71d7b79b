"""Devices, threads and memory: what is chosen, and what is said when it is not there."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from chatterm.engine.base import CancelToken
from chatterm.engine.local import runtime as runtime_module
from chatterm.engine.local.devices import choose_device
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.runtime import Runtime, memory_errors_named, num_physical_cores
from chatterm.engine.local.source import open_source
from chatterm.errors import GenerationFailed, OutOfMemory, UsageError
from tests.support.gguf_files import TinyLlama, tiny_gguf

CPU = torch.device("cpu")


def test_the_best_device_is_chosen() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device(None).type == expected
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize("name", ["cuda:77", "tpu", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"{name!r}.*there is: .*cpu"):
        choose_device(name)


def test_physical_cores_are_no_more_than_logical_ones() -> None:
    assert 1 <= num_physical_cores() <= (os.cpu_count() or 1)


def test_running_out_of_memory_names_what_was_asked_and_what_is_free() -> None:
    with (
        pytest.raises(OutOfMemory, match=r"cpu for a test.*needed.*[MG]B are free"),
        memory_errors_named(CPU, "a test"),
    ):
        torch.empty(2**62, dtype=torch.uint8)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: out of memory",
        "Triton Error [CUDA]: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_a_gpu_s_libraries_running_out_of_memory_are_told_alike(text: str) -> None:
    with pytest.raises(OutOfMemory, match="cpu for a test"), memory_errors_named(CPU, "a test"):
        raise RuntimeError(text)


def test_python_running_out_of_memory_is_told_alike() -> None:
    with pytest.raises(OutOfMemory, match="cpu for a test"), memory_errors_named(CPU, "a test"):
        bytearray(2**62)


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    source = open_source(tiny_gguf(tmp_path / "m.gguf", TinyLlama(context_length=64)))
    return Runtime.open(source, RuntimeOptions(context_length=64, device="cpu", num_threads=1))


def failing(error: Exception) -> Generator[int]:
    yield 0
    raise error


def test_where_memory_ran_out_nothing_is_kept_that_takes_it(runtime: Runtime) -> None:
    def num_cached() -> int:
        reading = runtime.open_prompt([1, 40, 41], 8)
        list(reading.read(CancelToken()))
        runtime.give_back(reading.slab)
        return reading.num_cached

    assert [num_cached(), num_cached()] == [0, 2]
    with pytest.raises(OutOfMemory, match="this conversation"):
        list(runtime.guarded(failing(MemoryError())))
    assert num_cached() == 0


def test_a_gpu_that_fails_is_named_with_what_to_do(runtime: Runtime) -> None:
    error = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...")
    with pytest.raises(GenerationFailed, match=r"unspecified launch failure\);.*--device cpu"):
        list(runtime.guarded(failing(error)))


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_errors_named(CPU, "a test"):
        torch.zeros(2).view(3)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone tells")
@pytest.mark.parametrize(
    ("told", "most"),
    [("50000 100000", 1), ("199999 100000", 1), ("max 100000", 2**16), ("nonsense", 2**16), (None, 2**16)],
)
def test_a_quota_of_the_container_is_respected(
    told: str | None, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a quota there cannot be more threads than it pays for."""
    monkeypatch.setattr(runtime_module, "_QUOTA", tmp_path / "none")
    without = num_physical_cores()
    limit = tmp_path / "cpu.max"
    if told is not None:
        limit.write_text(told)
    monkeypatch.setattr(runtime_module, "_QUOTA", limit)
    assert num_physical_cores() == min(without, most)
