"""Draft: what is about to be asked, as the composer holds it. Knows no model and no conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatterm.conversation import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question before a prompt shapes it for a model."""

    text: str
    """As it was typed."""
    documents: tuple[Document, ...] = ()
    """Attached ones, in the order in which they came."""
    prompt_id: str | None = None
    """Of the prompt that was chosen for it; None: the one that fits."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Inputs of that prompt by name."""

    @property
    def is_empty(self) -> bool:
        return not (self.text.strip() or self.documents or self.prompt_id)
