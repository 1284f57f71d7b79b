"""What size of model a prompt is made for, and where it was tried, in words for people. Pure."""

from collections.abc import Mapping

from chatterm.conversation import Tier
from chatterm.prompts.header import PromptHeader

BILLIONS: Mapping[Tier, int] = {"small": 1, "medium": 3, "large": 5}
"""Parameters that the prompts of a tier are made for; those of tier tiny are made for any model."""


def made_for(tier: Tier) -> str:
    """Return the size for a column of a table: `any`, `1B+`."""
    return f"{BILLIONS[tier]}B+" if tier in BILLIONS else "any"


def size_note(header: PromptHeader) -> str:
    """Return what a prompt is made for and how it did where it was tried, after the words `made for`."""
    tried = "; ".join(
        f"tried on {model}: {passed} of its tests pass" for model, passed in header.tried.items()
    )
    if header.min_tier not in BILLIONS:
        return f"any model; {tried or 'not tried on a model yet'}"
    made = f"{BILLIONS[header.min_tier]}B or more, not tried on such a model here"
    return f"{made}; {tried}" if tried else made
