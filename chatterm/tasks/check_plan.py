"""CheckPlan: what a reply will be held against, known before it is written. Values only, no check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chatterm.checks import Pack
from chatterm.prompts.schema import Schema

PlanLevel = Literal["off", "mark", "strict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """What a reply may rest on, and how strictly it is held to it. The default checks nothing."""

    sources: tuple[str, ...] = ()
    """The texts of the documents of this turn; those of earlier turns are added by `Earlier`."""
    given: str = ""
    """The user's own words and the prompt's instruction, which a reply may repeat."""
    examples: tuple[str, ...] = ()
    """Those that are sent."""
    schema: Schema | None = None
    """Of a reply in JSON; its fields with `copy: true` stand in the source."""
    levels: Mapping[str, PlanLevel] = field(default_factory=dict)
    """The `verify:` of the prompt by its keys; a key that is missing has the default of the check."""
    packs: tuple[Pack, ...] = ()
    """The guard packs of the prompt."""
    prompt_id: str = ""
    lang: str = "en"
    """Of the notices."""
    reply_lang: str | None = None
    """What the reply is to be written in; None: it may be in any language."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the turns before this one bring along."""

    sources: tuple[str, ...] = ()
    """The documents that stand in them."""
    told: tuple[Pack, ...] = ()
    """The packs whose footers were told in them."""
