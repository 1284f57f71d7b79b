"""How reading a prompt and generating go on and end, on models whose reply is known."""

from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from chatterm.engine.base import CancelToken, SamplingParams
from chatterm.engine.local.generate import CHUNK_SIZE, PromptRun
from chatterm.engine.local.kv_cache import KVCache, Slab
from chatterm.engine.local.model import Decoder
from chatterm.engine.local.sampling import make_sampler
from chatterm.engine.local.thread_choice import ThreadChoice
from chatterm.errors import GenerationFailed
from tests.engine.local.test_model import PACKED, REFERENCE, load
from tests.support.gguf_files import END_ID, TinyLlama, scripted_gguf, tiny_gguf

_T = TypeVar("_T")
_R = TypeVar("_R")

ONE_THREAD = ThreadChoice(1, torch.set_num_threads, is_fixed=True)
GREEDY = make_sampler(SamplingParams(temperature=0), 0)
REPLY = "The quick brown fox jumps over the lazy dog."
PROMPT = [1, 40, 41, 2, 1, 50]


@pytest.fixture
def scripted(tmp_path: Path) -> Decoder:
    return load(scripted_gguf(tmp_path / "scripted.gguf", REPLY), PACKED)


def collect(generator: Generator[_T, None, _R]) -> tuple[list[_T], _R]:
    values: list[_T] = []
    while True:
        try:
            values.append(next(generator))
        except StopIteration as end:
            return values, end.value


def started(model: Decoder, prompt: list[int]) -> PromptRun:
    run = PromptRun(KVCache(model, 4096).take(prompt), prompt, ONE_THREAD)
    assert collect(run.read(CancelToken()))[1]
    return run


def generate(
    run: PromptRun, max_tokens: int = 100, cancel: CancelToken | None = None
) -> tuple[list[int], str]:
    tokens = run.generate(GREEDY, end_ids={END_ID}, max_tokens=max_tokens, cancel=cancel or CancelToken())
    return collect(tokens)


def test_ends_at_the_end_token_without_yielding_it(scripted: Decoder) -> None:
    ids, reason = generate(started(scripted, PROMPT))
    assert reason == "end"
    assert len(ids) > 10
    assert END_ID not in ids


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_ends_at_the_limit(scripted: Decoder, limit: int) -> None:
    whole, _ = generate(started(scripted, PROMPT))
    assert generate(started(scripted, PROMPT), limit) == (whole[:limit], "length")


def test_a_prompt_can_be_continued_again(scripted: Decoder) -> None:
    run = started(scripted, PROMPT)
    assert generate(run) == generate(run)


def test_the_prompt_is_read_in_chunks(tmp_path: Path) -> None:
    model = load(tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(context_length=4096)), REFERENCE)
    prompt = [3 + n % 200 for n in range(CHUNK_SIZE * 2 + 10)]
    slab = Slab(model, 4096)
    assert collect(PromptRun(slab, prompt, ONE_THREAD).read(CancelToken())) == (
        [CHUNK_SIZE, 2 * CHUNK_SIZE, len(prompt)],
        True,
    )
    with torch.inference_mode():
        expected = Slab(model, 4096).read(prompt)
        found = slab.read([7])
        again = Slab(model, 4096)
        again.read(prompt)
        torch.testing.assert_close(found, again.read([7]), rtol=1e-4, atol=1e-4)
    assert expected.shape == found.shape


def test_cancelled_between_chunks_it_keeps_what_it_read(scripted: Decoder) -> None:
    prompt = [3 + n % 200 for n in range(CHUNK_SIZE * 3)]
    cancel, slab = CancelToken(), Slab(scripted, 4096)
    reading = PromptRun(slab, prompt, ONE_THREAD).read(cancel)
    assert next(reading) == CHUNK_SIZE
    cancel.cancel()
    assert collect(reading) == ([], False)
    assert slab.token_ids == prompt[:CHUNK_SIZE]


def test_cancelled_between_steps(scripted: Decoder) -> None:
    cancel = CancelToken()
    tokens = started(scripted, PROMPT).generate(GREEDY, end_ids={END_ID}, max_tokens=50, cancel=cancel)
    next(tokens)
    cancel.cancel()
    assert collect(tokens) == ([], "cancelled")


def test_the_slab_holds_what_was_read_and_generated(scripted: Decoder) -> None:
    cache = KVCache(scripted, 4096)
    run = PromptRun(cache.take(PROMPT), PROMPT, ONE_THREAD)
    collect(run.read(CancelToken()))
    ids, _ = generate(run, max_tokens=8)
    follow_up = [*PROMPT, *ids, 60, 61]
    assert PromptRun(cache.take(follow_up), follow_up, ONE_THREAD).num_cached == len(PROMPT) + 7


def test_the_mode_does_not_leak_into_the_caller(scripted: Decoder) -> None:
    run = PromptRun(Slab(scripted, 4096), PROMPT, ONE_THREAD)
    for _ in run.read(CancelToken()):
        assert not torch.is_inference_mode_enabled()
    for _ in run.generate(GREEDY, end_ids={END_ID}, max_tokens=3, cancel=CancelToken()):
        assert not torch.is_inference_mode_enabled()


def test_scores_are_log_probabilities(tmp_path: Path) -> None:
    model = load(tiny_gguf(tmp_path / "tiny.gguf"), REFERENCE)
    run = started(model, PROMPT)
    ending = [30, 31, 32]
    with torch.inference_mode():
        logits = Slab(model, 512).read([*PROMPT, *ending], is_last_only=False)
    chances = logits.log_softmax(-1)[len(PROMPT) - 1 : -1]
    expected = sum(float(row[token]) for row, token in zip(chances, ending, strict=True))
    assert run.score(ending) == pytest.approx(expected, abs=1e-4)
    assert run.score(ending[:1]) == pytest.approx(float(chances[0, 30]), abs=1e-4)
    assert run.score([]) == 0.0


def test_numbers_that_are_none_end_the_reply(tmp_path: Path) -> None:
    model = load(tiny_gguf(tmp_path / "tiny.gguf"), REFERENCE)
    run = started(model, PROMPT)
    with torch.inference_mode():
        model.weights.output_norm.scaled_weight.fill_(float("nan"))
    tokens = run.generate(GREEDY, end_ids={END_ID}, max_tokens=5, cancel=CancelToken())
    next(tokens)
    with pytest.raises(GenerationFailed):
        next(tokens)
