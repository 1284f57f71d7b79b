"""How fast a model answers on this machine: what `chatterm bench` measures, through the engine's public seam.

Yields progress, and last the report. Owns what is asked of the engine and how figures are made of its
events; knows no table. Replies are sampled, for a greedy one may end or repeat itself at once; where a
reply is short another follows, until enough tokens were timed.
"""

import gc
import random
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatterm.conversation import Message, ModelCard, Usage
from chatterm.engine.base import CancelToken, Engine, Finished, GenerationRequest, SamplingParams, TextDelta
from chatterm.errors import Unsupported

PREFILL_TOKENS = 512
DECODE_TOKENS = 128
LONG_CONTEXT = 2048
ROUNDS = 3
"""Of the measures that take no time; their median is reported."""
PATIENCE_S = 8.0
"""One reply is stopped after so long: a figure of fewer tokens tells as much."""
MAX_REPLIES = 12

_TEXT = (
    "the river runs past old houses and a green field where people walk in summer while clouds move over "
    "distant hills each morning brings new light to quiet streets some read others write letters home about "
    "small things they found on their way through town markets open early bread fruit paper tools are sold"
)
_WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class BenchProgress:
    """What is being measured now."""

    text: str


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second, and over how many tokens that was."""

    tokens: int
    tokens_per_s: float
    context: int
    """Tokens before the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """The figures of one model on one machine; None where something could not be measured."""

    card: ModelCard
    first_token_cold_s: float
    """From the opening of the engine, libraries included, to the first token of a short question."""
    first_token_warm_s: float
    """From a short question to the first token of its answer, the model being loaded."""
    load_cold_s: float
    """Opening the engine, libraries included."""
    load_s: float
    """Opening it again: the libraries are there, and the file is in the system's cache."""
    prefill: Speed
    decode: Speed
    decode_long: Speed | None
    """After 2,048 tokens; None where the context has no room for them."""
    peak_memory: int | None
    """Of this process, in bytes: the most that was resident at once."""
    bandwidth: float | None
    """Of the device's memory, in bytes a second: a copy's reads and writes."""


class _Stopped(Exception):
    """The user's cancel token was set."""


def bench(
    open_engine: Callable[[], Engine], measure_bandwidth: Callable[[str], float | None], cancel: CancelToken
) -> Iterator[BenchProgress | BenchReport]:
    """Measure; ends without a report when cancelled.

    The engine is opened twice; `measure_bandwidth` is given its device. Raises what opening it or a
    reply raises, and Unsupported where the context is too short to measure anything.
    """
    try:
        yield BenchProgress("loading the model")
        begun = time.perf_counter()
        with closing(open_engine()) as engine:
            load_cold_s = time.perf_counter() - begun
            _Measures(engine, cancel).answer("Hello!", max_tokens=1)
            first_token_cold_s = time.perf_counter() - begun
        del engine
        gc.collect()
        yield BenchProgress("loading it again")
        begun = time.perf_counter()
        with closing(open_engine()) as engine:
            load_s = time.perf_counter() - begun
            measures = _Measures(engine, cancel)
            yield BenchProgress("timing the first token")
            first_token_warm_s = measures.first_token_s()
            yield BenchProgress("reading a prompt")
            prefill = measures.prefill()
            yield BenchProgress("writing a reply")
            decode = measures.decode("Tell me a long story about a journey.")
            yield BenchProgress("writing a reply after a long prompt")
            decode_long = measures.decode_long()
            card = engine.describe()
        del engine, measures
        gc.collect()
        peak = peak_memory()
        yield BenchProgress("measuring the memory's bandwidth")
        bandwidth = measure_bandwidth(card.device)
    except _Stopped:
        return
    yield BenchReport(
        card=card,
        first_token_cold_s=first_token_cold_s,
        first_token_warm_s=first_token_warm_s,
        load_cold_s=load_cold_s,
        load_s=load_s,
        prefill=prefill,
        decode=decode,
        decode_long=decode_long,
        peak_memory=peak,
        bandwidth=bandwidth,
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one request."""

    usage: Usage
    first_token_s: float
    """From the request to its first event with text; for a reply of no tokens, to its end."""


class _Measures:
    """The figures of an open engine."""

    def __init__(self, engine: Engine, cancel: CancelToken) -> None:
        self._engine = engine
        self._cancel = cancel

    def first_token_s(self) -> float:
        texts = [f"{word.capitalize()}?" for word in _WORDS[: ROUNDS + 1]]
        return statistics.median([self.answer(text, max_tokens=1).first_token_s for text in texts][1:])

    def prefill(self) -> Speed:
        """Read prompts that share nothing but what the chat template puts before them."""
        limit = self._engine.describe().context_length
        texts = [self._text(min(PREFILL_TOKENS, limit // 2), seed) for seed in range(ROUNDS)]
        usages = [self.answer(text, max_tokens=1).usage for text in texts]
        if not all(one.input_tokens and one.prefill_s for one in usages):
            raise Unsupported("this engine does not count its tokens; nothing can be measured")
        rates = [(one.input_tokens - one.cached_tokens) / one.prefill_s for one in usages]
        return Speed(usages[-1].input_tokens, statistics.median(rates), 0)

    def decode_long(self) -> Speed | None:
        if self._engine.describe().context_length < LONG_CONTEXT + 2 * DECODE_TOKENS:
            return None
        return self.decode(self._text(LONG_CONTEXT, seed=100))

    def decode(self, text: str) -> Speed:
        """Time replies to one prompt until there are enough tokens, or no patience is left."""
        count, seconds, context = 0, 0.0, 0
        begun = time.perf_counter()
        for seed in range(MAX_REPLIES):
            usage = self.answer(text, max_tokens=DECODE_TOKENS - count, seed=seed).usage
            context = context or usage.input_tokens
            count, seconds = count + usage.output_tokens, seconds + usage.decode_s
            if count >= DECODE_TOKENS or time.perf_counter() - begun > PATIENCE_S:
                break
        return Speed(count, count / seconds if seconds else 0.0, context)

    def answer(self, text: str, *, max_tokens: int, seed: int = 0) -> _Answer:
        """Ask, and listen to the end or for as long as patience lasts."""
        sampling = SamplingParams(temperature=0.8, top_p=1, seed=seed, max_tokens=max_tokens)
        request = GenerationRequest(messages=(Message("user", text),), sampling=sampling)
        stop, first_s, begun = CancelToken(), None, time.perf_counter()
        with closing(self._engine.stream([request], stop)) as events:
            for event in events:
                if self._cancel.is_cancelled:
                    raise _Stopped
                passed_s = time.perf_counter() - begun
                if isinstance(event, TextDelta):
                    first_s = first_s or passed_s
                    if passed_s - first_s > PATIENCE_S:
                        stop.cancel()
                if isinstance(event, Finished):
                    return _Answer(event.usage, first_s or passed_s)
        raise AssertionError("an engine's stream ends with Finished")

    def _text(self, num_tokens: int, seed: int) -> str:
        """Return words that make a prompt of about `num_tokens`, and no more."""
        words = random.Random(seed).choices(_WORDS, k=num_tokens)
        count = num_tokens
        for _ in range(3):
            used = self._engine.count([Message("user", " ".join(words[:count]))]).tokens
            if num_tokens * 0.98 <= used <= num_tokens:
                break
            count = max(1, min(num_tokens, int(count * num_tokens / used) - (used > num_tokens)))
        return " ".join(words[:count])


def peak_memory() -> int | None:
    """Return the most memory that was resident in this process at once, in bytes.

    Linux: VmHWM, for `ru_maxrss` begins with what the parent process had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="utf-8"), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
