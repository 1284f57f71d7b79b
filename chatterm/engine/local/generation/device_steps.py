"""Steps of replies whose tokens are chosen on the device: one CUDA graph a step, launched one step ahead.

While a token travels to the program, the step that reads it already runs: if its reply ended there, or
another joined, what was launched is not used, and what it wrote into the caches lies behind what they hold.
Without CUDA (in Triton's interpreter) the same steps run without a graph.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.generation.device_sampling import DeviceSampling, Filters, filters_of
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.generation.sampling import not_finite
from chatterm.engine.local.gpu.decoder import GpuDecoder, PassRows, addresses_of

_NOT_FINITE = -1
"""In place of a token: the row's logits were NaN or infinite."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a step of so many rows reads and changes, always in the same memory: graphs know its addresses."""

    rows: PassRows
    sampling: DeviceSampling
    chosen: Tensor
    """int64 (rows,)."""


class _Launched(NamedTuple):
    """A step that runs, or has run."""

    runs: "tuple[weakref.ref[SampleRun], ...]"
    """Not held: a reply that has ended gives its slab's memory back."""
    lengths: tuple[int, ...]
    """What each slab holds before the token that the step reads."""
    tokens: Tensor
    """int64 (rows,) on the CPU, once `done` has come."""
    done: torch.cuda.Event | None

    def read(self) -> list[int]:
        """Wait for the chosen tokens. Raises GenerationFailed."""
        if self.done is not None:
            self.done.synchronize()
        found = self.tokens.tolist()
        if _NOT_FINITE in found:
            raise not_finite()
        return found


@dataclass(frozen=True, slots=True)
class _Graph:
    """A captured step, with what it reads: a graph knows addresses, and keeps no memory from being freed."""

    graph: torch.cuda.CUDAGraph
    body: Callable[[], None]

    def __call__(self) -> None:
        self.graph.replay()


class DeviceSteps:
    """Steps with one decoder, whose few tokens the GPU's kernels read."""

    def __init__(self, decoder: Decoder, gpu: GpuDecoder) -> None:
        """`gpu` is `decoder.gpu`."""
        self._decoder = decoder
        self._gpu = gpu
        self._device = decoder.placement.device
        self._states: dict[int, _State] = {}
        self._steps: dict[tuple[int, int, Filters], Callable[[], None]] = {}
        self._pool = torch.cuda.graph_pool_handle() if self._device.type == "cuda" else None
        self._ahead: _Launched | None = None
        self._fed: list[int] = []
        """What the step ahead reads."""

    @property
    def most_rows(self) -> int:
        """Of replies in one step."""
        return self._gpu.most_rows

    def can_step(self, runs: Sequence[SampleRun]) -> bool:
        """Tell whether these replies need nothing of the program between two steps."""
        return len(runs) <= self.most_rows and all(
            run.plain_choice is not None and len(run.unread) == 1 for run in runs
        )

    def step(self, runs: Sequence[SampleRun]) -> list[int]:
        """Return each reply's next token; its slab then holds the one before. Raises GenerationFailed."""
        launched = self._ahead if self._ahead and self._is_for(self._ahead, runs) else self._begin(runs)
        self._ahead = None
        ahead = self._launch(runs, 1) if all(run.can_go_on(2) for run in runs) else None
        tokens = launched.read()
        for run in runs:
            run.slab.token_ids.extend(run.unread)
        self._ahead, self._fed = ahead, tokens
        return tokens

    def _is_for(self, ahead: _Launched, runs: Sequence[SampleRun]) -> bool:
        """Tell whether what was launched is these replies' next step."""
        return (
            len(runs) == len(ahead.runs)
            and all(its() is run for its, run in zip(ahead.runs, runs, strict=True))
            and tuple(len(run.slab.token_ids) for run in runs) == ahead.lengths
            and [run.unread for run in runs] == [[token] for token in self._fed]
        )

    def _begin(self, runs: Sequence[SampleRun]) -> _Launched:
        """Launch a step with what the replies hold."""
        for run in runs:
            run.slab.reserve(len(run.slab.token_ids) + 1)
        ids = torch.tensor([run.unread[0] for run in runs])
        rows = PassRows.of(ids, _segments(runs, 0), self._device)
        choices = [run.plain_choice for run in runs if run.plain_choice]
        sampling = DeviceSampling.of(choices, self._decoder.shape.vocab_size, self._device)
        state = self._states.get(len(runs))
        if state is None:
            state = self._states[len(runs)] = _State(rows, sampling, torch.empty_like(rows.ids))
        else:
            state.rows.copy_(rows)
            state.sampling.copy_(sampling)
        return self._launch(runs, 0)

    def _launch(self, runs: Sequence[SampleRun], ahead: int) -> _Launched:
        """Launch the step that is `ahead` of what the replies hold; the state is at it already."""
        lengths = tuple(len(run.slab.token_ids) + ahead for run in runs)
        state = self._states[len(runs)]
        if ahead:
            self._make_room(runs, lengths, state)
        self._step_of(state, runs, max(lengths) + 1)()
        return _Launched(tuple(map(weakref.ref, runs)), lengths, *self._sent_home(state.chosen))

    def _make_room(self, runs: Sequence[SampleRun], lengths: Sequence[int], state: _State) -> None:
        """Let each slab hold one token more; where that moved it, tell the device."""
        before = [run.slab.capacity for run in runs]
        for run, length in zip(runs, lengths, strict=True):
            # The step under way writes a position that the slab does not hold yet.
            run.slab.reserve(length + 1, num_written=length)
        if before != [run.slab.capacity for run in runs]:
            segments = _segments(runs, 1)
            state.rows.addresses.copy_(addresses_of(segments))
            state.rows.capacities.copy_(torch.tensor([run.slab.capacity for run in runs]))

    def _sent_home(self, chosen: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
        if self._device.type != "cuda":
            return chosen.clone(), None
        home = torch.empty(chosen.shape, dtype=chosen.dtype, pin_memory=True)
        home.copy_(chosen, non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        return home, done

    def _step_of(self, state: _State, runs: Sequence[SampleRun], num_tokens: int) -> Callable[[], None]:
        """Return what runs a step: a graph for sequences of up to the next power of two of splits."""
        filters = filters_of([run.plain_choice[0] for run in runs if run.plain_choice])
        num_splits = 1 << (self._gpu.num_splits(num_tokens) - 1).bit_length()
        key = len(runs), num_splits, filters
        if key not in self._steps:
            turns = self._decoder.turns(self._gpu.num_tokens(num_splits))
            body = partial(self._advance, state, turns, num_splits, filters)
            self._steps[key] = body if self._pool is None else _Graph(self._captured(body, state), body)
        return self._steps[key]

    def _advance(
        self, state: _State, turns: Sequence[Tensor | None], num_splits: int, filters: Filters
    ) -> None:
        """Read one token of each row, choose the next, and make it what is read next."""
        rows = state.rows
        logits = self._gpu.run(rows, turns, num_splits)
        chosen = state.sampling.choose(logits, rows.positions.long() + 1, filters)
        # A sum shows NaN and infinity both.
        state.chosen.copy_(chosen.masked_fill(~logits.sum(1).isfinite(), _NOT_FINITE))
        rows.ids.copy_(chosen)
        rows.positions.add_(1)
        rows.starts.add_(1)

    def _captured(self, body: Callable[[], None], state: _State) -> torch.cuda.CUDAGraph:
        """Return a graph of `body`, which runs once before, to compile its kernels; the state stays."""
        kept = [tensor.clone() for tensor in state.rows.advancing]
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            body()
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # On a stream of this device: torch's own for it is of the first device that had one. Other threads
        # of the program are no part of it.
        with torch.cuda.graph(graph, pool=self._pool, stream=side, capture_error_mode="thread_local"):
            body()
        for tensor, value in zip(state.rows.advancing, kept, strict=True):
            tensor.copy_(value)
        return graph


def _segments(runs: Sequence[SampleRun], ahead: int) -> list[Segment]:
    return [Segment(run.slab.tensors, len(run.slab.token_ids) + ahead, 1) for run in runs]
