"""What the command line gives: pairs, options by ollama's names, words."""

import pytest

from chatterm.cli import inputs
from chatterm.errors import ConfigError, UnknownName, UsageError


def test_pairs_keep_order_repetition_and_equals_signs() -> None:
    assert inputs.pairs(["a=1", "b=x=y", "a=2", "c="], "-v") == [
        ("a", "1"),
        ("b", "x=y"),
        ("a", "2"),
        ("c", ""),
    ]


@pytest.mark.parametrize("text", ["a", "=1", " =1", ""])
def test_a_pair_needs_key_and_equals_sign(text: str) -> None:
    with pytest.raises(UsageError, match="-v expects key=value"):
        inputs.pairs([text], "-v")


def test_options_by_ollamas_names() -> None:
    texts = ["num_predict=9", "num_ctx=512", "temperature=0.5", "stop=a", "stop=b", "num_thread=2"]
    expected = {"max_tokens": 9, "ctx": 512, "temperature": 0.5, "threads": 2}
    assert inputs.engine_and_sampling_options(texts) == (expected, ["a", "b"])


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="'num_predict'"):
        inputs.engine_and_sampling_options(["num_predikt=9"])


def test_an_option_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(ConfigError, match=r"-o top_k: top_k must be a whole number, found 'many'"):
        inputs.engine_and_sampling_options(["top_k=many"])


def test_undecodable_bytes_of_the_command_line_become_replacement_characters() -> None:
    assert inputs.joined(["caf\udce9", "  noir "]) == "caf\ufffd   noir"
