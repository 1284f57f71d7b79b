"""Reading: how documents that do not fit the context are read, decided before anything is kept or sent."""

from dataclasses import dataclass
from typing import Literal

from chatterm.documents.chunks import Unit

Strategy = Literal["map", "map-reduce", "refine", "retrieve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingWish:
    """What the user asks of how documents are read."""

    in_parts: bool = False
    """Read in parts even what fits."""
    each: Unit | None = None
    """The prompt is to be answered for each of these, whatever it says of long documents."""
    keeps_partials: bool = True
    """False: a part that was read before is read again."""
