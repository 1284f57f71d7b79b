"""MessageColumn: views of messages one below another: the window of a path, then what is in no store yet.

That is a reply that has just begun, notices and queued questions. They are hidden while the window does not
reach the path's end.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from chatterm.tui.active_path import Said
from chatterm.tui.widgets.flow import Flow
from chatterm.tui.widgets.message import MessageView, QuestionView

WELCOME = "Ask anything below.\nThe model runs on this machine, and nothing you write leaves it."

Making = Callable[[Said], MessageView]


class MessageColumn(Flow):
    """Makes views as they are needed, and removes those that are not."""

    def __init__(self, make: Making) -> None:
        """`make` returns the view of a stored message."""
        super().__init__(classes="messages")
        self._make = make
        self._path_ids: Set[str] = frozenset()

    @property
    def views(self) -> list[MessageView]:
        """The messages on screen, queued ones too."""
        return [view for view in self.children if isinstance(view, MessageView) and view.display]

    async def clear(self, *, is_new: bool) -> None:
        """Remove everything; a new conversation begins with a welcome."""
        self._path_ids = frozenset()
        with self.app.batch_update():
            await self.remove_children(list(self.children))
            if is_new:
                await self.mount(Static(Content(WELCOME), classes="welcome"))

    async def add(self, *views: Widget) -> None:
        """Show what is not in the store below, but above what is queued."""
        await self.query(".welcome").remove()
        queued = next((one for one in self.children if _is_queued(one)), None)
        if queued is None or all(map(_is_queued, views)):
            await self.mount_all(views)
        else:
            await self.mount_all(views, before=queued)

    async def remove_strays(self) -> None:
        """Remove what is not in the store, except what is queued."""
        for stray in self._strays():
            if not _is_queued(stray):
                await stray.remove()

    async def draw(self, path: Sequence[Said], first: int, end: int) -> None:
        """Let the messages of a window of `path` stand there, each once, above what is not in the store.

        A message is dozens of widgets. They are made one message at a time and out of sight, so that keys
        and the scrolling go on, and are shown together. Not to be called again before it returns.
        """
        wanted, path_ids = path[first:end], {one.node.id for one in path}
        is_other_branch, self._path_ids = bool(self._path_ids - path_ids), path_ids
        known = {view.message_id: view for view in self.query_children(MessageView) if view.message_id}
        made = await self._make_missing(wanted, known)
        unwanted = known.keys() - {one.node.id for one in wanted}
        if not is_other_branch:
            # A reply that is being written has an id before it is on the path, as its question has: it stays.
            unwanted &= path_ids
        obsolete = [known[identity] for identity in unwanted]
        with self.app.batch_update():
            for view in obsolete:
                view.display = False
            for view in made:
                view.display = True
            for stray in self._strays():
                if stray not in obsolete:
                    stray.display = end == len(path)
        for view in obsolete:
            await view.remove()

    def _strays(self) -> list[Widget]:
        """What is not in the store, or not on this path any more."""
        return [
            view
            for view in self.children
            if not (isinstance(view, MessageView) and view.message_id in self._path_ids)
        ]

    async def _make_missing(
        self, wanted: Sequence[Said], known: Mapping[str, MessageView]
    ) -> list[MessageView]:
        """Mount what is missing of the window, each below the message before it; return what was made."""
        made: list[MessageView] = []
        before: Widget | None = None
        for one in wanted:
            view = known.get(one.node.id)
            if view is None:
                view = self._make(one)
                view.display = False
                made.append(view)
                if before is None:
                    await self.mount(view, before=0 if self.children else None)
                else:
                    await self.mount(view, after=before)
                await asyncio.sleep(0)
            else:
                view.show_said(one)
            before = view
        return made


def _is_queued(view: Widget) -> bool:
    return isinstance(view, QuestionView) and view.is_queued
