"""CUDA graphs: a sequence of operations on memory that stays, launched as one.

Owns how one is made, and what happens where it cannot be: the operations then run one by one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet

import torch

_log = logging.getLogger(__name__)


class Capture(Protocol):
    """Makes a sequence of operations repeatable."""

    def __call__(self, body: Callable[[], None]) -> Callable[[], None] | None:
        """Return what does `body`'s work on the same memory; None where that cannot be had.

        `body` may run on the way, so that what it changes is no longer what it was.
        """
        ...


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class _Graph:
    """A graph, which knows addresses, and keeps no memory but its own from being freed."""

    graph: torch.cuda.CUDAGraph

    def __call__(self) -> None:
        self.graph.replay()


class CudaGraphs:
    """Makes graphs on one device: Capture. For one thread, whose device it is."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # One stream for all: cuBLAS keeps memory for each. Of this device: torch's own stream for graphs is
        # of the first device that had one.
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._alive: WeakSet[_Graph] = WeakSet()
        self._is_able = True

    def __call__(self, body: Callable[[], None]) -> Callable[[], None] | None:
        """As `Capture`; None where memory is short, and always once a capture failed otherwise.

        Raises what `body` raises.
        """
        if not self._is_able:
            return None
        here = torch.cuda.current_stream(self._device)
        self._side.wait_stream(here)
        with torch.cuda.stream(self._side):
            body()  # compiles kernels, loads code and gets cuBLAS its memory, which no capture allows
        here.wait_stream(self._side)
        try:
            return self._captured(body, here)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                self._is_able = False
            _log.warning("no CUDA graph: %s: %s", type(error).__name__, error)
            torch.cuda.empty_cache()
            return None

    def _captured(self, body: Callable[[], None], here: torch.cuda.Stream) -> _Graph:
        graph = torch.cuda.CUDAGraph()
        # A pool whose last graph is gone cannot be used again.
        known = next(iter(self._alive), None)
        pool = None if known is None else known.graph.pool()
        # The outer stream is what a capture that fails does not restore. What other threads of the program
        # do on the device is no part of the graph.
        with (
            torch.cuda.stream(here),
            torch.cuda.graph(graph, pool=pool, stream=self._side, capture_error_mode="thread_local"),
        ):
            body()
        made = _Graph(graph)
        self._alive.add(made)
        return made


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether memory ran out: that the capture ended badly is said by an error after the first."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error):
            return True
        error = error.__context__
    return False
