"""How byte-level vocabularies cut text into words before merging: one rule for each `tokenizer.ggml.pre`.

The patterns are those of the models' own tokenizers, as llama.cpp (`src/llama-vocab.cpp`) keys them by
name. transformers' conversion of GGUF files has no rule for `smollm` and uses GPT-2's, which differs
where white space stands before digits; llama.cpp and SmolLM2's own tokenizer agree with the rule here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSplit:
    """One rule. No merge crosses a cut, and none depends on what stands further left than its own word."""

    pattern: str | None = None
    """Oniguruma syntax, each match a word; None for GPT-2's own, which `tokenizers` has built in."""
    isolates_digits: bool = False
    """Every digit is a word, cut out before the pattern is applied."""
    takes_whole_words: bool = False
    """A word that is itself a token stays whole, whatever the merges would make of it."""
    composes: bool = False
    """Text is brought to Unicode's NFC first, as the models were trained."""
    adds_bos: bool = False
    """Where the file does not say (`tokenizer.ggml.add_bos_token`)."""


_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SLASH_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LEAD = r"[^\r\n\p{L}\p{N}]?"

_LLAMA3 = rf"{_CONTRACTIONS}|{_LEAD}\p{{L}}+|\p{{N}}{{1,3}}|{_TAIL}"
_QWEN2 = rf"{_CONTRACTIONS}|{_LEAD}\p{{L}}+|\p{{N}}|{_TAIL}"
_TEKKEN = rf"{_LEAD}{_UPPER}*{_LOWER}+|{_LEAD}{_UPPER}+{_LOWER}*|\p{{N}}|{_SLASH_TAIL}"
_GPT_4O = (
    rf"{_LEAD}{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|{_LEAD}{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    rf"|\p{{N}}{{1,3}}|{_SLASH_TAIL}"
)

_RULES: Mapping[WordSplit, tuple[str, ...]] = {
    # `default` means that the converter did not know the model; GPT-2's is the likeliest guess.
    WordSplit(): ("default", "gpt-2", "phi-2", "olmo", "mpt", "jais", "trillion", "exaone4"),
    WordSplit(isolates_digits=True): (
        "smollm",
        "starcoder",
        "refact",
        "command-r",
        "codeshell",
        "exaone",
        "minerva-7b",
    ),
    WordSplit(pattern=_LLAMA3, takes_whole_words=True, adds_bos=True): (
        "llama-bpe",
        "llama3",
        "llama-v3",
        "falcon3",
        "falcon-h1",
        "pixtral",
        "lfm2",
    ),
    WordSplit(pattern=_LLAMA3): ("smaug-bpe", "dbrx", "chatglm-bpe", "glm4"),
    WordSplit(pattern=_QWEN2, composes=True): ("qwen2", "deepseek-r1-qwen", "megrez"),
    WordSplit(pattern=_QWEN2): ("stablelm2", "hunyuan"),
    WordSplit(pattern=_TEKKEN, takes_whole_words=True, adds_bos=True): ("tekken",),
    WordSplit(pattern=_GPT_4O): ("gpt-4o", "llama4"),
}

WORD_SPLITS: Mapping[str, WordSplit] = MappingProxyType(
    {name: rule for rule, names in _RULES.items() for name in names}
)
"""By `tokenizer.ggml.pre`."""
