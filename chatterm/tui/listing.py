"""What the list of conversations holds: read from the store in windows, filtered. Blocking: for a thread."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatterm.store import ConversationStore, ConversationSummary

WINDOW = 200
"""So many conversations are read for the list at once; more when its end comes near."""

_PAGE = 1_000
"""So many are looked through at once for what a filter admits."""


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which conversations are listed."""

    words: tuple[str, ...] = ()
    """Each stands in the title; case does not matter."""
    tags: tuple[str, ...] = ()
    """Each is one of its tags, or the beginning of one."""
    archived: bool = False
    """The archived ones, instead of the others."""

    @classmethod
    def parsed(cls, text: str, *, archived: bool) -> "ListFilter":
        """Read what was typed: words, and tags as #tag."""
        parts = text.casefold().split()
        return cls(
            words=tuple(part for part in parts if not part.startswith("#")),
            tags=tuple(part[1:] for part in parts if part.startswith("#") and part != "#"),
            archived=archived,
        )

    @property
    def is_open(self) -> bool:
        return not (self.words or self.tags)

    def admits(self, one: ConversationSummary) -> bool:
        title = one.title.casefold() if self.words else ""
        names = [tag.casefold() for tag in one.tags]
        return all(word in title for word in self.words) and all(
            any(name.startswith(tag) for name in names) for tag in self.tags
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """The beginning of the list."""

    conversations: Sequence[ConversationSummary]
    """Pinned ones first, each part the most recently updated first."""
    is_whole: bool
    """Nothing comes after it."""


def read_list(store: ConversationStore, wanted: ListFilter, limit: int = WINDOW) -> Listed:
    """Return the first `limit` conversations that `wanted` admits. Raises StoreError."""
    found: dict[str, ConversationSummary] = {}  # one that moves while pages are read comes twice
    for one in _in_order(store, wanted, limit):
        if len(found) == limit:
            return Listed([*found.values()], is_whole=False)
        found.setdefault(one.id, one)
    return Listed([*found.values()], is_whole=True)


def _in_order(store: ConversationStore, wanted: ListFilter, limit: int) -> Iterator[ConversationSummary]:
    page = limit + 1 if wanted.is_open else _PAGE
    for pinned in (True, False):
        offset = 0
        while True:
            batch = store.conversations(limit=page, offset=offset, archived=wanted.archived, pinned=pinned)
            yield from filter(wanted.admits, batch)
            if len(batch) < page:
                break
            offset += page
