"""What a model is and whether it fits this machine, told before any of it is loaded.

Headers are read and memory is counted; torch is not imported. Blocking: for a thread.
"""

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatterm.engine.local.memory import folder_tensors, holding_here, need_of
from chatterm.errors import ChattermError
from chatterm.models.arch_spec import SUPPORTED_ARCHITECTURES, ArchSpec
from chatterm.models.catalogue import CatalogueEntry
from chatterm.models.checkpoint import Checkpoint
from chatterm.models.checkpoint_summary import summarise_folder
from chatterm.models.discovery import ModelFile
from chatterm.models.fit import MIN_CONTEXT, PROGRAM_BYTES, MemoryNeed, said
from chatterm.models.free_memory import free_memory
from chatterm.models.gguf import GGUFFile, TensorInfo
from chatterm.models.summary import ModelSummary, summarise

Fits = Literal["yes", "shorter", "no", "unknown"]
"""`shorter`: with a shorter context than its own."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits into the memory that is free."""

    verdict: Fits
    text: str
    """In words."""


UNKNOWN_FIT = Fit("unknown", "nobody can tell what it needs")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model before it is loaded. All texts of a file are foreign."""

    title: str | None = None
    architecture: str | None = None
    quantisation: str | None = None
    """The block type that holds most bytes."""
    num_parameters: int | None = None
    context_length: int | None = None
    """In tokens, as trained."""
    licence: str | None = None
    languages: tuple[str, ...] = ()
    fit: Fit = UNKNOWN_FIT
    problem: str | None = None
    """Why it cannot be run."""


def facts_of(model: ModelFile | CatalogueEntry, *, cache: Path, context_length: int | None) -> ModelFacts:
    """Read what a model is. What is wrong with it stands in `problem`; nothing is raised.

    `cache` tells how weights will be held. `context_length` is as the user asked for, in tokens; None: the
    model's own.
    """
    if isinstance(model, CatalogueEntry):
        return _entry_facts(model)
    try:
        summary, tensors = (_of_folder if model.path.is_dir() else _of_file)(model.path)
    except ChattermError as error:
        return ModelFacts(problem=str(error))
    except OSError as error:
        return ModelFacts(problem=f"{model.path} cannot be read: {error.strerror or error}")
    spec, fit = summary.spec, UNKNOWN_FIT
    if spec:
        need = need_of(tensors, spec, context_length=context_length, holding=holding_here(cache))
        fit = fit_of(need, free_memory())
    return _file_facts(model, summary, fit)


def _file_facts(model: ModelFile, summary: ModelSummary, fit: Fit) -> ModelFacts:
    entry, spec = model.entry, summary.spec
    return ModelFacts(
        title=summary.title or (entry.title if entry else None),
        architecture=summary.architecture,
        quantisation=summary.blocks[0].block_type.name if summary.blocks else None,
        num_parameters=summary.num_parameters,
        context_length=spec.context_length if spec else None,
        licence=summary.licence or (entry.licence if entry else None),
        languages=summary.languages or (entry.languages if entry else ()),
        fit=fit,
        problem=_problem(model, summary),
    )


def fit_of(need: MemoryNeed, free: int | None) -> Fit:
    """Compare a need with the bytes that are free (None: the system does not tell)."""
    if free is None:
        return Fit("unknown", f"needs {said(need.total)}; how much is free, the system does not tell")
    if need.total <= free:
        return Fit("yes", f"needs {said(need.total)} of {said(free)} free")
    longest = need.longest_context(free)
    if longest >= min(MIN_CONTEXT, need.context_length):
        return Fit(
            "shorter",
            f"needs {said(need.total)}, {said(free)} are free: fits with a context of {longest:,} tokens",
        )
    return Fit("no", f"needs {said(need.total)}, but only {said(free)} are free")


def _entry_facts(entry: CatalogueEntry) -> ModelFacts:
    return ModelFacts(
        title=entry.title,
        quantisation=entry.quantisation,
        num_parameters=entry.num_parameters,
        context_length=entry.context_length,
        licence=entry.licence,
        languages=entry.languages,
        fit=_estimated_fit(entry, free_memory()),
    )


def _estimated_fit(entry: CatalogueEntry, free: int | None) -> Fit:
    """Judge by the file's size: the header, which tells more, is not here yet."""
    need = entry.size + PROGRAM_BYTES
    if free is None:
        return Fit("unknown", f"needs about {said(need)} and its context")
    verdict: Fits = "yes" if need <= free else "no"
    return Fit(verdict, f"needs about {said(need)} and its context; {said(free)} are free")


def _problem(model: ModelFile, summary: ModelSummary) -> str | None:
    if summary.problem or model.path.is_dir() or summary.architecture in SUPPORTED_ARCHITECTURES:
        return summary.problem
    known = ", ".join(sorted(SUPPORTED_ARCHITECTURES))
    return f"{model.path.name} is of the architecture {summary.architecture!r}; supported are {known}"


def _of_file(path: Path) -> tuple[ModelSummary, Collection[TensorInfo]]:
    with GGUFFile.open(path) as file:
        return summarise(file), tuple(file.tensors.values())


def _of_folder(path: Path) -> tuple[ModelSummary, Collection[TensorInfo]]:
    with closing(Checkpoint.open(path)) as checkpoint:
        spec = checkpoint.spec
        tensors = folder_tensors(checkpoint, spec) if isinstance(spec, ArchSpec) else []
        return summarise_folder(checkpoint, tensors), tensors
