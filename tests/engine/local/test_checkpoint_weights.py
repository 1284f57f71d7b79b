"""Model folders of every family against transformers, also sharded and quantised; packed ones by their codes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chatterm.engine.local.checkpoint_weights import CheckpointWeights
from chatterm.engine.local.kv_cache import Slab
from chatterm.engine.local.linear import Placement
from chatterm.engine.local.loading import load_decoder
from chatterm.engine.local.model import Decoder
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.block_types import BlockType
from chatterm.models.checkpoint import Checkpoint
from tests.support.tiny_models import FAMILIES, VOCAB_SIZE, tiny_model

IDS = np.random.default_rng(0).integers(3, VOCAB_SIZE, 90).tolist()


def load(folder: Path, target: BlockType | None = None) -> Decoder:
    checkpoint = Checkpoint.open(folder)
    assert isinstance(checkpoint.spec, ArchSpec), checkpoint.spec.reason
    weights = CheckpointWeights.open(checkpoint, target)
    return load_decoder(weights, checkpoint.spec, Placement.reference())[0]


@torch.inference_mode()
def logits_of(decoder: Decoder) -> torch.Tensor:
    return Slab(decoder, 512).read(IDS, is_last_only=False)


@torch.inference_mode()
def oracle(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(torch.tensor([IDS])).logits[0]
    return logits.float()


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shard_size", ["1GB", "100KB"])
def test_a_folder_gives_the_logits_of_transformers(family: str, shard_size: str, tmp_path: Path) -> None:
    _, model = tiny_model(family)
    model.save_pretrained(tmp_path, max_shard_size=shard_size)
    assert (tmp_path / "model.safetensors").exists() == (shard_size == "1GB")
    torch.testing.assert_close(logits_of(load(tmp_path)), oracle(model), rtol=1e-4, atol=1e-4)
