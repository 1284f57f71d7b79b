"""Every family by the kernels against transformers: all rows in small passes, in several and in one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.generation.kv_cache import Slab
from tests.engine.local.decoder.test_families import load, read_in_steps
from tests.support.family_gguf import family_gguf
from tests.support.llama_oracle import transformers_logits
from tests.support.tiny_models import FAMILIES, tiny_model

QUICK = {"gemma2"}
"""It has caps, windows, and norms after blocks; two layers are enough to be quick."""
IDS = np.random.default_rng(0).integers(3, 320, 24).tolist()


@pytest.mark.parametrize(
    "family",
    [pytest.param(one, marks=[] if one in QUICK else [pytest.mark.slow]) for one in FAMILIES],
)
def test_small_passes_give_the_logits_of_transformers(
    family: str, placement: Placement, tmp_path: Path
) -> None:
    config, model = tiny_model(family, **({"num_hidden_layers": 2} if family in QUICK else {}))
    decoder = load(family_gguf(tmp_path / "tiny.gguf", family, config, model), placement, context_length=64)
    found = read_in_steps(decoder, IDS, [17, 3, 1, 3]).cpu()
    expected = transformers_logits(model, IDS)
    assert float((found - expected).norm() / expected.norm()) < 5e-4


@pytest.mark.slow
def test_sequences_are_the_same_to_the_bit_however_they_are_read(
    device: torch.device, tmp_path: Path
) -> None:
    from chatterm.engine.local.gpu.kernels import AttentionShape, GpuKernels

    kernels = GpuKernels.on(device, is_identical=True, attention=AttentionShape(split=16, block=16))
    placement = Placement(device, torch.float32, keeps_packed=False, kernels=kernels)
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    config, model = tiny_model("qwen3", num_hidden_layers=1, **heads)
    decoder = load(family_gguf(tmp_path / "tiny.gguf", "qwen3", config, model, "Q8_0"), placement)
    assert decoder.identical_rows == 16
    expected = read_in_steps(decoder, IDS[:20], [15, 1])
    assert torch.equal(read_in_steps(decoder, IDS[:20], [9, 11]), expected)
    slabs = [Slab(decoder, 64), Slab(decoder, 64)]
    with torch.inference_mode():
        for slab, count in zip(slabs, (18, 3), strict=True):
            for start in range(0, count, 16):
                slab.read(IDS[start : min(start + 16, count)])
        segments = [Segment(slabs[0].tensors, 18, 2), Segment(slabs[1].tensors, 3, 2)]
        found = decoder.forward(torch.tensor([*IDS[18:20], *IDS[3:5]]), segments, is_last_only=False)
        last = decoder.forward(torch.tensor([*IDS[18:20], *IDS[3:5]]), segments)
    assert torch.equal(found, expected[[18, 19, 3, 4]])
    assert torch.equal(last, found[[1, 3]])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("family", ["llama", "gemma2", "gemma3"])
def test_prompts_are_the_same_in_chunks_in_bf16(family: str, tmp_path: Path) -> None:
    """Whole, and with chunks that read what is in the cache: by attention that writes no scores."""
    from chatterm.engine.local.gpu.kernels import GpuKernels

    device = torch.device("cuda")
    placement = Placement.best_for(device, kernels=GpuKernels.on(device))
    config, model = tiny_model(family)
    path = family_gguf(tmp_path / "tiny.gguf", family, config, model)
    ids = np.random.default_rng(1).integers(3, 320, 100).tolist()
    expected = transformers_logits(model, ids)
    for sizes in ([100], [40, 40, 20], [30, 7, 40, 1, 22]):
        found = read_in_steps(load(path, placement, context_length=128), ids, sizes).cpu()
        assert float((found - expected).norm() / expected.norm()) < 3e-2
