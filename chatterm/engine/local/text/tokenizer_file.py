"""tokenizer.json, checked so far that it can be walked: its vocabulary, its rules, its added tokens.

Format: the `tokenizers` library's, of which the two kinds are known that decoders use: merges over bytes, and
SentencePiece's. Whether its rules put a space before text is told apart from them, as text comes in pieces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from chatterm.engine.local.text.text_encoder import SPACE, SpacePrefix
from chatterm.engine.local.text.vocabulary import VocabularyKind
from chatterm.models.checkpoint_config import ConfigReader, read_json

_LIMIT = 96 * 2**20
"""In bytes: the largest tokenizer.json in use has a third of it."""

Rule = dict[str, Any]  # its keys are its type's


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """What tokenizer.json holds, checked so far that it can be walked."""

    path: Path
    kind: VocabularyKind
    model: Rule
    vocab: Mapping[str, int]
    added: Sequence[Rule]
    normalizers: Sequence[Rule]
    """Without those that add or spell spaces where `prefix` does."""
    splits: Sequence[Rule]
    prefix: SpacePrefix
    starts_with: str | None
    """The token that it puts before a prompt."""

    @classmethod
    def read(cls, path: Path) -> "TokenizerFile":
        whole = ConfigReader(read_json(path, _LIMIT), str(path))
        model = whole.table("model")
        if model is None:
            whole.refuse("model", "an object", None)
        _check_model(model)
        vocab = model.values.get("vocab")
        if not isinstance(vocab, dict) or not all(type(i) is int and 0 <= i < 2**24 for i in vocab.values()):
            model.refuse("vocab", "an object of token ids", vocab)
        normalizers, splits = _flat(whole, "normalizer"), _flat(whole, "pre_tokenizer")
        is_byte_level = any(rule["type"] == "ByteLevel" for rule in splits)
        if not is_byte_level and not any(_spells_spaces(rule) for rule in (*normalizers, *splits)):
            whole.refuse("pre_tokenizer", "ByteLevel, or one that spells spaces as U+2581", splits)
        find_prefix = _byte_level_prefix if is_byte_level else _sentencepiece_prefix
        prefix = find_prefix(whole, normalizers, splits)
        return cls(
            path,
            "gpt2" if is_byte_level else "llama",
            dict(model.values),
            vocab,
            _added_tokens(whole),
            [rule for rule in normalizers if rule["type"] != "Prepend"],
            splits,
            prefix,
            _first_of_template(whole),
        )


def _check_model(model: ConfigReader) -> None:
    kind = model.text("type", "BPE")
    if kind != "BPE":
        model.refuse("type", "BPE (else use a GGUF file of the model)", kind)
    for key in ("continuing_subword_prefix", "end_of_word_suffix", "dropout"):
        if model.values.get(key):
            model.refuse(key, "absent", model.values[key])
    if not isinstance(model.values.get("merges"), list):
        model.refuse("merges", "a list", model.values.get("merges"))


def _flat(whole: ConfigReader, key: str) -> list[Rule]:
    """Return the rules of a normalizer or pre-tokenizer, those of a sequence one by one."""
    found = whole.table(key)
    if found is None:
        return []
    rule = dict(found.values)
    rules = rule.get("normalizers" if key == "normalizer" else "pretokenizers")
    if rule.get("type") != "Sequence":
        rules = [rule]
    if not isinstance(rules, list) or not all(
        isinstance(r, dict) and isinstance(r.get("type"), str) for r in rules
    ):
        whole.refuse(key, "a rule, or a sequence of rules", rules)
    if strange := next(
        (r["type"] for r in rules if r["type"] in {"Sequence", "Strip", "StripAccents"}), None
    ):
        whole.refuse(key, "made of rules that lose no text", strange)
    return rules


def _spells_spaces(rule: Rule) -> bool:
    is_replacing = rule["type"] == "Replace" and rule.get("pattern") == {"String": " "}
    return rule["type"] == "Metaspace" or (is_replacing and rule.get("content") == SPACE)


def _byte_level_prefix(whole: ConfigReader, normalizers: list[Rule], splits: list[Rule]) -> SpacePrefix:
    """Say when a space is put before; the rule itself no longer does it."""
    rule = next(rule for rule in splits if rule["type"] == "ByteLevel")
    adds = rule.get("add_prefix_space") is not False
    if adds and (len(splits) > 1 or normalizers):
        whole.refuse("pre_tokenizer", "one that adds no space to each word", "add_prefix_space")
    rule["add_prefix_space"] = False
    return "unless there" if adds else "never"


def _sentencepiece_prefix(whole: ConfigReader, normalizers: list[Rule], splits: list[Rule]) -> SpacePrefix:
    for rule in normalizers:
        if rule["type"] == "Prepend":
            return "always"
    for rule in splits:
        if rule["type"] != "Metaspace":
            continue
        if rule.get("replacement", SPACE) != SPACE:
            whole.refuse("pre_tokenizer", "one that spells spaces as U+2581", rule)
        default = "always" if rule.get("add_prefix_space", True) else "never"
        scheme = rule.get("prepend_scheme", default)
        rule["prepend_scheme"] = "never"
        rule["add_prefix_space"] = False
        if scheme == "first":
            return "at the start"
        return "unless there" if scheme == "always" else "never"
    return "never"


def _added_tokens(whole: ConfigReader) -> list[Rule]:
    added = whole.values.get("added_tokens") or []
    if not isinstance(added, list):
        whole.refuse("added_tokens", "a list", added)
    for token in added:
        is_sound = isinstance(token, dict) and isinstance(token.get("content"), str)
        if not is_sound or type(token.get("id")) is not int or not 0 <= token["id"] < 2**24:
            whole.refuse("added_tokens", "tokens with an id and a content", token)
    return added


def _first_of_template(whole: ConfigReader) -> str | None:
    """Return the special token with which the post-processor starts a text, by TemplateProcessing."""
    rule: object = whole.values.get("post_processor")
    rules: object = rule.get("processors", [rule]) if isinstance(rule, dict) else []
    for one in rules if isinstance(rules, list) else []:
        single = one.get("single") if isinstance(one, dict) else None
        first = single[0] if isinstance(single, list) and single else None
        special = first.get("SpecialToken") if isinstance(first, dict) else None
        if isinstance(special, dict) and isinstance(special.get("id"), str):
            return cast(str, special["id"])
    return None
