"""A step by torch's operations stays on the card, in the types that it has there."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.token_passes import TokenRows, TorchPasses
from chatterm.engine.local.generation.device_sampling import DeviceSampling, filters_of
from tests.engine.local.decoder.test_families import load
from tests.support.fake_card import CARD, Watch, on_card
from tests.support.family_gguf import family_gguf
from tests.support.tiny_models import VOCAB_SIZE, tiny_model

DRAWN = SamplingParams(temperature=1.3, top_p=0.9, top_k=7, min_p=0.1, seed=3)
PLACEMENTS = {
    "int4": Placement(CARD, torch.bfloat16, keeps_packed=True),
    "fp16": Placement(CARD, torch.float16, keeps_packed=False),
}


@pytest.mark.parametrize("name", PLACEMENTS)
@pytest.mark.parametrize("family", ["qwen2", "gemma2", "olmo2"])
def test_nothing_of_a_step_is_elsewhere(family: str, name: str, tmp_path: Path) -> None:
    model = tiny_model(family, num_hidden_layers=2)
    decoder = load(family_gguf(tmp_path / "tiny.gguf", family, *model), context_length=200)
    with torch.inference_mode():
        placed = on_card(decoder, PLACEMENTS[name])
        segments = [Segment(placed.empty_cache(600), start, 1) for start in (20, 9)]
        positions = torch.empty(2, dtype=torch.int32, device=CARD)
        rows = TokenRows(torch.empty(2, dtype=torch.int64, device=CARD), positions)
        sampling = DeviceSampling.of([(DRAWN, 0), (DRAWN, 1)], VOCAB_SIZE, CARD)
        token_pass = TorchPasses(placed).of(rows, segments)
        with Watch() as watch:
            token_pass.prepare()
            logits = token_pass.run()
            chosen = sampling.choose(logits, positions.long() + 1, filters_of([DRAWN]))
    assert watch.num_operations > 100
    assert (logits.dtype, logits.shape) == (torch.float32, (2, VOCAB_SIZE))
    assert (chosen.dtype, chosen.shape) == (torch.int64, (2,))


REFUSED: dict[str, Callable[[torch.Tensor], object]] = {
    "a number": lambda x: x[0].item(),
    "a copy": lambda x: x.to("cpu"),
    "numbers of the program": lambda x: x.add_(torch.ones(3)),
    "a shape": torch.nonzero,
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_stand_in_refuses_what_leaves_the_card(what: str) -> None:
    x = torch.empty(3, device=CARD)
    with Watch(), pytest.raises((AssertionError, RuntimeError)):
        REFUSED[what](x)
