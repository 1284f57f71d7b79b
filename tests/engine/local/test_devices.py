"""Which GPUs can be used, by what, and what is said of the others."""

import pytest
import torch

from chatterm.engine.local.devices import choose_device, choose_kernels, unusable_gpus
from chatterm.engine.local.gpu.availability import runs_on
from chatterm.errors import UsageError


@pytest.mark.parametrize(
    ("capability", "compiled_for", "expected"),
    [
        ((8, 6), ["sm_75", "sm_80", "sm_90"], True),
        ((8, 9), ["sm_86"], True),
        ((8, 0), ["sm_86"], False),
        ((7, 0), ["sm_75", "sm_80", "compute_80"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((12, 0), ["sm_90a", "sm_100"], False),
        ((12, 1), ["sm_120"], True),
        ((9, 0), ["gfx90a", "gfx942"], True),
        ((9, 0), [], True),
    ],
)
def test_code_runs_on_its_generation_and_what_is_compiled_later_on_all_that_follow(
    capability: tuple[int, int], compiled_for: list[str], *, expected: bool
) -> None:
    assert runs_on(capability, compiled_for) is expected


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is older than what this torch was compiled for."""

    def capability(device: int | torch.device) -> tuple[int, int]:
        index = device.index if isinstance(device, torch.device) else device
        return ((6, 1), (7, 5))[index]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"card {index}")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80"])


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_torch_has_no_code_for_is_passed_over_and_named() -> None:
    assert choose_device(None) == torch.device("cuda:1")
    (reason,) = unusable_gpus()
    assert "cuda:0 (card 0) has compute capability 6.1" in reason
    for name in "cuda", "cuda:0":
        with pytest.raises(UsageError, match=r"there is: cuda:1, cpu; cuda:0 .*no code"):
            choose_device(name)


@pytest.mark.usefixtures("two_gpus")
def test_an_old_gpu_is_said_to_compute_in_fp16() -> None:
    choice = choose_kernels(torch.device("cuda:1"))
    assert choice.kernels is None
    assert "7.5, below 8.0: weights are kept in fp16, and a token is one CUDA graph" in choice.notes[0]


def test_other_devices_need_no_kernels() -> None:
    assert choose_kernels(torch.device("cpu")) == (None, ())
