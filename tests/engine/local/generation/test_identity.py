"""In deterministic mode a reply is the same to the token, however it is cached, batched and guessed at."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, GenerationRequest, SamplingParams, TextDelta
from chatterm.engine.local.engine import LocalEngine
from tests.engine.contract import ends_of
from tests.support.gguf_files import TinyLlama, tiny_gguf

GREEDY = SamplingParams(temperature=0, loop_detection=False)
SAMPLED = SamplingParams(temperature=1.0, top_p=0.95, seed=7, loop_detection=False)
SHORT = SamplingParams(temperature=0, max_tokens=1)
WORDS = ["the", "rain", "in", "the", "north", "and", "a", "sun", "over", "the", "south", "or", "so"]

Replies = list[tuple[int, ...]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    return tiny_gguf(path, TinyLlama(context_length=2048, block_type="Q4_1"))


def requests_for(
    sampling: SamplingParams, count: int, max_tokens: int, num_samples: int = 1
) -> list[GenerationRequest]:
    """Prompts of different lengths with a shared beginning, so that all of the cache's ways are gone."""
    system = Message("system", "You write long stories about " + " ".join(WORDS))
    sampling = replace(sampling, max_tokens=max_tokens)
    return [
        GenerationRequest(
            messages=(
                system,
                Message("user", f"Tell story {index}: " + " ".join((WORDS * 9)[: 3 + 17 * index % 90])),
            ),
            sampling=sampling,
            num_samples=num_samples,
        )
        for index in range(count)
    ]


def samples(engine: LocalEngine, requests: Sequence[GenerationRequest]) -> dict[tuple[int, int], list[int]]:
    """The token ids of each sample, by request and sample."""
    found: dict[tuple[int, int], list[int]] = {
        (index, sample): [] for index, request in enumerate(requests) for sample in range(request.num_samples)
    }
    for event in engine.stream(requests, CancelToken()):
        if isinstance(event, TextDelta):
            found[event.request, event.sample].extend(event.token_ids)
    return found


def replies(engine: LocalEngine, requests: Sequence[GenerationRequest]) -> Replies:
    """The token ids of the first sample of each request of a batch."""
    return [tuple(ids) for (_, sample), ids in samples(engine, requests).items() if sample == 0]


def check_identity(
    open_engine: Callable[[bool], LocalEngine],
    sampling: SamplingParams,
    *,
    count: int,
    max_tokens: int,
    least: int = 2000,
) -> None:
    """`least`: so many tokens must have been compared."""
    single = requests_for(sampling, count, max_tokens)
    expected: Replies = []
    for request in single:
        with closing(open_engine(True)) as engine:  # nothing is cached
            expected += replies(engine, [request])
    assert sum(map(len, expected)) >= least
    with closing(open_engine(True)) as engine:
        together = replies(engine, requests_for(sampling, count, max_tokens, num_samples=2))
        assert together == expected, "in a batch, and one of several samples"
        for request, reply in list(zip(single, expected, strict=True))[:4]:
            (end,) = ends_of(list(engine.stream([replace(request, sampling=SHORT)], CancelToken())))
            assert end.usage.cached_tokens == end.usage.input_tokens - 1
            assert replies(engine, [request]) == [reply], "from the cache, alone"
    with closing(open_engine(False)) as engine:
        found = [ids for request in single[:6] for ids in replies(engine, [request])]
        assert found == expected[:6], "without prompt lookup"


@pytest.fixture(
    scope="module", params=[pytest.param("torch's products", marks=pytest.mark.slow), "compiled kernels"]
)
def cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Where kernels are compiled to; None: they are not. Without a compiler both are the same."""
    return None if request.param == "torch's products" else tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_a_tiny_model_repeats_itself_to_the_token(
    tiny: Path, cache: Path | None, sampling: SamplingParams
) -> None:
    def open_engine(has_prompt_lookup: bool) -> LocalEngine:
        return LocalEngine.open(
            tiny,
            name="tiny",
            num_threads=1,
            cache=cache,
            is_deterministic=True,
            has_prompt_lookup=has_prompt_lookup,
        )

    count = 6 if sampling is GREEDY else 12
    check_identity(open_engine, sampling, count=count, max_tokens=150, least=800)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_the_default_model_repeats_itself_to_the_token(
    default_model: Path, tmp_path: Path, sampling: SamplingParams
) -> None:
    def open_engine(has_prompt_lookup: bool) -> LocalEngine:
        return LocalEngine.open(
            default_model,
            name="default",
            cache=tmp_path / "cache",
            is_deterministic=True,
            has_prompt_lookup=has_prompt_lookup,
        )

    check_identity(open_engine, sampling, count=12, max_tokens=350)


def test_eight_samples_begin_with_the_one(tiny: Path) -> None:
    with closing(LocalEngine.open(tiny, name="tiny", num_threads=1, is_deterministic=True)) as engine:
        (alone,) = replies(engine, requests_for(SAMPLED, 1, 250))
    with closing(LocalEngine.open(tiny, name="tiny", num_threads=1, is_deterministic=True)) as engine:
        found = samples(engine, requests_for(SAMPLED, 1, 250, num_samples=8))
    assert found[0, 0] == list(alone)
    assert len({tuple(ids) for ids in found.values()}) == 8
