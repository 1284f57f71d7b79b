"""Opens an engine for a model. The chosen engine is imported only then: torch takes a second."""

from dataclasses import dataclass
from pathlib import Path

from chatterm.engine.base import Engine
from chatterm.errors import UsageError
from chatterm.models.discovery import ModelFile

ECHO = "echo"


@dataclass(frozen=True, slots=True)
class EchoModel:
    """The model of the echo engine: `echo`, or `echo:RATE` at so many tokens a second."""

    tokens_per_s: float | None = None

    @classmethod
    def from_name(cls, name: str) -> "EchoModel | None":
        """None where `name` means no echo model. Raises UsageError for a rate that is no positive number."""
        kind, colon, rate = name.partition(":")
        if kind != ECHO:
            return None
        if not colon:
            return cls()
        try:
            tokens_per_s = float(rate)
        except ValueError:
            tokens_per_s = 0.0
        if not 0 < tokens_per_s < float("inf"):
            raise UsageError(f"echo:RATE expects tokens a second, found {rate!r}; for example echo:20")
        return cls(tokens_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the user may decide of an engine; None leaves it to the engine."""

    context_length: int | None = None
    """In tokens."""
    device: str | None = None
    num_threads: int | None = None
    quantising: str | None = None
    """What plain weights become on load: `int4` or `int8`."""
    cache_bytes: int | None = None
    """Memory for keys and values of all conversations."""
    has_prompt_lookup: bool = True
    is_deterministic: bool = False
    """The same tokens however a reply is cached, batched and guessed at."""
    cache: Path
    """Folder for verdicts and prepared forms; never users' text."""


def open_engine(model: ModelFile | EchoModel, options: EngineOptions) -> Engine:
    """Open the engine that runs `model`. Raises ModelError, UsageError or OutOfMemory."""
    if isinstance(model, EchoModel):
        from chatterm.engine.echo import EchoEngine

        return EchoEngine(tokens_per_s=model.tokens_per_s, context_length=options.context_length or 8192)
    from chatterm.engine.local.engine import LocalEngine

    return LocalEngine.open(
        model.path,
        name=model.name,
        languages=model.entry.languages if model.entry else (),
        context_length=options.context_length,
        device=options.device,
        num_threads=options.num_threads,
        quantising=options.quantising,
        cache=options.cache,
        cache_bytes=options.cache_bytes,
        has_prompt_lookup=options.has_prompt_lookup,
        is_deterministic=options.is_deterministic,
    )
