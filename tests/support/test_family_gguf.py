"""What the tiny GGUF files hold, read back by transformers, is the model they were made from.

transformers knows the tensors of these families, though not all of their keys; llama.cpp, asked once by
hand, gave the logits of the models in all ten.
"""

from pathlib import Path

import pytest
import torch

from tests.support.family_gguf import family_gguf
from tests.support.llama_oracle import transformers_model
from tests.support.tiny_models import tiny_model


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "gemma2", "gemma3", "phi3"])
def test_transformers_reads_the_same_weights(family: str, tmp_path: Path) -> None:
    config, model = tiny_model(family)
    found = transformers_model(family_gguf(tmp_path / "tiny.gguf", family, config, model)).state_dict()
    expected = model.state_dict()
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-6)
