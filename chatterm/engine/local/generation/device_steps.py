"""Steps of replies whose tokens are chosen on the device: one CUDA graph a step, launched one step ahead.

While a token travels to the program, the step that reads it already runs: if its reply ended there, or
another joined, what was launched is not used, and what it wrote into the caches lies behind what they hold.
Without CUDA the same steps run without a graph.
"""

import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.token_passes import TokenPass, TokenPasses, TokenRows
from chatterm.engine.local.generation.device_sampling import DeviceSampling, Filters, filters_of
from chatterm.engine.local.generation.graphs import Capture, CudaGraphs
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.generation.sampling import not_finite

_NOT_FINITE = -1
"""In place of a token: the row's logits were NaN or infinite."""
_MOST_GRAPHS = 32
"""Those used least recently are dropped: each takes some memory of the device."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a step of so many rows reads and changes, always in the same memory: graphs know its addresses."""

    rows: TokenRows
    sampling: DeviceSampling
    chosen: Tensor
    """int64 (rows,)."""

    @property
    def advancing(self) -> tuple[Tensor, Tensor]:
        """What a step changes."""
        return self.rows.ids, self.rows.positions


@dataclass(slots=True)
class _Step:
    """A step that was launched before."""

    num_runs: int = 0
    """Before there was a graph of it."""
    graph: Callable[[], None] | None = None
    keeps: object = None
    """What the graph reads and nobody else may hold: it knows addresses, and keeps no memory."""


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


class DeviceSteps:
    """Steps with one decoder."""

    def __init__(self, model: Decoder, passes: TokenPasses, capture: Capture | None = None) -> None:
        """`passes` are of `model`; `capture` makes graphs of them (None: those of its device, or none)."""
        self._passes = passes
        self._device = model.placement.device
        self._num_tokens = model.shape.vocab_size
        is_gpu = self._device.type == "cuda"
        self._capture = CudaGraphs(self._device) if capture is None and is_gpu else capture
        self._states: dict[int, _State] = {}
        self._steps: dict[Hashable, _Step] = {}
        """The least recently used first."""
        self._prepared: Hashable = None
        """The key of the pass that was prepared last, with the number of its rows."""
        self._ahead: _Launched | None = None
        self._fed: list[int] = []
        """What the step ahead reads."""

    @property
    def most_rows(self) -> int:
        """Of replies in one step."""
        return self._passes.most_rows

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

    def forget(self) -> None:
        """Drop all graphs, and with them the memory that they take."""
        self._ahead = None
        self._steps.clear()

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
        ids = torch.tensor([run.unread[0] for run in runs], device=self._device)
        held = [len(run.slab.token_ids) for run in runs]
        positions = torch.tensor(held, dtype=torch.int32, device=self._device)
        choices = [run.plain_choice for run in runs if run.plain_choice]
        sampling = DeviceSampling.of(choices, self._num_tokens, self._device)
        state = self._states.get(len(runs))
        if state is None:
            rows = TokenRows(ids, positions)
            state = self._states[len(runs)] = _State(rows, sampling, torch.empty_like(ids))
        else:
            state.rows.ids.copy_(ids)
            state.rows.positions.copy_(positions)
            state.sampling.copy_(sampling)
        self._prepared = None
        return self._launch(runs, 0)

    def _launch(self, runs: Sequence[SampleRun], ahead: int) -> _Launched:
        """Launch the step that is `ahead` of what the replies hold; the state is at it already."""
        lengths = tuple(len(run.slab.token_ids) + ahead for run in runs)
        state = self._states[len(runs)]
        for run, length in zip(runs, lengths, strict=True):
            # The step under way writes a position that the slab does not hold yet.
            if run.slab.capacity <= length:
                run.slab.reserve(length + 1, num_written=length)
                self._prepared = None
        segments = [Segment(run.slab.tensors, length, 1) for run, length in zip(runs, lengths, strict=True)]
        token_pass = self._passes.of(state.rows, segments)
        if self._prepared != (len(runs), token_pass.key):
            token_pass.prepare()
            self._prepared = len(runs), token_pass.key
        self._run(state, token_pass, filters_of([run.plain_choice[0] for run in runs if run.plain_choice]))
        return _Launched(tuple(map(weakref.ref, runs)), lengths, *self._sent_home(state.chosen))

    def _sent_home(self, chosen: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
        if self._device.type != "cuda":
            return chosen.clone(), None
        home = torch.empty(chosen.shape, dtype=chosen.dtype, pin_memory=True)
        home.copy_(chosen, non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        return home, done

    def _run(self, state: _State, token_pass: TokenPass, filters: Filters) -> None:
        """Run a step: as a graph, where one like it ran often enough."""
        body = partial(self._advance, state, token_pass.run, filters)
        step = self._step_like((len(state.chosen), token_pass.key, filters))
        if self._capture is not None and step.num_runs == self._passes.num_tries:
            step.graph, step.keeps = self._captured(self._capture, body, state), token_pass.keeps
        step.num_runs += 1
        (step.graph or body)()

    def _step_like(self, key: Hashable) -> _Step:
        step = self._steps[key] = self._steps.pop(key) if key in self._steps else _Step()
        if len(self._steps) > _MOST_GRAPHS:
            del self._steps[next(iter(self._steps))]
        return step

    def _advance(self, state: _State, run: Callable[[], Tensor], filters: Filters) -> None:
        """Read one token of each row, choose the next, and make it what is read next."""
        rows = state.rows
        logits = run()
        chosen = state.sampling.choose(logits, rows.positions.long() + 1, filters)
        # A sum shows NaN and infinity both.
        state.chosen.copy_(chosen.masked_fill(~logits.sum(1).isfinite(), _NOT_FINITE))
        rows.ids.copy_(chosen)
        rows.positions.add_(1)

    @staticmethod
    def _captured(capture: Capture, body: Callable[[], None], state: _State) -> Callable[[], None] | None:
        """Return what repeats `body`, or None; the state stays."""
        kept = [tensor.clone() for tensor in state.advancing]
        graph = capture(body)
        for tensor, value in zip(state.advancing, kept, strict=True):
            tensor.copy_(value)
        return graph
