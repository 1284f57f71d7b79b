"""`chatterm models`: what can be had, what is here, and what a file holds."""

import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Exit

from chatterm.cli.answer import print_safely
from chatterm.cli.listing import AsJson, show_fields, show_rows
from chatterm.cli.report import Report
from chatterm.errors import ModelError

if TYPE_CHECKING:
    from chatterm.cli.wiring import Workspace
    from chatterm.models.arch_spec import ArchSpec
    from chatterm.models.catalogue import CatalogueEntry
    from chatterm.models.discovery import ModelFile
    from chatterm.models.gguf import TensorInfo
    from chatterm.models.summary import ModelSummary

app = typer.Typer(help="The models: fetched, shown, verified.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(help="A model's name or file; none: the default model.")]


def _workspace() -> "Workspace":
    from chatterm.cli.wiring import Workspace

    return Workspace.from_environment()


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the models that are here, and those that can be fetched."""
    from chatterm.models.discovery import installed

    workspace = _workspace()
    catalogue = workspace.catalogue
    here = {model.name: model for model in installed(workspace.paths.models, catalogue)}
    known = {entry.name: entry for entry in catalogue.entries}
    default = _default_name(workspace)
    rows = []
    for name in sorted({*known, *here}):
        entry, size = known.get(name), _size(here.get(name), known.get(name))
        rows.append(
            {
                "name": name,
                "state": "here" if name in here else "can be fetched",
                "default": name == default,
                "size": size,
                "quantisation": entry.quantisation if entry else None,
                "licence": entry.licence if entry else None,
                "path": str(here[name].path) if name in here else None,
            }
        )
    show_rows(rows, as_json=as_json, columns=("name", "state", "default", "size", "quantisation", "licence"))


def _size(model: "ModelFile | None", entry: "CatalogueEntry | None") -> int:
    """In bytes: of the file where it is here, else as the catalogue says."""
    if model is not None:
        return model.size
    return entry.size if entry else 0


def _default_name(workspace: "Workspace") -> str:
    """Return the default model's own name, whatever the configuration calls it."""
    from chatterm.errors import ChattermError

    try:
        found = workspace.find_model()
    except ChattermError:
        return workspace.model_name
    return getattr(found, "name", workspace.model_name)


@app.command("pull")
def pull(
    name: Name = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing; fail where it is missing.")
    ] = False,
) -> None:
    """Fetch a model of the catalogue; nothing happens where it is here already."""
    from chatterm.cli.signals import ended_by_signals
    from chatterm.engine.base import CancelToken

    report, workspace, cancel = Report.to_stderr(), _workspace(), CancelToken()
    entry = workspace.catalogue.find(name or workspace.catalogue.default.name)
    with ended_by_signals(cancel, report):
        model = workspace.fetch(entry, report, cancel, is_offline=offline)
    print_safely(sys.stdout, str(model.path))


@app.command("show")
def show(name: Name = None, as_json: AsJson = False) -> None:
    """Show what a model holds, what of it stays packed, and whether it fits this machine's memory."""
    workspace = _workspace()
    model = _here(workspace, name)
    summary, tensors = (_folder_held if model.path.is_dir() else _file_held)(model.path)
    memory = _memory_fields(tensors, summary.spec, workspace) if summary.spec else {}
    fields = _summary_fields(summary, workspace)
    show_fields({"name": model.name} | fields | memory, as_json=as_json)


def _file_held(path: Path) -> "tuple[ModelSummary, Collection[TensorInfo]]":
    from chatterm.models.gguf import GGUFFile
    from chatterm.models.summary import summarise

    with GGUFFile.open(path) as file:
        return summarise(file), file.tensors.values()


def _folder_held(path: Path) -> "tuple[ModelSummary, Collection[TensorInfo]]":
    from chatterm.engine.local.memory import folder_tensors
    from chatterm.models.arch_spec import ArchSpec
    from chatterm.models.checkpoint import Checkpoint
    from chatterm.models.checkpoint_summary import summarise_folder

    with closing(Checkpoint.open(path)) as checkpoint:
        spec = checkpoint.spec
        tensors = folder_tensors(checkpoint, spec) if isinstance(spec, ArchSpec) else []
        return summarise_folder(checkpoint, tensors), tensors


def _memory_fields(
    tensors: "Collection[TensorInfo]", spec: "ArchSpec", workspace: "Workspace"
) -> dict[str, Any]:
    """Return what the model needs on the CPU, in bytes, and whether that is free now."""
    from chatterm.engine.local.memory import holding_here, need_of
    from chatterm.models.fit import parts_said, verdict
    from chatterm.models.free_memory import free_memory

    holding = holding_here(workspace.paths.cache)
    need = need_of(tensors, spec, context_length=workspace.config.ctx, holding=holding)
    free = free_memory()
    return {
        "memory needed": need.total,
        "of it": parts_said(need),
        "memory free": free,
        "fits": None if free is None else verdict(need, free),
    }


def _summary_fields(summary: "ModelSummary", workspace: "Workspace") -> dict[str, Any]:
    from chatterm.engine.local.memory import holding_here
    from chatterm.engine.local.weights.packed_types import describe_use
    from chatterm.models.arch_spec import SUPPORTED_ARCHITECTURES

    by = holding_here(workspace.paths.cache).by
    shape = summary.spec
    runs = summary.architecture in SUPPORTED_ARCHITECTURES
    otherwise = " (through transformers)" if summary.path.is_dir() else " (cannot be run yet)"
    return {
        "path": str(summary.path),
        "title": summary.title,
        "architecture": summary.architecture + ("" if runs else otherwise),
        "licence": summary.licence,
        "languages": list(summary.languages),
        "parameters": summary.num_parameters,
        "context length": shape.context_length if shape else None,
        "layers": shape.num_layers if shape else None,
        "vocabulary": summary.vocab_size,
        "tokenizer": summary.tokenizer,
        "chat template": summary.has_chat_template,
        "file size": summary.file_size,
        "problem": summary.problem,
        "weights": [
            f"{use.block_type.name}: {use.num_tensors} tensors, {use.num_bytes / 1e6:.1f} MB, "
            f"{describe_use(use.block_type, use.num_elements, use.num_bytes, by)}"
            for use in summary.blocks
        ],
    }


def _here(workspace: "Workspace", name: str | None) -> "ModelFile":
    """Return a model that is here. Raises ModelNotFound where it would have to be fetched."""
    from chatterm.errors import ModelNotFound
    from chatterm.models.discovery import ModelFile

    found = workspace.find_model(name)
    if isinstance(found, ModelFile):
        return found
    called = getattr(found, "name", name)
    raise ModelNotFound(f"{called} is not here as a file; `chatterm models pull {called}` fetches it")


@app.command("verify")
def verify(name: Name = None, as_json: AsJson = False) -> None:
    """Check a model: by its pinned sha256, or whether it is sound; exit code 4 where it is not."""
    from chatterm.models.checkpoint_summary import verify_folder
    from chatterm.models.progress import VerifyProgress
    from chatterm.models.verify import verify_file

    report, workspace = Report.to_stderr(), _workspace()
    path = _here(workspace, name).path
    for step in verify_folder(path) if path.is_dir() else verify_file(path, workspace.catalogue):
        if isinstance(step, VerifyProgress):
            report.progress(f"reading {step.done / 1e6:.0f} of {step.total / 1e6:.0f} MB")
            continue
        report.clear()
        state = "as pinned in the catalogue" if step.is_pinned else "sound; nothing is pinned for it"
        fields = {
            "path": str(step.path),
            "sha256": step.sha256,
            "state": "not sound" if step.problems else state,
            "problems": list(step.problems),
        }
        show_fields(fields, as_json=as_json)
        raise Exit(ModelError.exit_code if step.problems else 0)


@app.command("default")
def default(
    name: Annotated[str | None, typer.Argument(help="A model's name or file; none: show it.")] = None,
) -> None:
    """Show the default model, or make another one the default, in the configuration file."""
    from chatterm.config_file import set_value
    from chatterm.models.discovery import ModelFile

    workspace = _workspace()
    if name is None:
        print_safely(sys.stdout, _default_name(workspace))
        return
    found = workspace.find_model(name)
    is_elsewhere = isinstance(found, ModelFile) and found.path.parent != workspace.paths.models
    value = str(Path(name).expanduser().absolute()) if is_elsewhere else name
    set_value(workspace.paths.config_file, "model", value)
    print_safely(sys.stdout, value)
