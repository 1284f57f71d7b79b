"""The seam between chatterm and whatever runs a model: the Engine protocol and the values that cross it.

An engine turns requests into a stream of events. It holds no conversation (it may cache by token
prefix), and owns all that depends on the model: chat template, special tokens, folding a system
message where the template has none, plain completion for base models. It knows no store and no
prompt library.
"""

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from chatterm.conversation import FinishReason, Message, ModelCard, Usage
from chatterm.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the next token is chosen, and when to stop."""

    temperature: float = 0.2
    """0 is greedy; above 0 the logits are divided by it. At most 2."""
    top_k: int = 0
    """Only the k likeliest tokens; 0 is off."""
    top_p: float = 0.9
    """Only the likeliest tokens whose probabilities reach this sum; 1 is off."""
    min_p: float = 0.0
    """Only tokens at least this share of the likeliest one's probability; 0 is off."""
    repeat_penalty: float = 1.0
    """Tokens among the last `repeat_last_n`, prompt included, have their logit divided by it where that is
    positive, else multiplied; 1 is off. At most 2, which is far beyond what helps."""
    repeat_last_n: int = 64
    """How many tokens the three penalties look back on; 0 is off, -1 all of the prompt and the reply."""
    presence_penalty: float = 0.0
    """Taken from the logit of every token among those."""
    frequency_penalty: float = 0.0
    """Taken from it as often as the token is there."""
    seed: int = 0
    """The noise is a function of (seed, sample, position) and of nothing else. 0 <= seed < 2**63."""
    max_tokens: int = 1024
    """At most this many tokens are generated, fewer where the context ends before."""
    stop: tuple[str, ...] = ()
    """The reply ends before the first of these strings, which is not part of it."""
    loop_detection: bool = True
    """A reply that says the same again and again ends with the reason `loop`."""

    def __post_init__(self) -> None:
        """Raise UsageError where a value is out of its range."""
        for name, (low, high) in SAMPLING_RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"{name} must be from {low:g} to {high:g}, found {value:g}")
        if "" in self.stop:
            raise UsageError("a stop string must not be empty; leave it out to stop at the model's end token")


SAMPLING_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_k": (0, 1_000_000),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "repeat_penalty": (0.5, 2),
    "repeat_last_n": (-1, 1_000_000),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "seed": (0, 2**63 - 1),
    "max_tokens": (1, 1_000_000),
}
"""Both ends are allowed; NaN is in no range."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The reply is one JSON value that a schema (draft 2020-12) allows."""

    schema: str

    def __post_init__(self) -> None:
        """Raise UsageError where it is no JSON object, or too long."""
        _check_text("the JSON schema", self.schema)
        try:
            value = json.loads(self.schema)
        except (ValueError, RecursionError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise UsageError(f"the JSON schema is not JSON: {why}") from error
        if not isinstance(value, dict):
            found = type(value).__name__
            raise UsageError(f'the JSON schema must be an object such as {{"type": "object"}}, found {found}')


@dataclass(frozen=True, slots=True)
class Regex:
    """The whole reply matches a regular expression: syntax of Rust's `regex`, without look-around."""

    pattern: str

    def __post_init__(self) -> None:
        """Raise UsageError where it is empty or too long."""
        if not self.pattern:
            raise UsageError("the regular expression is empty, so it allows only an empty reply")
        _check_text("the regular expression", self.pattern)


@dataclass(frozen=True, slots=True)
class Choices:
    """The reply is one of these texts, to the letter."""

    options: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise UsageError where there is no option, or one is empty or there twice."""
        if not self.options:
            raise UsageError("there are no choices; give at least one text that the reply may be")
        if "" in self.options:
            raise UsageError("a choice must not be empty")
        seen: set[str] = set()
        for option in self.options:
            if option in seen:
                raise UsageError(f"the choice {option[:80]!r} stands there twice")
            seen.add(option)
        _check_text("the list of choices", "".join(self.options))


Constraint = JsonSchema | Regex | Choices

MAX_CONSTRAINT_BYTES = 2**20
"""Of a schema, an expression, or all choices together."""


def _check_text(what: str, text: str) -> None:
    try:
        num_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} holds half a character (a lone surrogate) at {error.start:,}") from error
    if num_bytes > MAX_CONSTRAINT_BYTES:
        raise UsageError(f"{what} is {num_bytes:,} bytes long; at most {MAX_CONSTRAINT_BYTES:,} are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """All that an engine needs for one reply."""

    messages: tuple[Message, ...]
    prefill: str = ""
    """The start of the reply, given to the model and emitted as the reply's first text."""
    sampling: SamplingParams = field(default_factory=SamplingParams)
    num_samples: int = 1
    """Samples share one prefill; their noise differs by the sample's number alone."""
    constraint: Constraint | None = None
    """What the whole reply must be, `prefill` included. It can still be cut short (reason `length`)."""
    num_alternatives: int | None = None
    """How many of the likeliest tokens to tell at each step, beside the one that was drawn; None is off."""
    is_once: bool = False
    """Nothing that goes on from this prompt will come: what it took need not be kept for that."""

    def __post_init__(self) -> None:
        """Raise UsageError where a number is out of its range."""
        if self.num_samples < 1:
            raise UsageError(f"the number of samples must be 1 or more, found {self.num_samples}")
        if self.num_alternatives is not None and not 0 <= self.num_alternatives <= MAX_ALTERNATIVES:
            raise UsageError(
                f"the number of alternatives must be from 0 to {MAX_ALTERNATIVES}, "
                f"found {self.num_alternatives}"
            )


MAX_ALTERNATIVES = 100


class TokenCount(NamedTuple):
    """A count of tokens, exact only where the engine owns the tokenizer."""

    tokens: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class PrefillProgress:
    """So many of the prompt's tokens are read."""

    request: int
    """Index into the batch of requests."""
    done: int
    total: int


class Alternative(NamedTuple):
    """A token that could have come."""

    token_id: int
    text: str
    log_probability: float
    """Natural."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDetail:
    """How likely a token of a reply was, and what else could have come; logarithms are natural."""

    token_id: int
    text: str
    """As people read it: a control token's name, U+FFFD for parts of characters."""
    offset: int
    """Where it starts in the reply's text, in characters: those that were whole before it."""
    log_probability: float
    """By the model alone: the softmax of its logits."""
    drawn_log_probability: float
    """In what it was drawn from: after constraint, penalties, temperature and filters."""
    alternatives: tuple[Alternative, ...]
    """The likeliest by the model alone, the likeliest first; the token itself may be among them."""
    drawn_alternatives: tuple[Alternative, ...]
    """The likeliest in what it was drawn from: fewer than asked for where fewer were left."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of a reply. Joined in order, a sample's deltas are its whole text."""

    request: int
    sample: int
    text: str
    """Whole characters only; may be empty while a character is still incomplete."""
    token_ids: tuple[int, ...] = ()
    details: tuple[TokenDetail, ...] = ()
    """One for each of `token_ids`, where the request asked for alternatives; else none."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A sample is done; nothing more comes for it."""

    request: int
    sample: int
    reason: FinishReason
    usage: Usage


StreamEvent = PrefillProgress | TextDelta | Finished


class CancelToken:
    """Stops a turn. Any thread and any signal handler may set it; setting it twice is harmless."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Block until cancelled or for `timeout_s` seconds; returns whether it is cancelled."""
        return self._event.wait(timeout_s)


class Engine(Protocol):
    """Five members; one contract suite is run over every implementation."""

    def describe(self) -> ModelCard:
        """Return what may be known of the model."""
        ...

    def count(self, messages: Sequence[Message]) -> TokenCount:
        """Count the prompt these messages become, with the opening of the assistant's reply."""
        ...

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        """Yield the events of a batch, ending with one Finished for each sample of each request.

        A cancelled stream ends within one step, with the reason `cancelled` for whatever was not done.
        Closing the generator early stops the work.
        Raises DoesNotFit before any event where a prompt leaves no room for a token, Unsupported for
        what the engine cannot do, GenerationFailed on NaN or infinite logits, OutOfMemory.
        """
        ...

    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        """Return the natural log-probability of each label as the start of the reply.

        Raises Unsupported where the engine cannot see probabilities.
        """
        ...

    def close(self) -> None:
        """Free the weights. Harmless when repeated."""
        ...
