"""Writes one path's logits for perplexity.py: logits_worker.py KIND MODEL STEP THREADS IDS.json OUT.npy.

STEP tokens are read at a time. Standard library and numpy at the top only: it runs in two environments.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Read = Callable[[list[int]], Any]
"""Reads the next tokens and returns their logits, (tokens, vocabulary). Any: a numpy array."""


def reference(model: Path, num_tokens: int, num_threads: int) -> Read:
    from chatterm.engine.local.decoder.linear import Placement

    return _chatterm(model, num_tokens, num_threads, Placement.reference())


def torch_ops(model: Path, num_tokens: int, num_threads: int) -> Read:
    import torch

    from chatterm.engine.local.decoder.linear import Placement

    return _chatterm(model, num_tokens, num_threads, Placement.best_for(torch.device("cpu")))


def compiled(model: Path, num_tokens: int, num_threads: int) -> Read:
    import torch

    from chatterm.config import Paths
    from chatterm.engine.local.decoder.linear import Placement
    from chatterm.engine.local.native.build import library_path
    from chatterm.engine.local.native.library import NativeLibrary
    from chatterm.models.cache import NATIVE

    library = library_path(Paths.from_environment(os.environ).cache / NATIVE)
    if library is None:
        raise SystemExit("there is no C compiler, so nothing compiled can be measured")
    placement = Placement.best_for(torch.device("cpu"), NativeLibrary(library, num_threads))
    return _chatterm(model, num_tokens, num_threads, placement)


def _chatterm(model: Path, num_tokens: int, num_threads: int, placement: Any) -> Read:  # Any: torch's side
    import torch

    from chatterm.engine.local.decoder.loading import load_decoder
    from chatterm.engine.local.generation.kv_cache import Slab
    from chatterm.engine.local.weights.tensors import WeightFile
    from chatterm.models.gguf import GGUFFile
    from chatterm.models.hyperparameters import read_hyperparameters

    torch.set_num_threads(num_threads)
    file = GGUFFile.open(model)
    decoder, _ = load_decoder(WeightFile(file), read_hyperparameters(file), placement)
    slab = Slab(decoder, num_tokens)

    @torch.inference_mode()
    def read(ids: list[int]) -> Any:
        return slab.read(ids, is_last_only=False).numpy()

    return read


def llama_cpp(model: Path, num_tokens: int, num_threads: int) -> Read:
    import llama_cpp

    llama = llama_cpp.Llama(
        str(model),
        n_ctx=num_tokens,
        n_batch=512,
        n_threads=num_threads,
        n_threads_batch=num_threads,
        logits_all=True,
        verbose=False,
    )

    def read(ids: list[int]) -> Any:
        start = llama.n_tokens
        llama.eval(ids)
        return llama.scores[start : start + len(ids)]

    return read


def main() -> None:
    kind, model, step, threads, call, target = sys.argv[1:]
    ids = json.loads(Path(call).read_text(encoding="utf-8"))
    kinds = {"reference": reference, "compiled": compiled, "torch": torch_ops, "llama_cpp": llama_cpp}
    read = kinds[kind](Path(model), len(ids), int(threads))
    out = None
    for start in range(0, len(ids), int(step)):
        logits = read(ids[start : start + int(step)])
        if out is None:
            shape = (len(ids), logits.shape[1])
            out = np.lib.format.open_memmap(target, mode="w+", dtype=np.float32, shape=shape)
        out[start : start + len(logits)] = logits
    assert out is not None
    out.flush()


if __name__ == "__main__":
    main()
