"""A CUDA graph's stand-in on the CPU: operations on memory, recorded once and run again as they were.

As in a graph, every number of the program's and every address is fixed: an operation that is run again
reads the same tensors and writes its result into the same memory. What no graph may hold is refused:
numbers read back from the device, tensors made from the program's numbers, shapes that depend on data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any  # operations have arguments of any kind

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_aten = torch.ops.aten
_FORBIDDEN = {
    _aten._local_scalar_dense.default,  # `item`, and numbers in conditions
    _aten.item.default,
    _aten.lift_fresh.default,  # `torch.tensor` of numbers: a copy from the program's memory
    _aten.nonzero.default,
    _aten.masked_select.default,
    _aten.unique_dim.default,
}


class NotCapturable(Exception):
    """A CUDA graph cannot hold the operation."""


@dataclass(frozen=True, slots=True)
class _Operation:
    run: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    results: list[Tensor]

    def __call__(self) -> None:
        found = tree_leaves(self.run(*self.args, **self.kwargs))
        for result, again in zip(self.results, found, strict=True):
            # Views, and what was changed in place, are the same memory anyway.
            if isinstance(again, Tensor) and again.data_ptr() != result.data_ptr():
                result.copy_(again)


class _Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[_Operation] = []

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _FORBIDDEN:
            raise NotCapturable(str(func))
        found = func(*args, **(kwargs or {}))
        # The very tensors, whose memory stays.
        self.operations.append(_Operation(func, args, kwargs or {}, tree_leaves(found)))
        return found


class RecordedGraphs:
    """Makes such graphs: Capture."""

    def __init__(self) -> None:
        self.num_captured = 0
        self.num_replayed = 0

    def __call__(self, body: Callable[[], None]) -> Callable[[], None]:
        body()
        recording = _Recording()
        with recording:
            body()
        self.num_captured += 1

        def replay() -> None:
            self.num_replayed += 1
            for operation in recording.operations:
                operation()

        return replay
