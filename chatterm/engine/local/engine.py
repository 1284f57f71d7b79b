"""LocalEngine: runs a model's file or folder in this process.

Joins the torch-free side (headers, tokenizer, prompts, text) with the torch side (`runtime`), which lives
on a thread of its own: turns may come from any thread, and wait for each other there. torch is imported
on that thread while the tokenizer is built here.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from chatterm.conversation import Message, ModelCard
from chatterm.engine.base import CancelToken, GenerationRequest, StreamEvent, TokenCount
from chatterm.engine.local.answers import Answers
from chatterm.engine.local.memory import memory_errors_told
from chatterm.engine.local.model_thread import ModelThread
from chatterm.engine.local.native.build import library_path
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.replies import Prompt, ReplyTexts, all_cancelled
from chatterm.engine.local.source import ModelSource, open_source
from chatterm.engine.local.text.prompt_ids import open_prompt_encoder
from chatterm.errors import DoesNotFit, OutOfMemory, Unsupported, UsageError
from chatterm.models.cache import GPU_KERNELS, NATIVE, TEMPLATES, TOKENIZERS

if TYPE_CHECKING:
    from chatterm.engine.local.constraints.compiler import ConstraintCompiler
    from chatterm.engine.local.generation.choosing import Constraint
    from chatterm.engine.local.runtime import Runtime

_CONVERSATION = "this conversation"


class LocalEngine:
    """An Engine (see `engine.base`) over one model file."""

    def __init__(self, card: ModelCard, texts: ReplyTexts, answers: Answers, thread: ModelThread) -> None:
        """Use `open`. What answers belongs to `thread`."""
        self._card = card
        self._prompts = texts.prompts
        self._constraints = _LazyConstraints(texts)
        self._answers: Answers | None = answers
        self._thread = thread

    @classmethod
    @memory_errors_told("the model")
    def open(  # noqa: PLR0913  # keyword-only, each optional
        cls,
        path: Path,
        *,
        name: str,
        languages: tuple[str, ...] = (),
        context_length: int | None = None,
        device: str | None = None,
        num_threads: int | None = None,
        cache: Path | None = None,
        cache_bytes: int | None = None,
        is_deterministic: bool = False,
        has_prompt_lookup: bool = True,
        quantising: str | None = None,
    ) -> Self:
        """Load the model at `path`, a GGUF file or a folder in Hugging Face layout, shown as `name`.

        `context_length` is in tokens, at most the model's own (None: that). `device` is `cpu`, `cuda`,
        `cuda:N` or `mps` (None: the best there is); `num_threads` None means physical cores, and
        one while other programs keep the machine busy. `cache` is the folder for what was found
        out about the model's chat template and vocabulary; `cache_bytes` the memory that keys and values of
        all conversations may take (None: a quarter of what is free). `is_deterministic`: the same tokens to
        the bit, whatever else the cache, the batch and prompt lookup do. `quantising`: what plain weights
        become, `int4` or `int8` (None: they stay).
        Raises ModelError, UsageError for a device or context length that cannot be had, OutOfMemory.
        """
        source = open_source(path, quantising)
        options = RuntimeOptions(
            context_length=_checked_context(context_length, source.context_length),
            is_context_asked=context_length is not None,
            device=device,
            num_threads=num_threads,
            cache_bytes=cache_bytes,
            is_deterministic=is_deterministic,
            kernels=cache / NATIVE if cache else None,
            gpu_kernels=cache / GPU_KERNELS if cache else None,
            has_prompt_lookup=has_prompt_lookup,
        )
        thread = ModelThread()
        try:
            loading = thread.submit(partial(_load, source, options))
            tokenizer = source.open_tokenizer(cache / TOKENIZERS if cache else None)
            verdicts = cache / TEMPLATES if cache else None
            prompts = open_prompt_encoder(tokenizer, source.chat_template, verdicts=verdicts)
            runtime = loading.result()
        except BaseException:
            thread.close()
            raise
        texts = ReplyTexts(prompts, tokenizer)
        card = _card(name, languages, source, runtime, texts)
        return cls(card, texts, Answers(runtime, texts, runtime.context_length), thread)

    def describe(self) -> ModelCard:
        return self._card

    @memory_errors_told(_CONVERSATION)
    def count(self, messages: Sequence[Message]) -> TokenCount:
        """Needs no model: any thread may count at any time, also while a reply is streaming."""
        return TokenCount(len(self._prompts.encode(messages)), is_exact=True)

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        with memory_errors_told(_CONVERSATION):
            batch = [self._prepare(index, request) for index, request in enumerate(requests)]
        answers = self._open_answers()
        events = self._thread.stream(
            partial(answers.to, batch, cancel), cancel, partial(all_cancelled, batch)
        )
        with closing(events):
            yield from events

    @memory_errors_told(_CONVERSATION)
    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        """A label's tokens are those it has as the beginning of a reply; no end token is asked for."""
        whole = [self._prompts.encode(messages, label) for label in labels]
        shared = _common_start([self._prompts.encode(messages), *whole])
        self._check_room(shared, max(len(ids) - len(shared) for ids in [shared, *whole]))
        endings = [ids[len(shared) :] for ids in whole]
        answers = self._open_answers()
        scores = self._thread.stream(partial(answers.scores, shared, endings), CancelToken(), _nothing)
        return list(scores)

    def close(self) -> None:
        self._thread.close()
        self._answers = None

    def _open_answers(self) -> Answers:
        if self._answers is None:
            raise UsageError(f"the engine of {self._card.name} is closed; open it again")
        return self._answers

    def _prepare(self, index: int, request: GenerationRequest) -> Prompt:
        """Raises DoesNotFit where the prompt leaves no room for a token, Unsupported where it is empty."""
        ids = self._prompts.encode(request.messages, request.prefill)
        self._check_room(ids, 1)
        return Prompt(index, request, ids, self._constraints.open(request))

    def _check_room(self, prompt_ids: Sequence[int], num_tokens: int) -> None:
        if not prompt_ids:
            raise Unsupported(f"{self._card.name} needs at least a word to go on from; the input is empty")
        limit = self._card.context_length - num_tokens
        if len(prompt_ids) > limit:
            raise DoesNotFit(
                len(prompt_ids), limit, "shorten the input or choose a model with a longer context"
            )


def _load(source: ModelSource, options: RuntimeOptions) -> "Runtime":
    """On the model's thread: import torch, then load; what has to be compiled is compiled meanwhile.

    A device that nobody chose and that has not the memory gives way to the CPU.
    """
    with ThreadPoolExecutor(1) as beside:
        may_use_cpu = options.device in {None, "cpu"}
        compiling = beside.submit(library_path, options.kernels) if options.kernels and may_use_cpu else None
        from chatterm.engine.local.devices import choose_device
        from chatterm.engine.local.runtime import Runtime

        kernels = compiling.result() if compiling else None
    try:
        return Runtime.open(source, options, kernels)
    except OutOfMemory as error:
        if options.device is not None or choose_device(None).type == "cpu":
            raise
        refusal = f"the model runs on the CPU, because {error}"
    # Out of the except clause, so that nothing of the failed attempt is held.
    runtime = Runtime.open(source, replace(options, device="cpu"), kernels)
    runtime.notices = (refusal, *runtime.notices)
    return runtime


def _card(
    name: str, languages: tuple[str, ...], source: ModelSource, runtime: "Runtime", texts: ReplyTexts
) -> ModelCard:
    return ModelCard(
        name=name,
        identity=source.identity,
        context_length=runtime.context_length,
        num_parameters=source.num_parameters,
        longest_context=source.context_length,
        languages=languages,
        has_system_role=texts.prompts.has_system_role,
        has_chat_template=texts.prompts.has_chat_template,
        device=runtime.device,
        notes=(*texts.tokenizer.notes, *runtime.notes),
        notices=runtime.notices,
    )


class _LazyConstraints:
    """Compiles constraints; what that needs is imported for the first of them."""

    def __init__(self, texts: ReplyTexts) -> None:
        self._texts = texts

    @cached_property
    def _compiler(self) -> "ConstraintCompiler":
        from chatterm.engine.local.constraints.compiler import ConstraintCompiler

        return ConstraintCompiler(self._texts.tokenizer)

    def open(self, request: GenerationRequest) -> "Callable[[], Constraint] | None":
        """Return what makes a sample's constraint. Raises UsageError, Unsupported."""
        if request.constraint is None:
            return None
        drops = self._texts.prompts.drops_first_space(request.prefill)
        return self._compiler.open(request.constraint, request.prefill, drops_first_space=drops)


def _nothing() -> Generator[float]:
    yield from ()


def _common_start(sequences: Sequence[list[int]]) -> list[int]:
    first, last = min(sequences), max(sequences)
    length = next(
        (n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first)
    )
    return first[:length]


def _checked_context(asked: int | None, longest: int) -> int:
    """Return the context length to use, in tokens."""
    if asked is None:
        return longest
    if not 1 <= asked <= longest:
        raise UsageError(
            f"a context of {asked:,} tokens was asked for, but this model has 1 to {longest:,}; "
            "leave it out or choose less"
        )
    return asked
