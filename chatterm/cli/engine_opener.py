"""EngineOpener: opens the app's engines by the command line's settings, and as long as the app asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chatterm.cli.wiring import Workspace
from chatterm.engine.base import Engine

if TYPE_CHECKING:
    from chatterm.engine.registry import EchoModel
    from chatterm.models.discovery import ModelFile


class EngineOpener:
    """Remembers which model was opened last, and the contexts that models were given meanwhile."""

    def __init__(self, workspace: Workspace, settings: Mapping[str, object]) -> None:
        self._workspace = workspace
        self._settings = settings
        self._contexts: dict[ModelFile | EchoModel, int] = {}
        self._last: ModelFile | EchoModel | None = None

    def open(self, model: "ModelFile | EchoModel") -> Engine:
        """Start a process that loads `model`, and return at once. Raises ChattermError."""
        self._last = model
        length = self._contexts.get(model)
        settings = {**self._settings, "ctx": length} if length else self._settings
        return self._workspace.open_hosted_engine(model, settings)

    def lengthen(self, context_length: int) -> None:
        """Give the model that was opened last a context of so many tokens from here on."""
        if self._last is not None:
            self._contexts[self._last] = context_length
