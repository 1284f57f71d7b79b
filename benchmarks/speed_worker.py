"""One contender of compare_llama_cpp.py, in a process of its own: speed_worker.py KIND MODEL THREADS.

Reads a line of JSON ({"prompt": ids, "num_new": n}) and answers with {"rate": tokens a second}: of the
prompt where n is 0, else of n greedy tokens after it, from the prompt's logits on. Nothing is cached from
one request to the next. Standard library at the top only: it runs in two environments.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONTEXT = 2560
"""In tokens: the longest prompt and its reply."""

Measure = Callable[[list[int], int], float]


def chatterm(model: Path, threads: int) -> tuple[Measure, str]:
    from chatterm.config import Paths
    from chatterm.engine.local.native.build import library_path
    from chatterm.models.cache import NATIVE

    return _chatterm(model, threads, library_path(Paths.from_environment(os.environ).cache / NATIVE))


def chatterm_torch(model: Path, threads: int) -> tuple[Measure, str]:
    return _chatterm(model, threads, None)


def _chatterm(model: Path, threads: int, kernels: Path | None) -> tuple[Measure, str]:
    from chatterm import __version__
    from chatterm.engine.base import CancelToken, GenerationRequest, SamplingParams
    from chatterm.engine.local.options import RuntimeOptions
    from chatterm.engine.local.runtime import Runtime
    from chatterm.engine.local.source import open_source

    options = RuntimeOptions(
        context_length=CONTEXT, device="cpu", num_threads=threads, has_prompt_lookup=False
    )
    runtime = Runtime.open(open_source(model), options, kernels)
    greedy = GenerationRequest(messages=(), sampling=SamplingParams(temperature=0))

    def measure(prompt: list[int], num_new: int) -> float:
        runtime.forget()
        start = time.perf_counter()
        reading = runtime.open_prompt(prompt, CONTEXT)
        for _ in reading.read(CancelToken()):
            pass
        middle = time.perf_counter()
        if num_new:
            assert reading.logits is not None
            run = runtime.begin(
                reading.slab, prompt, greedy, 0, constraint=None, end_ids=(), max_tokens=num_new
            )
            runtime.first(run, reading.logits)
            while run.reason is None:
                runtime.step([run])
        end = time.perf_counter()
        runtime.give_back(reading.slab)
        return num_new / (end - middle) if num_new else len(prompt) / (middle - start)

    return measure, __version__


def llama_cpp(model: Path, threads: int) -> tuple[Measure, str]:
    import llama_cpp
    import numpy as np

    llama = llama_cpp.Llama(
        str(model), n_ctx=CONTEXT, n_threads=threads, n_threads_batch=threads, n_batch=512, verbose=False
    )

    def measure(prompt: list[int], num_new: int) -> float:
        llama.reset()
        start = time.perf_counter()
        llama.eval(prompt)
        middle = time.perf_counter()
        if not num_new:
            return len(prompt) / (middle - start)
        size = llama.n_vocab()
        for _ in range(num_new):
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(llama.ctx), shape=(size,))
            llama.eval([int(logits.argmax())])
        return num_new / (time.perf_counter() - middle)

    return measure, llama_cpp.__version__


def transformers(model: Path, threads: int) -> tuple[Measure, str]:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads)
    loaded = AutoModelForCausalLM.from_pretrained(
        str(model.parent), gguf_file=model.name, dtype=torch.bfloat16, local_files_only=True
    ).eval()

    @torch.inference_mode()
    def measure(prompt: list[int], num_new: int) -> float:
        ids = torch.tensor([prompt])
        start = time.perf_counter()
        loaded(ids)
        middle = time.perf_counter()
        if not num_new:
            return len(prompt) / (middle - start)
        loaded.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=num_new,
            min_new_tokens=num_new,
            do_sample=False,
        )
        # generate reads the prompt anew; what that took is known and does not count.
        return num_new / (time.perf_counter() - middle - (middle - start))

    return measure, f"{transformers.__version__} (bfloat16)"


def main() -> None:
    kind, model, threads = sys.argv[1:]
    makers = {
        "chatterm": chatterm,
        "chatterm_torch": chatterm_torch,
        "llama_cpp": llama_cpp,
        "transformers": transformers,
    }
    measure, version = makers[kind](Path(model), int(threads))
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"rate": measure(request["prompt"], request["num_new"])}), flush=True)


if __name__ == "__main__":
    main()
