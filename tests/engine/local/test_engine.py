"""The local engine: the contract of every engine, and what is its own."""

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from string import ascii_letters

import pytest
import torch

from chatterm.conversation import Message
from chatterm.engine.base import (
    CancelToken,
    GenerationRequest,
    JsonSchema,
    SamplingParams,
    StreamEvent,
    TextDelta,
)
from chatterm.engine.local.engine import LocalEngine
from chatterm.errors import BadModelFile, DoesNotFit, ModelNotFound, UsageError
from tests.engine.contract import EngineContract, ask, ends_of, run, text_of
from tests.support.gguf_files import TinyLlama, scripted_gguf, tiny_gguf
from tests.support.llama_oracle import rewrite_gguf

REPLY = "Bridges, tunnels and ferries are three ways over the water — 三条路过水。 The first needs no engine."

SHORT = SamplingParams(temperature=0, max_tokens=5)
SAMPLED = SamplingParams(temperature=1.0, seed=4)


def open_engine(path: Path, **options: object) -> LocalEngine:
    options = {"num_threads": 1} | options
    return LocalEngine.open(path, name="tested", **options)  # type: ignore[arg-type]  # a test's own choice


class TestScripted(EngineContract):
    @pytest.fixture(scope="class")
    def path(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return scripted_gguf(tmp_path_factory.mktemp("models") / "scripted.gguf", REPLY)

    @pytest.fixture
    def engine(self, path: Path) -> Generator[LocalEngine]:
        with closing(open_engine(path, cache=path.parent)) as engine:
            yield engine

    def test_the_reply_is_the_script(self, engine: LocalEngine) -> None:
        events = run(engine, ask(sampling=SamplingParams(temperature=2.0, top_p=1.0, max_tokens=500)))
        assert text_of(events) == REPLY
        assert ends_of(events)[0].reason == "end"

    def test_the_prompt_of_the_next_turn_is_cached(self, engine: LocalEngine) -> None:
        first = ends_of(run(engine, ask()))[0].usage
        assert first.cached_tokens == 0
        messages = (*ask().messages, Message("assistant", "Well."), Message("user", "And then?"))
        request = GenerationRequest(messages=messages, sampling=SamplingParams(temperature=0, max_tokens=5))
        usage = ends_of(run(engine, request))[0].usage
        assert first.input_tokens - 1 <= usage.cached_tokens < usage.input_tokens

    def test_samples_after_the_first_read_nothing(self, engine: LocalEngine) -> None:
        first, second = ends_of(run(engine, ask(num_samples=2)))
        assert first.usage.cached_tokens == 0
        assert second.usage.cached_tokens == second.usage.input_tokens == first.usage.input_tokens
        assert second.usage.prefill_s == 0

    def test_text_never_breaks_a_character(self, engine: LocalEngine) -> None:
        events = run(engine, ask(sampling=SamplingParams(temperature=0, max_tokens=500)))
        pieces = [event.text for event in events if isinstance(event, TextDelta)]
        assert "".join(pieces) == REPLY
        assert not any("\ufffd" in piece for piece in pieces)
        assert "" in pieces, "a token that ends within a character has no text yet"

    def test_a_closed_engine_says_so(self, engine: LocalEngine) -> None:
        engine.close()
        with pytest.raises(UsageError, match="closed"):
            run(engine, ask())

    def test_an_early_close_lets_other_threads_go_on(self, engine: LocalEngine) -> None:
        stream = engine.stream([ask() for _ in range(5000)], CancelToken())
        next(stream)
        found: list[str] = []
        other = threading.Thread(target=lambda: found.append(text_of(run(engine, ask()))))
        other.start()
        stream.close()
        other.join(30)
        assert found == [text_of(run(engine, ask()))]


LOOP = "Tell me about the weather in the north of the land, please. "


def test_a_reply_in_circles_is_stopped_and_says_so(tmp_path: Path) -> None:
    path = scripted_gguf(tmp_path / "loop.gguf", LOOP, is_endless=True)
    with closing(open_engine(path)) as engine:
        sampling = SamplingParams(temperature=0, max_tokens=400)
        events = run(engine, ask(sampling=sampling), ask(sampling=replace(sampling, loop_detection=False)))
    stopped, whole = ends_of(events)
    assert (stopped.reason, whole.reason) == ("loop", "length")
    assert text_of(events).startswith(2 * LOOP)
    assert len(text_of(events)) <= 4 * len(LOOP)
    assert stopped.usage.output_tokens < whole.usage.output_tokens == 400


def test_conversations_in_turn_all_find_what_was_read(tiny: Path) -> None:
    with closing(open_engine(tiny)) as engine:
        for number in range(2):
            for start in ("one fine day", "another day"):
                question = Message("user", start)
                messages = (question, Message("assistant", "yes"), Message("user", f"and {number}?"))
                end = ends_of(run(engine, GenerationRequest(messages=messages, sampling=SHORT)))[0]
                if number:
                    shared = engine.count([question]).tokens
                    assert end.usage.cached_tokens > shared
                    assert end.usage.input_tokens - end.usage.cached_tokens < 30


def test_requests_with_one_document_share_its_reading(tiny: Path) -> None:
    requests = [ask(LOOP * 2 + f"{number}?", sampling=SHORT) for number in range(3)]
    with closing(open_engine(tiny)) as engine:
        usages = [end.usage for end in ends_of(run(engine, *requests))]
    assert [usage.cached_tokens > 50 for usage in usages] == [False, True, True]


def test_replies_of_a_batch_come_together(tiny: Path) -> None:
    sampling = SamplingParams(temperature=1.5, seed=1, max_tokens=40)
    with closing(open_engine(tiny)) as engine:
        events = run(engine, *(ask("hello", sampling=sampling, num_samples=2) for _ in range(2)))
    order = [(event.request, event.sample) for event in events if isinstance(event, TextDelta)]
    changes = sum(one != other for one, other in pairwise(order))
    assert set(order) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert changes > 60, "a token of each in turn"


def test_what_does_not_fit_the_budget_waits_its_turn(tiny: Path) -> None:
    """With room for one sequence they come one after the other, and are what they are together."""
    requests = [ask(f"hello {number}", sampling=replace(SAMPLED, max_tokens=150)) for number in range(4)]
    with closing(open_engine(tiny)) as engine:
        expected = [text_of(run(engine, *requests), request=index) for index in range(4)]
    with closing(open_engine(tiny, cache_bytes=1)) as engine:
        events = run(engine, *requests)
    order = [event.request for event in events if isinstance(event, TextDelta)]
    assert order == sorted(order)
    assert [text_of(events, request=index) for index in range(4)] == expected


def test_a_batch_of_forty_is_answered(tiny: Path) -> None:
    requests = [ask(f"hello {number}", sampling=replace(SHORT, max_tokens=3)) for number in range(40)]
    with closing(open_engine(tiny)) as engine:
        events = run(engine, *requests)
        alone = [text_of(run(engine, request)) for request in requests[::13]]
    assert sorted(end.request for end in ends_of(events)) == list(range(40))
    assert [text_of(events, request=index) for index in range(0, 40, 13)] == alone


def test_offsets_point_into_the_text(scripted: Path) -> None:
    sampling = SamplingParams(temperature=0, max_tokens=500)
    request = replace(ask(sampling=sampling, prefill="Well, "), num_alternatives=0)
    with closing(open_engine(scripted)) as engine:
        events = run(engine, request)
    text = text_of(events)
    details = [one for event in events if isinstance(event, TextDelta) for one in event.details]
    assert text == "Well, " + REPLY
    assert details[0].offset == len("Well, ")
    for one, following in pairwise(details):
        if "\ufffd" not in one.text + following.text:
            assert text[one.offset : following.offset] == one.text


def test_a_schema_is_kept_with_the_start_that_was_given(tiny: Path) -> None:
    schema = '{"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}'
    request = GenerationRequest(
        messages=ask("hello").messages,
        prefill='{"ok"',
        constraint=JsonSchema(schema),
        sampling=SamplingParams(temperature=1.5, seed=3, max_tokens=150),
        num_samples=3,
    )
    with closing(open_engine(tiny)) as engine:
        events = run(engine, request)
    for sample in range(3):
        end = ends_of(events)[sample]
        text = text_of(events, sample=end.sample)
        assert text.startswith('{"ok"')
        if end.reason == "end":
            assert isinstance(json.loads(text)["ok"], bool)
    assert any(end.reason == "end" for end in ends_of(events))


def test_penalties_make_a_reply_less_the_same(tiny: Path) -> None:
    plain = SamplingParams(temperature=0, max_tokens=60, loop_detection=False)
    with closing(open_engine(tiny)) as engine:
        repeated = ids_of(run(engine, ask("hello", sampling=plain)))
        penalised = ids_of(run(engine, ask("hello", sampling=replace(plain, frequency_penalty=2.0))))
    assert len(set(penalised)) > len(set(repeated))


def test_scores_are_the_log_probabilities_that_are_told(tiny: Path) -> None:
    request = replace(ask("hello", sampling=SHORT), num_alternatives=100)
    with closing(open_engine(tiny)) as engine:
        first = next(
            one for event in run(engine, request) if isinstance(event, TextDelta) for one in event.details
        )
        letters = [one for one in first.alternatives if len(one.text) == 1 and one.text in ascii_letters]
        scores = engine.score(request.messages, [one.text for one in letters])
    assert len(letters) > 5
    assert scores == pytest.approx([one.log_probability for one in letters], abs=0.05)


def test_scores_do_not_depend_on_the_other_labels(tiny: Path) -> None:
    labels = ["yes, of course", "no", "perhaps", "", "yes, never"]
    with closing(open_engine(tiny)) as engine:
        together = engine.score(ask("hello").messages, labels)
        alone = [engine.score(ask("hello").messages, [label])[0] for label in labels]
    assert together == pytest.approx(alone, rel=0.02, abs=0.05)


@pytest.fixture
def scripted(tmp_path: Path) -> Path:
    return scripted_gguf(tmp_path / "scripted.gguf", REPLY)


@pytest.mark.slow
def test_a_long_prompt_is_cancelled_at_once(default_model: Path) -> None:
    cancel, begun = CancelToken(), []

    def stop() -> None:
        begun.append(time.perf_counter())
        cancel.cancel()

    with closing(open_engine(default_model, num_threads=None)) as engine:
        run(engine, ask("hello"))
        threading.Timer(0.5, stop).start()
        (end,) = ends_of(list(engine.stream([ask("word " * 7000)], cancel)))
        took = time.perf_counter() - begun[0]
    assert end.reason == "cancelled"
    assert took < 3


def ids_of(events: list[StreamEvent]) -> list[int]:
    return [i for event in events if isinstance(event, TextDelta) for i in event.token_ids]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(context_length=256))


def sampled(engine: LocalEngine, *, seed: int, num_samples: int = 1) -> list[str]:
    sampling = SamplingParams(temperature=1.5, top_p=1.0, seed=seed, max_tokens=20)
    events = run(engine, ask("hello", sampling=sampling, num_samples=num_samples))
    return [text_of(events, sample=sample) for sample in range(num_samples)]


def test_a_seed_repeats_and_samples_differ(tiny: Path) -> None:
    with closing(open_engine(tiny)) as engine:
        one, two, three = sampled(engine, seed=5, num_samples=3)
        assert len({one, two, three}) == 3
        assert sampled(engine, seed=6) != [one]
    with closing(open_engine(tiny)) as engine:
        assert sampled(engine, seed=5, num_samples=3) == [one, two, three]


def test_the_card_tells_what_was_opened(tiny: Path) -> None:
    with closing(open_engine(tiny, languages=("en",), context_length=100, device="cpu")) as engine:
        card = engine.describe()
    assert (card.name, card.languages, card.context_length, card.device) == ("tested", ("en",), 100, "cpu")
    assert card.has_chat_template
    assert card.num_parameters == 320 * 64 + 2 * (3 * 64 * 128 + 2 * 64 * 64 + 2 * 32 * 64 + 2 * 64) + 64


def test_what_determinism_costs_is_noted(tiny: Path) -> None:
    with closing(open_engine(tiny, is_deterministic=True)) as engine:
        assert any("one token at a time" in note for note in engine.describe().notes)
    with closing(open_engine(tiny)) as engine:
        assert not any("one token at a time" in note for note in engine.describe().notes)


def test_other_weights_have_another_identity(tmp_path: Path) -> None:
    paths = [tiny_gguf(tmp_path / f"{name}.gguf", TinyLlama(block_type=name)) for name in ("Q4_0", "Q4_1")]
    identities = set()
    for path in paths:
        with closing(open_engine(path)) as engine:
            identities.add(engine.describe().identity)
    assert len(identities) == 2


def test_weights_that_stay_packed_need_no_note(tmp_path: Path) -> None:
    spec = TinyLlama(embedding=256, feed_forward=2048, block_type="Q5_0", vocab_size=2048)
    with closing(open_engine(tiny_gguf(tmp_path / "tiny.gguf", spec))) as engine:
        assert not any("dequantised" in note for note in engine.describe().notes)


def test_a_reply_ends_with_the_context(tiny: Path) -> None:
    with closing(open_engine(tiny, context_length=60)) as engine:
        sampling = SamplingParams(temperature=1.0, max_tokens=1000)
        (end,) = ends_of(run(engine, ask("hello", sampling=sampling)))
    assert end.reason in {"length", "end"}
    assert end.usage.input_tokens + end.usage.output_tokens <= 60


def test_the_whole_context_can_be_used(tiny: Path) -> None:
    with closing(open_engine(tiny)) as engine:
        room = 256 - engine.count([Message("user", "")]).tokens
        text = "z" * (room - 1)
        assert engine.count([Message("user", text)]).tokens == 255
        (end,) = ends_of(run(engine, ask(text)))
        assert end.usage.output_tokens <= 1
        with pytest.raises(DoesNotFit, match="256 tokens, but only 255 fit"):
            run(engine, ask(text + "z"))


@pytest.mark.parametrize("asked", [0, 257, 100_000])
def test_a_context_the_model_does_not_have_is_refused(asked: int, tiny: Path) -> None:
    with pytest.raises(UsageError, match=rf"{asked:,} tokens.*1 to 256"):
        open_engine(tiny, context_length=asked)


def test_a_device_that_is_not_there_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match="cuda:99"):
        open_engine(tiny, device="cuda:99")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        open_engine(tmp_path / "absent.gguf")


def test_an_architecture_that_cannot_be_run_is_named(tiny: Path, tmp_path: Path) -> None:
    path = rewrite_gguf(tiny, tmp_path / "bert.gguf", metadata={"general.architecture": "bert"})
    with pytest.raises(BadModelFile, match=r"bert"):
        open_engine(path)


def test_a_base_model_is_prompted_plainly(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "base.gguf", TinyLlama(chat_template=None))
    with closing(open_engine(path)) as engine:
        assert not engine.describe().has_chat_template
        assert ends_of(run(engine, ask("hello")))


def test_longer_labels_are_less_likely_than_their_beginnings(tiny: Path) -> None:
    with closing(open_engine(tiny)) as engine:
        short, long, other = engine.score(ask("hello").messages, ["q", "qz", "x"])
        assert engine.score(ask("hello").messages, ["x"]) == pytest.approx([other], abs=0.05)
    assert long < short < 0
    assert math.exp(short) + math.exp(other) < 1


def test_importing_the_engine_imports_no_torch() -> None:
    """torch takes a second: it is imported on the model's thread while the tokenizer is built on this one."""
    script = "import sys, chatterm.engine.local.engine; print([m for m in sys.modules if 'torch' in m])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.gpu), pytest.param("mps", marks=pytest.mark.mps)],
)
def test_the_default_model_answers(device: str, default_model: Path) -> None:
    if not is_there(device):
        pytest.skip(f"no {device} device")
    sampling = SamplingParams(temperature=0, max_tokens=60)
    with closing(open_engine(default_model, device=device)) as engine:
        first = run(engine, ask("What is the capital of France?", sampling=sampling))
        assert "Paris" in text_of(first)
        messages = (Message("user", "What is the capital of France?"), Message("assistant", text_of(first)))
        request = GenerationRequest(messages=(*messages, Message("user", "And of Italy?")), sampling=sampling)
        second = run(engine, request)
    usage = ends_of(second)[0].usage
    assert text_of(second).strip()
    assert usage.cached_tokens > ends_of(first)[0].usage.input_tokens, "the reply itself is found again, too"


def is_there(device: str) -> bool:
    return {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(device, True)
