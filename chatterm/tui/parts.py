"""What the app is handed: the composition root builds these, the app knows no other way to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatterm.conversation import ModelCard
from chatterm.engine.base import Engine
from chatterm.engine.registry import EchoModel
from chatterm.models.discovery import ModelFile
from chatterm.session import CalibrationCache
from chatterm.store import ConversationStore
from chatterm.tui.drafts import Draft
from chatterm.tui.settings import SettingsSource

if TYPE_CHECKING:
    from chatterm.prompts import PromptLibrary
    from chatterm.tasks import Composed
    from chatterm.tasks.model_shelf import ModelShelf


@dataclass(frozen=True, slots=True, kw_only=True)
class AppParts:
    """All that the app runs on. The store stays its owner's to close."""

    store: ConversationStore
    open_engine: Callable[[], Engine]
    """Slow; called in a thread, and again for the next question where it failed. Raises ChattermError."""
    compose: "Callable[[Draft, ModelCard, bool], Composed]"
    """Shapes a draft for a model, by the prompt and the settings in use.

    The last argument tells whether a conversation goes on. Called in a turn's thread. Raises ChattermError.
    """
    sampling_defaults: "Callable[[], Mapping[str, object]]" = dict
    """The sampling settings of the configuration, as they are at the time. Called in a turn's thread."""
    model_name: str
    """Shown until the engine is open."""
    calibrations: CalibrationCache = field(default_factory=CalibrationCache)
    """What scored replies need beyond one turn; without a folder nothing is kept."""
    theme: str = "textual-dark"
    """A name of Textual's."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Action's id -> its keys, separated by commas, where they are not the app's own."""
    settings: SettingsSource | None = None
    """What the settings screen shows and changes; None: it does not open."""
    conversation_id: str | None = None
    """Opened first; None begins a new one."""
    is_private: bool = False
    """The store is in memory: nothing of this session is written anywhere."""
    is_screen_reader: bool = False
    """Plain labelled lines instead of panels."""
    draft: Draft | None = None
    """Stands in the composer at first; None: what was left there."""
    lengthen: Callable[[int], None] | None = None
    """Gives the model in use a context of so many tokens when it is opened again; None: it keeps its own."""
    models: "ModelShelf | None" = None
    """What can be chosen; None: the model stays."""
    open_model: Callable[[ModelFile | EchoModel], Engine] | None = None
    """Opens another model than the first; slow, called in a thread. Raises ChattermError."""
    library: "PromptLibrary | None" = None
    """The prompts that can be chosen; read when they are asked for."""
    open_library: "Callable[[], PromptLibrary] | None" = None
    """Gives the library where `library` is None; opening the app does without."""
    lang: str = "en"
    """Of the prompts' titles and notes."""

    @property
    def prompts(self) -> "PromptLibrary | None":
        """The library; None: there is none."""
        return self.library or (self.open_library() if self.open_library else None)
