"""Models that only transformers can run: the same logits in any steps, from the engine's own slabs."""

from pathlib import Path

import pytest
import torch

from chatterm.engine.local.decoder.foreign_decoder import ForeignDecoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.errors import BadModelFile
from tests.support.model_folders import VOCAB_SIZE, change_json, foreign_model, model_folder

IDS = torch.randint(3, VOCAB_SIZE, (60,), generator=torch.Generator().manual_seed(0)).tolist()
NAMES = ("gpt2", "gpt_neox", "falcon", "bloom", "cohere2", "mixtral")


def opened(folder: Path) -> ForeignDecoder:
    return ForeignDecoder.open(folder, Placement.reference())


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_logits_are_those_of_transformers_in_any_steps(name: str, tmp_path: Path) -> None:
    model = foreign_model(name)
    decoder = opened(model_folder(tmp_path, model))
    expected = model(torch.tensor([IDS])).logits[0]
    slab = Slab(decoder, 512)
    parts = [slab.read(IDS[a:b], is_last_only=False) for a, b in ((0, 1), (1, 30), (30, 31), (31, 60))]
    torch.testing.assert_close(torch.cat(parts), expected, rtol=1e-4, atol=1e-4)
    slab.truncate(30)
    last = slab.read(IDS[30:])
    torch.testing.assert_close(last, expected[-1], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_one_pass_reads_several_sequences(tmp_path: Path) -> None:
    decoder = opened(model_folder(tmp_path, foreign_model()))
    one, two = Slab(decoder, 512), Slab(decoder, 512)
    alone = [one.read(IDS[:20], is_last_only=False), two.read(IDS[20:33], is_last_only=False)]
    segments = [Segment(one.tensors, 0, 20), Segment(two.tensors, 0, 13)]
    together = decoder.forward(torch.tensor(IDS[:33]), segments, is_last_only=False)
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-5)
    last = decoder.forward(torch.tensor(IDS[:33]), segments)
    torch.testing.assert_close(last, together[[19, 32]], rtol=1e-5, atol=1e-5)


def test_a_running_state_is_refused(tmp_path: Path) -> None:
    """Mamba cannot go back to a prefix."""
    folder = model_folder(tmp_path, foreign_model("mamba"))
    with pytest.raises(BadModelFile, match="of another kind"):
        opened(folder)


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    """transformers would draw them at random, with a warning nobody reads."""
    folder = model_folder(tmp_path, foreign_model())
    change_json(folder / "config.json", n_layer=4)
    with pytest.raises(BadModelFile, match=r"lacks \d+ of the model's tensors"):
        opened(folder)


@pytest.mark.parametrize(
    "changes", [{"model_type": "martian"}, {"model_type": "martian", "auto_map": {"AutoConfig": "x.Y"}}]
)
def test_unknown_architectures_and_code_in_the_folder_are_refused(
    changes: dict[str, object], tmp_path: Path
) -> None:
    folder = model_folder(tmp_path, foreign_model())
    change_json(folder / "config.json", **changes)
    (folder / "x.py").write_text("raise SystemExit('code of the folder was run')")
    with pytest.raises(BadModelFile, match="cannot be run by transformers either"):
        opened(folder)
