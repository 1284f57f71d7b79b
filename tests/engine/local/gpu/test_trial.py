"""A model that the kernels do not run is loaded again without them, and that is said."""

from pathlib import Path

import pytest
import torch

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import LoadPlan, Placement
from chatterm.engine.local.devices import load_tried
from chatterm.engine.local.source import open_source
from tests.support.gguf_files import TinyLlama, tiny_gguf

TINY = TinyLlama(context_length=64, num_layers=1, num_heads=2, num_kv_heads=1)


def loaded(placement: Placement, tmp_path: Path) -> tuple[Decoder, tuple[str, ...]]:
    source = open_source(tiny_gguf(tmp_path / "tiny.gguf", TINY))
    with torch.inference_mode():
        model, notes = load_tried(source, LoadPlan(placement=placement, context_length=64))
    assert isinstance(model, Decoder)
    return model, notes


def test_kernels_that_run_the_model_are_kept(placement: Placement, tmp_path: Path) -> None:
    model, notes = loaded(placement, tmp_path)
    assert model.gpu is not None
    assert not notes


def test_a_kernel_that_cannot_be_compiled(
    placement: Placement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from triton.runtime.errors import OutOfResources

    from chatterm.engine.local.gpu.attention import Attention

    def fail(*_: object, **__: object) -> None:
        raise OutOfResources(200_000, 101_376, "shared memory")

    monkeypatch.setattr(Attention, "__call__", fail)
    model, (note,) = loaded(placement, tmp_path)
    assert model.gpu is None
    assert "do not run this model here (OutOfResources: out of resource: shared memory" in note
    assert "torch's int4 products in one CUDA graph a token" in note


@pytest.mark.slow
def test_kernels_that_disagree(placement: Placement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads one row and what reads several are two kernels."""
    from chatterm.engine.local.gpu.products import Products

    one = Products._run_one

    def doubled(
        self: Products, shape: object, outputs: int, arguments: tuple[object, ...], flags: object
    ) -> None:
        one(self, shape, outputs, arguments, flags)  # type: ignore[arg-type]
        out = arguments[7]
        assert isinstance(out, torch.Tensor)
        out.mul_(2)

    monkeypatch.setattr(Products, "_run_one", doubled)
    model, (note,) = loaded(placement, tmp_path)
    assert model.gpu is None
    assert "their numbers differ by" in note
