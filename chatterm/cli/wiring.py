"""The composition root: builds the store, the prompt library and the engine out of the user's settings."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatterm.cli.report import Report
from chatterm.cli.signals import Stopped
from chatterm.config import Config, Paths, load_config
from chatterm.engine.base import CancelToken, Engine
from chatterm.engine.registry import EchoModel, EngineOptions, open_engine
from chatterm.models.cache import CALIBRATIONS, trim_cache
from chatterm.models.catalogue import Catalogue, CatalogueEntry, load_catalogue
from chatterm.models.discovery import ModelFile, resolve

if TYPE_CHECKING:
    from chatterm.models.progress import PullProgress
    from chatterm.prompts import PromptLibrary
    from chatterm.session import CalibrationCache
    from chatterm.store import ConversationStore

_YES = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Workspace:
    """The user's settings and places, and what is built from them. Opening is lazy, and the caller closes."""

    config: Config
    paths: Paths
    is_offline: bool
    """Nothing may be fetched: by the user's settings, or by the HF_HUB_OFFLINE of the hub's own tools."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Workspace":
        """Raises ConfigError or UnknownName."""
        paths = Paths.from_environment(environ)
        config = load_config(environ, paths)
        hub_offline = environ.get("HF_HUB_OFFLINE", "").lower() in _YES
        return cls(config, paths, config.offline or hub_offline)

    def reread(self, environ: Mapping[str, str] = os.environ) -> "Workspace":
        """Return this with the settings as file and environment have them by now. Raises as reading does."""
        return replace(self, config=load_config(environ, self.paths))

    @property
    def catalogue(self) -> Catalogue:
        return load_catalogue()

    @property
    def model_name(self) -> str:
        """The model that is used where none is named."""
        return self.config.model or self.catalogue.default.name

    @property
    def sampling_defaults(self) -> Mapping[str, object]:
        """The settings of the configuration that were set, sampling among them."""
        return {key: value for key, value, _ in self.config.settings() if value is not None}

    def open_store(self, *, is_private: bool = False) -> "ConversationStore":
        """Open the database, or one in memory that leaves no trace."""
        from chatterm.store import ConversationStore

        return ConversationStore.in_memory() if is_private else ConversationStore.open(self.paths.database)

    def calibrations(self, *, is_private: bool) -> "CalibrationCache":
        """Return where calibrations of labels are kept; in private mode, nowhere."""
        from chatterm.session import CalibrationCache

        return CalibrationCache(None if is_private else self.paths.cache / CALIBRATIONS)

    def prompt_library(self) -> "PromptLibrary":
        """The user's own prompts before the shipped ones."""
        from chatterm.cli.prompt_folders import open_library

        return open_library(self.paths)

    def find_model(self, name: object = None) -> ModelFile | EchoModel | CatalogueEntry:
        """Return the model called `name`; a catalogue entry where it is known but not fetched yet."""
        wanted = str(name or self.model_name)
        return EchoModel.from_name(wanted) or resolve(wanted, self.paths.models, self.catalogue)

    def obtain_model(
        self, settings: Mapping[str, object], report: Report, cancel: CancelToken
    ) -> ModelFile | EchoModel:
        """Return the chosen model, fetched first where it is missing. Raises Stopped.

        `settings` are those of the command line; they win over the configuration.
        """
        model = self.find_model(settings.get("model"))
        if isinstance(model, CatalogueEntry):
            model = self.fetch(model, report, cancel, is_offline=bool(settings.get("offline")))
        if cancel.is_cancelled:
            raise Stopped
        return model

    def open_engine(self, model: ModelFile | EchoModel, settings: Mapping[str, object]) -> Engine:
        """Open the engine that runs `model`; slow, for torch is imported here."""
        trim_cache(self.paths.cache)
        return open_engine(model, self._engine_options(settings))

    def open_hosted_engine(self, model: ModelFile | EchoModel, settings: Mapping[str, object]) -> Engine:
        """Start a process that loads `model`, and return at once; the engine's `describe` waits for it."""
        from chatterm.engine.hosted import open_hosted

        trim_cache(self.paths.cache)
        return open_hosted(model, self._engine_options(settings))

    def fetch(
        self, entry: CatalogueEntry, report: Report, cancel: CancelToken, *, is_offline: bool = False
    ) -> ModelFile:
        """Say what is fetched and from where, fetch it, and show how far it is. Raises Stopped."""
        from chatterm.models.download import pull

        is_offline = is_offline or self.is_offline
        if not is_offline:
            report.notice(
                f"fetching {entry.title} {entry.quantisation} ({entry.size / 1e6:.0f} MB, {entry.licence}) "
                f"from the {entry.source} into {self.paths.models}"
            )
        with closing(pull(entry, self.paths.models, offline=is_offline)) as steps:
            for step in steps:
                report.progress(_bar(step))
                if cancel.is_cancelled:
                    raise Stopped
        report.clear()
        return ModelFile(self.paths.models / entry.file_name, entry.name, entry)

    def _engine_options(self, settings: Mapping[str, object]) -> EngineOptions:
        chosen = Config(**{key: value for key, value in settings.items() if key in _ENGINE_KEYS})  # type: ignore[arg-type]  # their options have these types
        return EngineOptions(
            context_length=chosen.ctx or self.config.ctx,
            device=chosen.device or self.config.device,
            num_threads=chosen.threads or self.config.threads,
            cache_bytes=None if self.config.kv_cache_mb is None else self.config.kv_cache_mb * 10**6,
            has_prompt_lookup=_first_given(chosen.prompt_lookup, self.config.prompt_lookup, True),
            is_deterministic=chosen.deterministic or self.config.deterministic,
            quantising=chosen.quantize or self.config.quantize,
            cache=self.paths.cache,
        )


_ENGINE_KEYS = ("ctx", "device", "threads", "quantize", "prompt_lookup", "deterministic")


def _first_given(*values: bool | None) -> bool:
    """Return the first value that was given."""
    return next(value for value in values if value is not None)


_BAR_WIDTH = 24


def _bar(step: "PullProgress") -> str:
    """Draw how far a fetch is."""
    if step.stage == "waiting":
        return "waiting for another chatterm that is fetching the same model"
    share = step.done / step.total if step.total else 0.0
    filled = round(share * _BAR_WIDTH)
    bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
    return f"{step.stage} [{bar}] {step.done / 1e6:.0f} of {step.total / 1e6:.0f} MB"
