"""How fast a device's memory copies: the roofline that decoding is measured against."""

import time

import torch

_BYTES = 256 * 2**20
_SECONDS = 0.5
_MIN_RUNS, _MAX_RUNS = 3, 50


def copy_bandwidth(device: str, num_threads: int | None = None) -> float:
    """Return the bytes a second of the fastest of some copies, reads and writes together.

    `num_threads` is for the CPU; None leaves torch's own number. Raises what torch raises where the
    device has no 512 MB left.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads or before)
    try:
        source = torch.zeros(_BYTES // 8, dtype=torch.int64, device=device)
        target = torch.ones_like(source)
        return 2 * source.nbytes / _fastest_copy(source, target)
    finally:
        torch.set_num_threads(before)


def _fastest_copy(source: torch.Tensor, target: torch.Tensor) -> float:
    """In seconds."""
    fastest, begun = float("inf"), time.perf_counter()
    for number in range(_MAX_RUNS):
        start = time.perf_counter()
        target.copy_(source)
        _wait(target.device)
        fastest = min(fastest, time.perf_counter() - start)
        if number >= _MIN_RUNS and time.perf_counter() - begun > _SECONDS:
            break
    return fastest


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
