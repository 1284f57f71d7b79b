"""`chatterm bench`: how fast the model is on this machine. What is measured is in `tasks.bench`."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatterm.cli import inputs
from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.listing import AsJson, show_rows
from chatterm.cli.parameters import Ctx, Device, Model, Offline, Quantize, Threads
from chatterm.cli.report import Report
from chatterm.sanitize import sanitize_line

if TYPE_CHECKING:
    from chatterm.cli.wiring import Workspace
    from chatterm.engine.base import CancelToken
    from chatterm.models.discovery import ModelFile
    from chatterm.tasks.bench import BenchReport, Speed


def bench(
    model: Model = None,
    device: Device = None,
    threads: Threads = None,
    ctx: Ctx = None,
    quantize: Quantize = None,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Measure this machine and model: prompt and reply speed, first token, loading, memory."""
    from chatterm.cli.signals import ended_by_signals
    from chatterm.cli.wiring import Workspace
    from chatterm.engine.base import CancelToken
    from chatterm.engine.registry import EchoModel
    from chatterm.errors import Unsupported

    named = {
        "model": model,
        "device": device,
        "threads": threads,
        "ctx": ctx,
        "quantize": quantize,
        "offline": offline or None,
    }
    settings, report, cancel = inputs.given(named), Report.to_stderr(), CancelToken()
    workspace = Workspace.from_environment()
    with ended_by_signals(cancel, report):
        found = workspace.obtain_model(settings, report, cancel)
        if isinstance(found, EchoModel):
            raise Unsupported("echo runs no model, so there is nothing to measure; name one with -m")
        figures = _measured(workspace, found, settings, report, cancel)
    if as_json:
        print_safely(sys.stdout, to_json(figures))
    else:
        _show(figures)


def _measured(
    workspace: "Workspace",
    model: "ModelFile",
    settings: Mapping[str, object],
    report: Report,
    cancel: "CancelToken",
) -> dict[str, Any]:
    """Run the measures and return the figures, as the JSON has them. Raises Stopped."""
    from chatterm.cli.signals import Stopped
    from chatterm.tasks.bench import BenchProgress, bench

    asked = settings.get("threads") or workspace.config.threads

    def num_threads() -> int:
        # Imported only when called: loading the model is timed with its import of torch.
        from chatterm.engine.local.runtime import num_physical_cores

        return int(str(asked)) if asked else num_physical_cores()

    def bandwidth(device: str) -> float:
        from chatterm.engine.local.bandwidth import copy_bandwidth

        return copy_bandwidth(device, num_threads())

    for step in bench(lambda: workspace.open_engine(model, settings), bandwidth, cancel):
        if not isinstance(step, BenchProgress):
            return _figures(step, model, workspace, num_threads())
        report.progress(step.text)
    raise Stopped


def _figures(
    found: "BenchReport", model: "ModelFile", workspace: "Workspace", num_threads: int
) -> dict[str, Any]:
    """Return the report as flat fields: seconds, bytes, and tokens a second."""
    weights = _weights_bytes(model, found.card.device, workspace.paths.cache)
    touched = None if weights is None else weights * found.decode.tokens_per_s
    return {
        "model": found.card.name,
        "device": found.card.device,
        "threads": num_threads,
        "parameters": found.card.num_parameters,
        "context_length": found.card.context_length,
        "load_cold_s": found.load_cold_s,
        "load_s": found.load_s,
        "first_token_cold_s": found.first_token_cold_s,
        "first_token_warm_s": found.first_token_warm_s,
        **_speed("prefill", found.prefill),
        **_speed("decode", found.decode),
        **_speed("decode_long", found.decode_long),
        "peak_memory_bytes": found.peak_memory,
        "weights_bytes": weights,
        "bandwidth_bytes_s": found.bandwidth,
        "bandwidth_share": touched / found.bandwidth if touched and found.bandwidth else None,
    }


def _speed(name: str, speed: "Speed | None") -> dict[str, Any]:
    return {
        f"{name}_tok_s": speed and speed.tokens_per_s,
        f"{name}_tokens": speed and speed.tokens,
        f"{name}_context": speed and speed.context,
    }


def _weights_bytes(model: "ModelFile", device: str, cache: Path) -> int | None:
    """Return what a token reads of the weights as they are held; None where the file does not tell."""
    from chatterm.engine.local.memory import Holding, holding_here, need_of
    from chatterm.errors import ModelError
    from chatterm.models.gguf import GGUFFile
    from chatterm.models.hyperparameters import read_hyperparameters

    holding = holding_here(cache) if device == "cpu" else Holding(cache_itemsize=2)
    try:
        with GGUFFile.open(model.path) as file:
            return need_of(file.tensors.values(), read_hyperparameters(file), holding=holding).weights
    except ModelError:
        return None


def _show(figures: Mapping[str, Any]) -> None:
    rows = list(_lines(figures))
    if not sys.stdout.isatty():
        show_rows(rows, as_json=False, columns=("measure", "figure", "what"))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(sanitize_line(f"{figures['model']} on {figures['device']}")))
    table.add_column("measure")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("of what")
    for row in rows:
        table.add_row(*(Text(sanitize_line(row[key])) for key in ("measure", "figure", "what")))
    Console().print(table)


def _lines(figures: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the figures as people read them; what could not be measured is a dash."""

    def line(measure: str, key: str, form: str, what: str, scale: float = 1.0) -> dict[str, str]:
        value = figures[key]
        return {"measure": measure, "figure": "-" if value is None else form % (value / scale), "what": what}

    yield line("prompt", "prefill_tok_s", "%.0f tokens/s", f"{_count(figures['prefill_tokens'])} tokens")
    context = _count(figures["decode_context"])
    yield line("reply", "decode_tok_s", "%.1f tokens/s", f"after a prompt of {context} tokens")
    context = _count(figures["decode_long_context"] or 2048)
    yield line(
        "reply, long prompt", "decode_long_tok_s", "%.1f tokens/s", f"after a prompt of {context} tokens"
    )
    yield line("first token, cold", "first_token_cold_s", "%.2f s", "opening the engine, a short question")
    yield line("first token, warm", "first_token_warm_s", "%.3f s", "a short question")
    yield line("loading, cold", "load_cold_s", "%.2f s", "with the libraries")
    yield line("loading", "load_s", "%.2f s", "again, in the same process")
    yield line("memory at most", "peak_memory_bytes", "%.0f MB", "resident, of this process", 1e6)
    yield line("weights", "weights_bytes", "%.0f MB", "as they are held", 1e6)
    yield line("memory bandwidth", "bandwidth_bytes_s", "%.1f GB/s", "of a copy, reads and writes", 1e9)
    yield line("share of bandwidth", "bandwidth_share", "%.0f%%", "weights read while replying", 0.01)


def _count(value: int) -> str:
    return f"{value:,}"
