"""Whole model folders in Hugging Face layout, small and random: weights, tokenizer, chat template."""

import json
from pathlib import Path
from typing import Any

import torch

from tests.support.gguf_files import CHATML
from tests.support.tiny_models import tiny_model
from tests.support.tokenizer_folders import KINDS, tokenizer_json, write_tokenizer

VOCAB_SIZE = 2048
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
END_ID = 2


def family_folder(folder: Path, family: str = "llama", kind: str = "smollm2", **changes: object) -> Path:
    """A folder of a family that chatterm's own decoder runs."""
    _, model = tiny_model(family, vocab_size=VOCAB_SIZE, **changes)
    return model_folder(folder, model, kind)


def model_folder(folder: Path, model: Any, kind: str = "smollm2", template: str | None = CHATML) -> Path:
    """A folder of any model of transformers."""
    model.generation_config.eos_token_id = END_ID
    model.generation_config.bos_token_id = model.generation_config.pad_token_id = None
    model.save_pretrained(folder)
    write_tokenizer(folder, tokenizer_json(KINDS[kind], CONTROL), {"eos_token": "<|im_end|>"})
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def foreign_model(name: str = "gpt2", seed: int = 0) -> Any:  # transformers has no types
    """A tiny random causal model that only transformers can run."""
    import transformers

    common = {"vocab_size": VOCAB_SIZE, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    configs = {
        "gpt2": lambda: transformers.GPT2Config(n_embd=64, n_layer=3, n_head=4, n_positions=512, **common),
        "gpt_neox": lambda: transformers.GPTNeoXConfig(
            **sizes, intermediate_size=96, max_position_embeddings=512, **common
        ),
        "falcon": lambda: transformers.FalconConfig(**sizes, max_position_embeddings=512, **common),
        "bloom": lambda: transformers.BloomConfig(hidden_size=64, n_layer=3, n_head=4, **common),
        "cohere2": lambda: transformers.Cohere2Config(
            **sizes, num_key_value_heads=2, intermediate_size=96, sliding_window=16,
            max_position_embeddings=512, **common,
        ),
        "mixtral": lambda: transformers.MixtralConfig(
            **sizes, num_key_value_heads=2, intermediate_size=96, num_local_experts=4,
            max_position_embeddings=512, **common,
        ),
        "mamba": lambda: transformers.MambaConfig(
            hidden_size=64, num_hidden_layers=2, state_size=8, **common
        ),
    }  # fmt: skip
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(configs[name]()).float().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(4)
    return model


def change_json(path: Path, **changes: object) -> None:
    """Replace keys of a JSON file; None takes one away."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
