"""Draft: what is about to be asked, as the composer holds it. Knows no model and no conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
    system: str = ""
    """The user's own system message from this question on; empty leaves the one in force."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Sampling options of the conversation, by their names in the configuration."""

    @property
    def is_empty(self) -> bool:
        return not (self.text.strip() or self.documents or self.prompt_id)

    @property
    def is_blank(self) -> bool:
        """Nothing at all is in it."""
        return self == Draft(text="")

    def before(self, since: "Draft") -> "Draft":
        """Return this draft with what came `since` after it; of what there is one of, the later counts."""
        later = since if since.prompt_id else self
        return replace(
            self,
            text="\n".join(filter(None, [self.text, since.text])),
            documents=(*self.documents, *since.documents),
            settings={**self.settings, **since.settings},
            system=since.system or self.system,
            prompt_id=later.prompt_id,
            values=later.values,
        )
