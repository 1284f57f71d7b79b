"""What becomes of a graph that cannot be made. CUDA itself is played, as torch's source has it."""

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch

from chatterm.engine.local.generation.graphs import CudaGraphs


class Cuda:
    """torch.cuda as far as capturing goes: capturing runs the body, and ends with the errors it is told."""

    def __init__(self) -> None:
        self.body_error: Exception | None = None
        self.end_error: Exception | None = None
        self.streams = ["main"]
        self.pools: list[object] = []
        self.num_replayed = 0

    def make_stream(self, _: torch.device) -> SimpleNamespace:
        return SimpleNamespace(name="side", wait_stream=lambda _: None)

    def current_stream(self, _: torch.device) -> SimpleNamespace:
        return SimpleNamespace(name=self.streams[-1], wait_stream=lambda _: None)

    @contextlib.contextmanager
    def on_stream(self, stream: SimpleNamespace) -> Iterator[None]:
        kept = list(self.streams)
        self.streams.append(stream.name)
        try:
            yield
        finally:
            self.streams[:] = kept

    @contextlib.contextmanager
    def capturing(
        self, graph: object, *, pool: object, stream: SimpleNamespace, capture_error_mode: str
    ) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        self.pools.append(pool)
        self.streams.append(stream.name)  # restored only where capturing ends well
        try:
            yield
            if self.body_error:
                raise self.body_error
        finally:
            if self.end_error:
                raise self.end_error
        self.streams.pop()

    def new_graph(self) -> SimpleNamespace:
        def replay() -> None:
            self.num_replayed += 1

        return SimpleNamespace(replay=replay, pool=lambda: "pool of a graph")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    played = Cuda()
    parts: dict[str, Callable[..., object]] = {
        "Stream": played.make_stream, "current_stream": played.current_stream, "stream": played.on_stream,
        "graph": played.capturing, "CUDAGraph": played.new_graph, "empty_cache": lambda: None,
    }  # fmt: skip
    for name, part in parts.items():
        monkeypatch.setattr(torch.cuda, name, part)
    return played


def test_the_body_runs_beside_the_main_stream_before_it_is_captured(cuda: Cuda) -> None:
    graphs, seen = CudaGraphs(torch.device("cuda")), list[str]()
    graph = graphs(lambda: seen.append(cuda.streams[-1]))
    assert seen == ["side", "side"]
    assert cuda.streams == ["main"]
    assert graph is not None
    graph()
    assert cuda.num_replayed == 1
    assert len(seen) == 2


def test_graphs_share_a_pool_as_long_as_one_of_them_is_there(cuda: Cuda) -> None:
    """torch takes a pool whose last graph is gone for an error of its own."""
    graphs = CudaGraphs(torch.device("cuda"))
    first = graphs(lambda: None)
    second = graphs(lambda: None)
    del first, second
    third = graphs(lambda: None)
    assert third is not None
    assert cuda.pools == [None, "pool of a graph", None]


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")
ENDED = RuntimeError("CUDA error: operation failed due to a previous error during capture")


@pytest.mark.parametrize("end_error", [None, ENDED])
def test_where_memory_is_short_another_graph_is_tried_later(
    cuda: Cuda, end_error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    graphs = CudaGraphs(torch.device("cuda"))
    cuda.body_error, cuda.end_error = FULL, end_error
    assert graphs(lambda: None) is None
    assert cuda.streams == ["main"], "else the reply would go on beside everything else"
    assert "no CUDA graph" in caplog.text
    cuda.body_error = cuda.end_error = None
    assert graphs(lambda: None) is not None


def test_what_cannot_be_captured_is_not_tried_again(cuda: Cuda) -> None:
    graphs, runs = CudaGraphs(torch.device("cuda")), list[int]()
    cuda.body_error = RuntimeError("operation not permitted when stream is capturing")
    assert graphs(lambda: runs.append(1)) is None
    cuda.body_error = None
    assert graphs(lambda: runs.append(1)) is None
    assert len(runs) == 2


def test_what_the_step_itself_raises_is_told(cuda: Cuda) -> None:
    def fail() -> None:
        raise FULL

    with pytest.raises(torch.OutOfMemoryError):
        CudaGraphs(torch.device("cuda"))(fail)
    assert cuda.streams == ["main"]
