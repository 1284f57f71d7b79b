"""Small vocabularies as metadata of a GGUF file, trained on the spot; the default model's, with its oracle.

Merges are learnt over whole texts, not over words, so that they cross every place where a rule cuts words:
a wrong rule gives other ids at once.
"""

import json
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gguf import TokenType
from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers, trainers

from chatterm.models.gguf import GGUFFile
from tests.support.gguf_files import byte_letters
from tests.support.scripts import SCRIPTS

Metadata = dict[str, Any]  # values of a GGUF's metadata are of many types

CORPUS = [*SCRIPTS.values(), *(text.replace(" ", "  ") for text in SCRIPTS.values())]
SPACE = "\u2581"


def byte_level(
    pre: str = "smollm", *, control: Sequence[str] = (), user_defined: Sequence[str] = ()
) -> Metadata:
    """A vocabulary of kind `gpt2`; its control tokens come first, then the user-defined ones."""
    alphabet, merges = _learn_merges(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    learnt = ["".join(pair) for pair in merges]
    assert set(alphabet) <= set(byte_letters())
    return _metadata(
        "gpt2",
        [
            *((text, TokenType.CONTROL) for text in control),
            *((text, TokenType.USER_DEFINED) for text in user_defined),
            *((text, TokenType.NORMAL) for text in dict.fromkeys([*byte_letters(), *learnt])),
        ],
        pre=pre,
        merges=[" ".join(pair) for pair in merges],
    )


def sentencepiece(
    *, control: Sequence[str] = (), user_defined: Sequence[str] = (), add_space_prefix: bool = True
) -> Metadata:
    """A vocabulary of kind `llama`, in SentencePiece's order: specials, bytes, merges, characters."""
    alphabet, merges = _learn_merges(pre_tokenizers.Metaspace(prepend_scheme="never", split=True))
    learnt = list(dict.fromkeys("".join(pair) for pair in merges))
    characters = sorted(set(alphabet) - set(learnt))
    specials = [
        ("<unk>", TokenType.UNKNOWN),
        *((text, TokenType.CONTROL) for text in ("<s>", "</s>", *control)),
        *((text, TokenType.USER_DEFINED) for text in user_defined),
        *((f"<0x{byte:02X}>", TokenType.BYTE) for byte in range(256)),
    ]
    normal = [(text, TokenType.NORMAL) for text in [*learnt, *characters]]
    scores = [0.0] * len(specials) + [-float(rank) for rank in range(len(normal))]
    metadata = _metadata("llama", [*specials, *normal], scores=scores, add_space_prefix=add_space_prefix)
    for key, token_id in (("unknown", 0), ("bos", 1), ("eos", 2)):
        metadata[f"tokenizer.ggml.{key}_token_id"] = token_id
    return metadata


@cache
def default_metadata(path: Path) -> Metadata:
    """Of the default model; not to be changed."""
    with GGUFFile.open(path) as file:
        return dict(file.metadata)


@cache
def default_oracle(path: Path) -> Any:  # transformers has no types
    """transformers' tokenizer of the default model, made from the same file.

    Its conversion knows no rule for `smollm` and takes GPT-2's; the pre-tokenizer put in its place is the one
    of SmolLM2's own tokenizer.json.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoTokenizer

        oracle = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    oracle.backend_tokenizer.pre_tokenizer = digits_apart()
    return oracle


def digits_apart() -> pre_tokenizers.PreTokenizer:
    """SmolLM2's pre-tokenizer, from its tokenizer.json."""
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def _learn_merges(rule: pre_tokenizers.PreTokenizer) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the characters of CORPUS as `rule` spells them, and the merges learnt from it."""
    encoder = Encoder(models.BPE())
    encoder.pre_tokenizer = rule
    encoder.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=1500, show_progress=False))
    model = json.loads(encoder.to_str())["model"]
    return [text for text in model["vocab"] if len(text) == 1], [tuple(pair) for pair in model["merges"]]


def _metadata(kind: str, tokens: Sequence[tuple[str, TokenType]], **others: object) -> Metadata:
    keys = {
        "model": kind,
        "tokens": [text for text, _ in tokens],
        "token_type": [int(token_type) for _, token_type in tokens],
        **others,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in keys.items()}
