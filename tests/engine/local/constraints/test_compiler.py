"""Constrained replies are always what they must be, or cut short; what cannot be kept to is refused."""

import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch

from chatterm.engine.base import Choices, Constraint, JsonSchema, Regex
from chatterm.engine.local.constraints.compiler import ConstraintCompiler
from chatterm.errors import Unsupported, UsageError
from tests.support.constrained_speech import Case, make_case
from tests.support.json_schemas import REFUSED, SCHEMAS, Schema, closed
from tests.support.vocabularies import byte_level, default_metadata, sentencepiece


def check_value(schema: Schema, text: str) -> None:
    """Raise where `text` is not JSON that the schema allows."""
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(json.loads(text))


@pytest.fixture(scope="module")
def default_case(default_model: Path) -> Case:
    return make_case(default_metadata(default_model))


@pytest.fixture(scope="module")
def byte_case() -> Case:
    return make_case({**byte_level(control=["<|end|>"]), "tokenizer.ggml.eos_token_id": 0})


@pytest.fixture(scope="module")
def sentence_case() -> Case:
    return make_case(sentencepiece())


@pytest.fixture(params=["default_case", "byte_case", "sentence_case"])
def case(request: pytest.FixtureRequest) -> Case:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]  # of the three above


def check_replies(case: Case, schema: Schema) -> None:
    """Of five replies, one greedy, at least one must come to its end, and all that do must be valid."""
    replies = [case.speak(JsonSchema(json.dumps(schema)), seed=seed) for seed in (None, 0, 1, 2, 3)]
    whole = [text for text, reason in replies if reason == "end"]
    assert whole, f"none of {replies} came to an end"
    for text in whole:
        check_value(schema, text)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_reply_is_what_the_schema_allows_or_is_cut_short(default_case: Case, name: str) -> None:
    check_replies(default_case, SCHEMAS[name])


@pytest.mark.parametrize("name", list(SCHEMAS)[::7])
def test_so_it_is_with_other_vocabularies(byte_case: Case, sentence_case: Case, name: str) -> None:
    check_replies(byte_case, SCHEMAS[name])
    check_replies(sentence_case, SCHEMAS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
def test_so_it_is_with_other_vocabularies_for_all_schemas(
    byte_case: Case, sentence_case: Case, name: str
) -> None:
    check_replies(byte_case, SCHEMAS[name])
    check_replies(sentence_case, SCHEMAS[name])


@pytest.mark.parametrize("name", REFUSED)
def test_a_schema_that_cannot_be_kept_to_is_refused_by_name(byte_case: Case, name: str) -> None:
    schema, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as caught:
        byte_case.compiler.open(JsonSchema(json.dumps(schema)))
    assert "the JSON schema" in str(caught.value)
    assert "\n" not in str(caught.value)


REGEXES = [
    r"[a-z]{1,8}",
    r"^[0-9]{3}-[0-9]{4}$",
    r"(yes|no|maybe)( not)?",
    r"[一-鿿]{2,5}",
    r"(?i)chatterm",
    r"a/b\\c\"d'",
    r"\$[0-9]{1,3}\.[0-9]{2}",
    "line one\nline [0-9]",
    r"(🚢|🚲){1,3}",
    r"\w{1,5}",
]


@pytest.mark.parametrize("pattern", REGEXES)
def test_the_whole_reply_matches_the_expression(case: Case, pattern: str) -> None:
    for seed in (None, 1, 2):
        text, reason = case.speak(Regex(pattern), seed=seed)
        assert reason == "end"
        assert re.fullmatch(pattern, text), text


OPTIONS = (
    "yes",
    "no",
    "yes, but",
    "a|b",
    "(c)",
    "d.*",
    "\\n",
    "e\nf",
    "é",
    "北京",
    "北海",
    "🚢",
    " g",
    "h ",
    "#-~&/",
)


def test_the_reply_is_one_of_the_choices(case: Case) -> None:
    found = {case.speak(Choices(OPTIONS), seed=seed) for seed in range(150)}
    assert {reason for _, reason in found} == {"end"}
    assert {text for text, _ in found} == set(OPTIONS)


def test_one_choice_is_spelled_as_the_model_would(default_case: Case) -> None:
    state = default_case.compiler.open(Choices(("The bridges of Paris",)))()
    logits = torch.zeros(default_case.tokenizer.num_tokens)
    said = []
    while not state.is_complete:
        said.append(int(state.restrict(logits).argmax()))
        state.accept(said[-1])
    assert said == default_case.tokenizer.encode_text("The bridges of Paris")


@pytest.mark.parametrize(
    ("constraint", "prefill", "replies"),
    [
        (Choices(("yes", "no")), "y", {"yes"}),
        (Choices(("yes", "yes, but")), "yes", {"yes", "yes, but"}),
        (Choices(("北京", "北海", "广州")), "北", {"北京", "北海"}),
        (Choices(("yes", "no")), "no", {"no"}),
        (Regex("[ab]{2}c"), "a", {"aac", "abc"}),
        (JsonSchema('{"enum": [10, 12, 20]}'), "1", {"10", "12"}),
        (JsonSchema(json.dumps(closed({"a": {"enum": [1, 2]}}))), '{"a":', {'{"a":1}', '{"a":2}'}),
    ],
)
def test_the_prefill_is_part_of_the_reply(
    case: Case, constraint: Constraint, prefill: str, replies: set[str]
) -> None:
    found = {re.sub(r"\s+", "", case.speak(constraint, seed=n, prefill=prefill)[0]) for n in range(40)}
    assert found == {re.sub(r"\s+", "", reply) for reply in replies}


@pytest.mark.parametrize(
    ("prefill", "num_fitting"),
    [("x", 0), ("yes!", 3), ("yes, but no", 8), ("北", 0), ("\ud800", 0), ("ye\0", 2)],
)
def test_a_prefill_that_begins_no_valid_reply_is_refused(case: Case, prefill: str, num_fitting: int) -> None:
    with pytest.raises(UsageError, match=f"after {num_fitting} characters"):
        case.compiler.open(Choices(("yes", "yes, but")), prefill)


def test_states_of_one_constraint_do_not_know_each_other(byte_case: Case) -> None:
    start = byte_case.compiler.open(Choices(("ab", "cd")))
    first, second = start(), start()
    [a, b], [c, d] = (byte_case.tokenizer.encode_text(text) for text in ("ab", "cd"))
    first.accept(a)
    second.accept(c)
    logits = torch.zeros(byte_case.tokenizer.num_tokens)
    assert first.restrict(logits).isfinite().nonzero().view(-1).tolist() == [b]
    assert second.restrict(logits).isfinite().nonzero().view(-1).tolist() == [d]
    assert start().restrict(logits).isfinite().sum() >= 2


def test_end_tokens_are_allowed_where_the_reply_may_end(default_case: Case) -> None:
    state = default_case.compiler.open(Regex("[0-9]+"))()
    logits = torch.zeros(default_case.tokenizer.num_tokens)
    ends = sorted(default_case.tokenizer.end_ids)
    assert len(ends) > 1
    assert state.restrict(logits)[ends].tolist() == [-torch.inf] * len(ends)
    state.accept(default_case.tokenizer.encode_text("7")[0])
    assert state.restrict(logits)[ends].tolist() == [0.0] * len(ends)
    assert not state.is_complete


def test_control_tokens_are_never_text(default_case: Case) -> None:
    state = default_case.compiler.open(Regex("(?s:.*)"))()
    allowed = state.restrict(torch.zeros(default_case.tokenizer.num_tokens)).isfinite()
    controls = set(default_case.tokenizer.control_ids.values()) - default_case.tokenizer.end_ids
    assert controls
    assert not allowed[sorted(controls)].any()
    assert allowed.sum() > 40_000


@pytest.mark.parametrize("options", [("yes", "no"), (" yes", " no"), ("  yes", "北京"), (" ", "x y")])
def test_a_first_space_that_is_left_out_does_not_count(case: Case, options: tuple[str, ...]) -> None:
    start = case.compiler.open(Choices(options), drops_first_space=True)
    found: set[tuple[str, bool]] = set()
    for seed in range(60):
        state, said = start(), b""
        generator = torch.Generator().manual_seed(seed)
        while not state.is_complete:
            token_id = int(
                state.restrict(torch.randn(case.tokenizer.num_tokens, generator=generator)).argmax()
            )
            state.accept(token_id)
            said += case.tokenizer.token_bytes(token_id)
        found.add((said.decode().removeprefix(" "), said.startswith(b" ")))
    assert {text for text, _ in found} == set(options)
    may_lack_space = not all(option.startswith(" ") for option in options)
    assert {has_space for _, has_space in found} == ({True, False} if may_lack_space else {True})


def test_logits_may_be_longer_than_the_vocabulary(byte_case: Case) -> None:
    num_tokens = byte_case.tokenizer.num_tokens
    allowed = byte_case.compiler.open(Regex("(?s:.*)"))().restrict(torch.zeros(num_tokens + 50)).isfinite()
    assert allowed[:num_tokens].any()
    assert not allowed[num_tokens:].any()


def test_an_end_token_is_not_taken_for_a_word() -> None:
    """Of the token " end", the bytes that count are those of "end"; the model's end token has no bytes."""
    tokens = ["Ġ", "7", "e", "n", "d", "en", "end", "Ġend", "<|end|>"]
    keys = {"model": "gpt2", "pre": "smollm", "tokens": tokens, "merges": ["e n", "en d", "Ġ end"]}
    metadata = {f"tokenizer.ggml.{key}": value for key, value in keys.items()}
    case = make_case({**metadata, "tokenizer.ggml.eos_token_id": 8})
    state = case.compiler.open(Regex("7*"), drops_first_space=True)()
    allowed = state.restrict(torch.zeros(len(tokens))).isfinite().nonzero().view(-1).tolist()
    assert [tokens[token_id] for token_id in allowed] == ["Ġ", "7", "<|end|>"]


@pytest.mark.parametrize(
    "device", [pytest.param("cuda", marks=pytest.mark.gpu), pytest.param("mps", marks=pytest.mark.mps)]
)
def test_logits_stay_on_their_device(byte_case: Case, device: str) -> None:
    if not {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]:
        pytest.skip(f"no {device} device")
    state = byte_case.compiler.open(Regex("[a-c]"))()
    logits = torch.arange(float(byte_case.tokenizer.num_tokens))
    restricted = state.restrict(logits.to(device))
    assert restricted.device.type == device
    assert restricted.cpu().equal(state.restrict(logits))


def test_logits_are_not_changed_in_place_and_nan_stays(byte_case: Case) -> None:
    logits = torch.full((byte_case.tokenizer.num_tokens,), torch.nan)
    restricted = byte_case.compiler.open(Regex("a"))().restrict(logits)
    assert logits.isnan().all()
    assert restricted[byte_case.tokenizer.encode_text("a")].isnan().all()


@pytest.mark.parametrize("constraint", [Regex("ab|abc"), JsonSchema('{"type": "boolean"}'), Choices(("x",))])
def test_a_model_without_an_end_token_ends_where_nothing_may_follow(constraint: Constraint) -> None:
    case = make_case(byte_level())
    assert not case.tokenizer.end_ids
    for seed in range(5):
        text, reason = case.speak(constraint, seed=seed)
        assert (reason, text) in [("end", t) for t in ("abc", "true", "false", "x")]


def test_what_the_vocabulary_cannot_spell_is_refused() -> None:
    keys = {"model": "gpt2", "pre": "smollm", "tokens": ["a", "b", "<|end|>", "ab"], "merges": ["a b"]}
    metadata = {f"tokenizer.ggml.{key}": value for key, value in keys.items()}
    case = make_case(metadata)
    assert case.speak(Regex("[abc]b"), seed=1)[0] in ("ab", "bb")
    with pytest.raises(Unsupported, match="vocabulary cannot spell"):
        case.speak(Regex("ac"), seed=1)
    with pytest.raises(UsageError, match="after 1 characters"):
        case.compiler.open(Regex("ac*"), "ac")


def test_blanks_cannot_go_on_for_ever(byte_case: Case) -> None:
    """A model that says nothing but white space where it may still gets to the end."""
    tokenizer = byte_case.tokenizer
    is_blank = torch.tensor([not tokenizer.token_bytes(i).strip() for i in range(tokenizer.num_tokens)])
    state = byte_case.compiler.open(JsonSchema(json.dumps(SCHEMAS["nested objects"])))()
    said = b""
    while not state.is_complete:
        logits = 100.0 * is_blank + byte_case.is_closing
        token_id = int(state.restrict(logits).argmax())
        state.accept(token_id)
        said += tokenizer.token_bytes(token_id)
        assert len(said) < 1_000
    assert re.search(rb"\n {16}", said), "it did say blanks"


def test_a_mask_costs_little(default_case: Case) -> None:
    """Under a quarter of what the model itself takes for a token (8 ms), also where all text is allowed."""
    state = default_case.compiler.open(Regex("(?s:.*)"))()
    logits = torch.zeros(default_case.tokenizer.num_tokens)
    ids = default_case.tokenizer.encode_text("The quick brown fox jumps over the lazy dog. " * 10)
    steps: list[float] = []
    for token_id in ids:
        begun = time.thread_time()
        state.restrict(logits)
        state.accept(token_id)
        steps.append(time.thread_time() - begun)
    assert np.median(steps) < 8e-3


def test_what_was_compiled_is_kept_for_the_next(byte_case: Case) -> None:
    fresh = ConstraintCompiler(byte_case.tokenizer)
    timed = partial(_seconds, partial(fresh.open, JsonSchema('{"type": "boolean"}')))
    assert min(timed() for _ in range(5)) < 0.2


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def test_threads_may_compile_and_start_at_once(byte_case: Case) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def speak(seed: int) -> str:
        return byte_case.speak(Choices((f"a{seed % 3}", f"b{seed % 3}")), seed=seed)[0]

    def expected() -> Iterator[set[str]]:
        for seed in range(24):
            yield {f"a{seed % 3}", f"b{seed % 3}"}

    with ThreadPoolExecutor(4) as pool:
        for text, allowed in zip(pool.map(speak, range(24)), expected(), strict=True):
            assert text in allowed
