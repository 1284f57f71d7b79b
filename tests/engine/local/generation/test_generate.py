"""How reading a prompt and generating go on and end, on models whose reply is known."""

from pathlib import Path

import pytest
import torch

from chatterm.engine.base import CancelToken, SamplingParams
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.generation.choosing import TokenChooser
from chatterm.engine.local.generation.generate import PromptReading, Stepper
from chatterm.engine.local.generation.kv_cache import KVCache, Slab
from chatterm.engine.local.generation.lookup import PromptLookup
from chatterm.engine.local.generation.passes import Cancelled, Part, Reader
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.thread_choice import ThreadChoice
from chatterm.errors import GenerationFailed
from chatterm.models.fit import CHUNK_SIZE
from tests.engine.local.decoder.test_decoder import PACKED, REFERENCE, load
from tests.support.gguf_files import END_ID, TinyLlama, scripted_gguf, tiny_gguf

ONE_THREAD = ThreadChoice(1, torch.set_num_threads, is_fixed=True)
GREEDY = SamplingParams(temperature=0)
REPLY = "The quick brown fox jumps over the lazy dog."
PROMPT = [1, 40, 41, 2, 1, 50]


@pytest.fixture
def scripted(tmp_path: Path) -> Decoder:
    return load(scripted_gguf(tmp_path / "scripted.gguf", REPLY), PACKED)


@pytest.fixture
def tiny(tmp_path: Path) -> Decoder:
    return load(tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(context_length=4096)), REFERENCE)


class Writer:
    """Generates with one model, as the runtime does."""

    def __init__(self, model: Decoder, *, is_deterministic: bool = False) -> None:
        self.reader = Reader(model, is_deterministic=is_deterministic)
        self.stepper = Stepper(self.reader, ONE_THREAD)
        self.cache = KVCache(model, 4096, 2**30)

    def start(
        self,
        prompt: list[int],
        *,
        max_tokens: int = 100,
        params: SamplingParams = GREEDY,
        sample: int = 0,
        lookup: PromptLookup | None = None,
        num_expected: int | None = None,
    ) -> SampleRun:
        """Read the prompt and choose the first token; `num_expected` have room at first."""
        reading = PromptReading(self.cache.take(prompt, num_expected), prompt, self.reader)
        list(reading.read(CancelToken()))
        assert reading.logits is not None
        chooser = TokenChooser(params, sample)
        run = SampleRun(reading.slab, prompt, chooser, end_ids={END_ID}, max_tokens=max_tokens, lookup=lookup)
        self.stepper.begin(run, reading.logits)
        return run

    def finish(self, *runs: SampleRun) -> list[list[int]]:
        """Generate to the end, together; return what was generated."""
        starts = [len(run.ids) - 1 for run in runs]
        while live := [run for run in runs if run.reason is None]:
            before = [len(run.ids) for run in live]
            found = self.stepper.step(live)
            for run, length, tokens in zip(live, before, found, strict=True):
                assert run.ids[length:] == [one.token_id for one in tokens]
        for run in runs:
            self.cache.give_back(run.slab)
        return [run.ids[start:] for run, start in zip(runs, starts, strict=True)]


def test_ends_at_the_end_token_which_is_no_part_of_it(scripted: Decoder) -> None:
    writer = Writer(scripted)
    run = writer.start(PROMPT)
    (ids,) = writer.finish(run)
    assert run.reason == "end"
    assert len(ids) > 10
    assert END_ID not in run.ids[len(PROMPT) :]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_ends_at_the_limit(scripted: Decoder, limit: int) -> None:
    writer = Writer(scripted)
    whole = writer.start(PROMPT)
    writer.finish(whole)
    run = writer.start(PROMPT, max_tokens=limit)
    writer.finish(run)
    assert run.reason == "length"
    assert run.ids == whole.ids[: len(PROMPT) + limit]


def test_replies_that_share_their_passes_are_what_each_is_alone(tiny: Decoder) -> None:
    prompts = [[3 + n * k % 250 for n in range(20 + 30 * k)] for k in range(1, 5)]
    params = SamplingParams(temperature=0.8, seed=4)
    alone = []
    for prompt in prompts:
        writer = Writer(tiny)
        run = writer.start(prompt, params=params, max_tokens=30)
        writer.finish(run)
        alone.append(run.ids)
    writer = Writer(tiny)
    runs = [writer.start(prompt, params=params, max_tokens=30) for prompt in prompts]
    writer.finish(*runs)
    assert [run.ids for run in runs] == alone


def test_the_prompt_is_read_in_chunks(tiny: Decoder) -> None:
    prompt = [3 + n % 200 for n in range(CHUNK_SIZE * 2 + 10)]
    slab = Slab(tiny, 4096)
    reading = PromptReading(slab, prompt, Reader(tiny))
    assert list(reading.read(CancelToken())) == [CHUNK_SIZE, 2 * CHUNK_SIZE, len(prompt)]
    with torch.inference_mode():
        expected = Slab(tiny, 4096).read(prompt)
        assert reading.logits is not None
        torch.testing.assert_close(reading.logits, expected, rtol=1e-4, atol=1e-4)
        again = Slab(tiny, 4096)
        again.read(prompt)
        torch.testing.assert_close(slab.read([7]), again.read([7]), rtol=1e-4, atol=1e-4)


def test_cancelled_between_chunks_it_keeps_what_it_read(scripted: Decoder) -> None:
    prompt = [3 + n % 200 for n in range(CHUNK_SIZE * 3)]
    cancel, slab = CancelToken(), Slab(scripted, 4096)
    reading = PromptReading(slab, prompt, Reader(scripted))
    chunks = reading.read(cancel)
    assert next(chunks) == CHUNK_SIZE
    cancel.cancel()
    assert list(chunks) == []
    assert reading.logits is None
    assert slab.token_ids == prompt[:CHUNK_SIZE]


class CancelledAtLook(CancelToken):
    """Is set at the n-th look at it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._left = number

    @property
    def is_cancelled(self) -> bool:
        self._left -= 1
        return self._left < 0


@pytest.mark.parametrize("is_deterministic", [False, True])
def test_a_chunk_is_cancelled_between_two_layers(tiny: Decoder, is_deterministic: bool) -> None:
    slab = Slab(tiny, 4096)
    slab.read([5, 6])
    with torch.inference_mode(), pytest.raises(Cancelled):
        Reader(tiny, is_deterministic=is_deterministic).read(
            [Part(slab, [7, 8, 9])], cancel=CancelledAtLook(1)
        )
    assert slab.token_ids == [5, 6]


@torch.inference_mode()
@pytest.mark.parametrize("max_rows", [1, 2, 4, 7, 11])
@pytest.mark.parametrize("is_last_only", [True, False])
def test_passes_of_few_rows_give_what_one_gives(tiny: Decoder, max_rows: int, is_last_only: bool) -> None:
    ids = [[5, 6, 7, 8, 9, 10, 11], [20], [30, 31, 32], [40, 41]]
    whole, few = [Slab(tiny, 100) for _ in ids], [Slab(tiny, 100) for _ in ids]
    reader = Reader(tiny)
    expected = reader.read([Part(*pair) for pair in zip(whole, ids, strict=True)], is_last_only=is_last_only)
    reader.max_rows = max_rows
    found = reader.read([Part(*pair) for pair in zip(few, ids, strict=True)], is_last_only=is_last_only)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert [slab.token_ids for slab in few] == ids


def test_the_slab_holds_what_was_read_and_generated(scripted: Decoder) -> None:
    writer = Writer(scripted)
    run = writer.start(PROMPT, max_tokens=8)
    writer.finish(run)
    follow_up = [*run.ids, 60, 61]
    assert len(writer.cache.take(follow_up).token_ids) == len(PROMPT) + 7


def test_the_mode_does_not_leak_into_the_caller(scripted: Decoder) -> None:
    reading = PromptReading(Slab(scripted, 4096), PROMPT, Reader(scripted))
    for _ in reading.read(CancelToken()):
        assert not torch.is_inference_mode_enabled()
    writer = Writer(scripted)
    writer.finish(writer.start(PROMPT))
    assert not torch.is_inference_mode_enabled()


def test_numbers_that_are_none_end_the_reply(tiny: Decoder) -> None:
    writer = Writer(tiny)
    run = writer.start(PROMPT)
    with torch.inference_mode():
        run.slab.tensors[0].fill_(float("nan"))
    with pytest.raises(GenerationFailed):
        writer.finish(run)


REPEATING = "one two three four five six seven " * 3


def test_right_guesses_give_several_tokens_a_step_and_the_same_ones(tmp_path: Path) -> None:
    model = load(scripted_gguf(tmp_path / "scripted.gguf", REPLY, is_endless=True), PACKED)
    plain, guessing = Writer(model), Writer(model)
    expected = plain.finish(plain.start(PROMPT, max_tokens=200))
    run = guessing.start(PROMPT, max_tokens=200, lookup=PromptLookup(0.3))
    steps = 0
    while run.reason is None:
        guessing.stepper.step([run])
        steps += 1
        assert run.slab.token_ids == run.ids[: len(run.slab.token_ids)]
    assert run.ids[len(PROMPT) :] == expected[0]
    assert run.reason == "length"
    assert steps < 80


def test_wrong_guesses_change_nothing(tiny: Decoder) -> None:
    """In fp32, where many rows and one differ by less than any two logits."""
    params = SamplingParams(temperature=1.2, top_p=1.0, seed=8)
    prompt = [5, 6, 7, 8] * 30
    plain, guessing = Writer(tiny), Writer(tiny)
    expected = plain.finish(plain.start(prompt, max_tokens=60, params=params))
    run = guessing.start(prompt, max_tokens=60, params=params, lookup=PromptLookup(0.01))
    assert guessing.finish(run) == expected
    assert run.slab.token_ids == run.ids[:-1]
