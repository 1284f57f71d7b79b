"""`chatterm history pin`, `unpin`, `archive`, `unarchive`, `tag` and `untag`: conversations put in order."""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.cli.parameters import Id

if TYPE_CHECKING:
    from chatterm.store import ConversationStore

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The start of each id will do.")]
Tags = Annotated[list[str], typer.Argument(metavar="TAG...", help="One or more; quotes hold words together.")]


def pin(conversations: Ids) -> None:
    """Keep conversations on top of the app's list, and out of `rm --older-than`."""
    _each(conversations, lambda store, identity: store.set_pinned(identity, True))


def unpin(conversations: Ids) -> None:
    """Let pinned conversations go back to their place."""
    _each(conversations, lambda store, identity: store.set_pinned(identity, False))


def archive(conversations: Ids) -> None:
    """Hide conversations from lists; search and their ids still find them."""
    _each(conversations, lambda store, identity: store.set_archived(identity, True))


def unarchive(conversations: Ids) -> None:
    """List archived conversations again."""
    _each(conversations, lambda store, identity: store.set_archived(identity, False))


def tag(conversation: Id, tags: Tags) -> None:
    """Give a conversation tags; the app's list filters by them."""

    def change(store: "ConversationStore", identity: str) -> None:
        for name in tags:
            store.add_tag(identity, name)

    _each([conversation], change)


def untag(conversation: Id, tags: Tags) -> None:
    """Take tags from a conversation."""

    def change(store: "ConversationStore", identity: str) -> None:
        for name in tags:
            store.remove_tag(identity, name)

    _each([conversation], change)


def _each(prefixes: list[str], change: Callable[["ConversationStore", str], object]) -> None:
    """Change conversations after all of their ids were found."""
    from chatterm.cli.wiring import Workspace

    with closing(Workspace.from_environment().open_store()) as store:
        for identity in [store.resolve(prefix) for prefix in prefixes]:
            change(store, identity)
