"""Constraints from end to end: what the local engine streams is what was asked for, or said to be cut."""

import json
import re
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from chatterm.engine.base import Choices, Constraint, Finished, JsonSchema, Regex, SamplingParams, TextDelta
from chatterm.engine.local.engine import LocalEngine
from chatterm.errors import Unsupported, UsageError
from tests.engine.contract import ask, ends_of, run, text_of
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.json_schemas import SCHEMAS, Schema, closed
from tests.support.model_folders import family_folder

GREEDY = SamplingParams(temperature=0, max_tokens=100)
SAMPLED = SamplingParams(temperature=1.3, top_p=1.0, max_tokens=100, seed=3)


def is_allowed(schema: Schema, text: str) -> bool:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    return bool(validator.is_valid(json.loads(text)))


def speak(
    engine: LocalEngine,
    constraint: Constraint,
    *,
    text: str = "Hello!",
    sampling: SamplingParams = GREEDY,
    prefill: str = "",
    num_samples: int = 1,
) -> list[tuple[str, str]]:
    """Return each sample's text and why it ended."""
    request = ask(text, sampling=sampling, prefill=prefill, num_samples=num_samples)
    events = run(engine, replace(request, constraint=constraint))
    return [(text_of(events, sample=end.sample), end.reason) for end in ends_of(events)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalEngine]:
    """A model of random weights, and so of replies without sense."""
    folder = tmp_path_factory.mktemp("constrained")
    path = tiny_gguf(folder / "tiny.gguf", TinyLlama(seed=5))
    with closing(LocalEngine.open(path, name="tiny", num_threads=1, cache=folder)) as engine:
        yield engine


@pytest.fixture(scope="module")
def small(default_model: Path) -> Generator[LocalEngine]:
    """The default model."""
    with closing(LocalEngine.open(default_model, name="small", num_threads=1)) as engine:
        yield engine


def check_all(engine: LocalEngine, names: Sequence[str]) -> Counter[str]:
    """Ask for each schema, greedily and drawn; return how the replies ended."""
    reasons: Counter[str] = Counter()
    for name in names:
        schema = SCHEMAS[name]
        for sampling, count in ((GREEDY, 1), (SAMPLED, 1)):
            constraint = JsonSchema(json.dumps(schema))
            replies = speak(engine, constraint, text=f"{name}, please.", sampling=sampling, num_samples=count)
            for text, reason in replies:
                reasons[reason] += 1
                assert reason != "end" or is_allowed(schema, text), (name, text)
    return reasons


def test_a_random_model_keeps_to_schemas(tiny: LocalEngine) -> None:
    reasons = check_all(tiny, list(SCHEMAS)[::2])
    assert set(reasons) <= {"end", "length", "loop"}
    assert reasons["end"] > 35, "most of 70 replies come to their end"


@pytest.mark.slow
def test_a_random_model_keeps_to_every_schema(tiny: LocalEngine) -> None:
    assert check_all(tiny, list(SCHEMAS))["end"] > 70, "of 140"


def test_the_default_model_keeps_to_schemas(small: LocalEngine) -> None:
    reasons = check_all(small, list(SCHEMAS)[::10])
    assert reasons["end"] > 9, "of 14"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_default_model_keeps_to_every_schema(small: LocalEngine) -> None:
    assert check_all(small, list(SCHEMAS))["end"] > 95, "of 140; the others are cut at 100 tokens"


def test_a_small_model_answers_in_the_form_asked_for(small: LocalEngine) -> None:
    schema = closed(
        {"city": {"enum": ["Paris", "Rome", "Oslo"]}, "country": {"type": "string", "maxLength": 20}}
    )
    question = "What is the capital of France? Answer with the city and its country."
    ((text, reason),) = speak(small, JsonSchema(json.dumps(schema)), text=question)
    assert reason == "end"
    assert json.loads(text) == {"city": "Paris", "country": "France"}


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED])
def test_a_choice_is_one_of_them(small: LocalEngine, sampling: SamplingParams) -> None:
    options = ("red", "green", "dark green", "蓝色")
    replies = speak(small, Choices(options), text="A colour?", sampling=sampling, num_samples=5)
    assert len(replies) == 5
    assert all(reason == "end" and text in options for text, reason in replies)


def test_a_reply_matches_its_expression(small: LocalEngine) -> None:
    pattern = r"[A-Z][a-z]{2,8} \d{1,2}, (19|20)[0-9]{2}"
    for text, reason in speak(small, Regex(pattern), text="A date?", sampling=SAMPLED, num_samples=4):
        assert reason == "end"
        assert re.fullmatch(pattern, text)


def test_a_reply_that_is_cut_short_says_so(small: LocalEngine) -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 50}
    ((text, reason),) = speak(
        small, JsonSchema(json.dumps(schema)), sampling=replace(GREEDY, max_tokens=9, loop_detection=False)
    )
    assert reason == "length"
    assert text.startswith("[")


def test_the_prefill_is_part_of_the_reply(small: LocalEngine) -> None:
    schema = closed({"answer": {"type": "boolean"}})
    ((text, reason),) = speak(small, JsonSchema(json.dumps(schema)), prefill='{"answer": f')
    assert (json.loads(text), reason) == ({"answer": False}, "end")


def test_a_prefill_that_is_the_whole_reply_ends_it(small: LocalEngine) -> None:
    request = replace(ask("Well?", prefill="yes", num_samples=2), constraint=Choices(("yes", "no")))
    events = run(small, request)
    assert [text_of(events, sample=n) for n in (0, 1)] == ["yes", "yes"]
    assert [end.usage.output_tokens for end in ends_of(events)] == [0, 0]


def test_a_prefill_that_cannot_begin_the_reply_is_refused_before_any_event(small: LocalEngine) -> None:
    with pytest.raises(UsageError, match="the prefill"):
        run(small, replace(ask(prefill="maybe"), constraint=Choices(("yes", "no"))))


def test_each_request_of_a_batch_has_its_own_constraint(small: LocalEngine) -> None:
    free = ask("Say something.", sampling=replace(GREEDY, max_tokens=5))
    bound = [replace(free, constraint=Choices((word,))) for word in ("north", "south")]
    events = run(small, bound[0], free, bound[1])
    assert [text_of(events, request=n) for n in (0, 2)] == ["north", "south"]
    assert text_of(events, request=1) == text_of(run(small, free))


def test_what_costs_too_much_is_refused_and_the_engine_lives_on(small: LocalEngine) -> None:
    with pytest.raises(Unsupported, match=r"more than can be kept to|takes"):
        speak(small, Regex("(a{1000}){1000}"))
    assert speak(small, Choices(("fine",))) == [("fine", "end")]


def test_a_base_model_keeps_to_it_too(tmp_path: Path) -> None:
    """Its reply's first blank, which only parts it from the prompt, is no part of the text."""
    path = tiny_gguf(tmp_path / "base.gguf", TinyLlama(chat_template=None))
    with closing(LocalEngine.open(path, name="base", num_threads=1)) as engine:
        for options in (("yes", "no"), (" yes", " no"), ("  yes", "no ")):
            for text, reason in speak(engine, Choices(options), sampling=SAMPLED, num_samples=6):
                assert (text in options, reason) == (True, "end"), text


@pytest.mark.parametrize("kind", ["llama 3", "gemma", "llama 2 and phi3", "mistral, first"])
def test_a_folder_with_any_tokenizer_keeps_to_it_too(tmp_path: Path, kind: str) -> None:
    schema = closed(
        {"城市": {"enum": ["北京", "上海"]}, "n": {"type": "integer", "minimum": -9, "maximum": 99}}
    )
    folder = family_folder(tmp_path / "model", kind=kind, num_hidden_layers=1)
    with closing(LocalEngine.open(folder, name="folder", num_threads=1)) as engine:
        for text, reason in speak(engine, JsonSchema(json.dumps(schema)), sampling=SAMPLED, num_samples=4):
            assert (reason, is_allowed(schema, text)) == ("end", True), text
        for text, reason in speak(engine, Choices((" yes", "no", "蓝色")), sampling=SAMPLED, num_samples=8):
            assert (reason, text in (" yes", "no", "蓝色")) == ("end", True), text


def test_the_token_ids_of_a_reply_are_told(small: LocalEngine) -> None:
    request = replace(ask("Well?"), constraint=Regex("[a-z]{3,9}"))
    events = run(small, request)
    num_ids = sum(len(event.token_ids) for event in events if isinstance(event, TextDelta))
    (end,) = (event for event in events if isinstance(event, Finished))
    assert num_ids == end.usage.output_tokens > 0
