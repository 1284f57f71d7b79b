"""Organiser: what is done to conversations of the list: renamed, tagged, pinned, archived, deleted, undone.

Its coroutines run in a worker of the screen, since they ask. Each ends in a ConversationsChanged.
"""

from collections.abc import Awaitable, Callable, Sequence

from textual.screen import Screen

from chatterm.store import ConversationStore
from chatterm.store.organising import tag_name
from chatterm.tui.calls import called
from chatterm.tui.deleting import RecycleBin
from chatterm.tui.events import ConversationsChanged
from chatterm.tui.foreign import one_line, title_line
from chatterm.tui.screens.dialogs import ConfirmDialog, LineDialog

MAX_TITLE_CHARS = 200
_NAMED = 5
"""So many titles are named in a question; of more the number."""


class Organiser:
    """Asks, changes the store in a thread, and tells what cannot be done."""

    def __init__(
        self, store: ConversationStore, screen: Screen[None], stop_reply_in: Callable[[str], Awaitable[None]]
    ) -> None:
        """`stop_reply_in` stops the reply that is being written in a conversation, if there is one."""
        self._store = store
        self._screen = screen
        self._stop_reply_in = stop_reply_in
        self.bin = RecycleBin(store)

    async def rename(self, conversation_id: str, title: str | None = "") -> None:
        """Give this title, or one that is asked for."""
        title = title or await self._ask_title(conversation_id)
        if title is not None:
            await called(
                self._screen, self._store.set_title, conversation_id, title.strip()[:MAX_TITLE_CHARS]
            )
            self._tell()

    async def _ask_title(self, conversation_id: str) -> str | None:
        summary = await called(self._screen, self._store.summary, conversation_id)
        if summary is None:
            return None
        hint = "Empty: a title is made again by the next reply."
        dialog = LineDialog("Title", one_line(summary.title, MAX_TITLE_CHARS), hint=hint)
        return await self._screen.app.push_screen_wait(dialog)

    async def edit_tags(self, conversation_ids: Sequence[str]) -> None:
        """Ask for the tags of one; of several, for tags they all get."""
        if not conversation_ids:
            return
        one = await called(self._screen, self._store.summary, conversation_ids[0])
        if one is None:
            return
        before = ", ".join(one.tags) if len(conversation_ids) == 1 else ""
        dialog = LineDialog(
            "Tags" if len(conversation_ids) == 1 else f"Tags for {len(conversation_ids)} conversations",
            before,
            hint="Separated by commas. In the list, / and #tag finds them.",
            check=tags_of,
        )
        text = await self._screen.app.push_screen_wait(dialog)
        if text is None:
            return
        await called(self._screen, self._set_tags, conversation_ids, tags_of(text))
        self._tell()

    async def toggle_pin(self, conversation_ids: Sequence[str]) -> None:
        """Pin all, or let go where all are pinned."""
        await called(self._screen, self._toggle, conversation_ids, "pinned", self._store.set_pinned)
        self._tell()

    async def toggle_archive(self, conversation_ids: Sequence[str]) -> None:
        is_archived = await called(
            self._screen, self._toggle, conversation_ids, "archived", self._store.set_archived
        )
        self._tell()
        if is_archived:
            self._screen.notify("Archived. In the list, h shows what is, and a brings it back.", markup=False)

    async def delete(self, conversation_ids: Sequence[str]) -> None:
        """Ask, then delete at once. A reply that is being written there is stopped first."""
        titles = await called(self._screen, self._titles, conversation_ids)
        if not titles:
            return
        if not await self._screen.app.push_screen_wait(ConfirmDialog("Delete", question_for(titles))):
            return
        for identity in conversation_ids:
            await self._stop_reply_in(identity)
        held = await called(self._screen, self.bin.delete, conversation_ids)
        if held:
            self._tell(gone=tuple(whole.id for whole in held))
            number = "1 conversation" if len(held) == 1 else f"{len(held)} conversations"
            self._screen.notify(f"{number} deleted. In the list, Ctrl+Z brings back.", markup=False)

    async def undo(self) -> None:
        """Bring back what was deleted last in this session."""
        held = await called(self._screen, self.bin.undo)
        if held:
            self._tell(restored=tuple(whole.id for whole in held))
        elif held is not None:
            self._screen.notify("Nothing was deleted in this session.", markup=False)

    def _tell(self, *, gone: tuple[str, ...] = (), restored: tuple[str, ...] = ()) -> None:
        self._screen.post_message(ConversationsChanged(gone, restored))

    def _titles(self, conversation_ids: Sequence[str]) -> list[str]:
        return [self._store.summary(identity).title for identity in conversation_ids]

    def _toggle(
        self, conversation_ids: Sequence[str], field: str, change: Callable[[str, bool], None]
    ) -> bool:
        """Set a field of all, or clear it where it is set in all; return what it is then."""
        is_on = [getattr(self._store.summary(identity), field) for identity in conversation_ids]
        for identity in conversation_ids:
            change(identity, not all(is_on))
        return not all(is_on)

    def _set_tags(self, conversation_ids: Sequence[str], tags: Sequence[str]) -> None:
        for identity in conversation_ids:
            before = self._store.summary(identity).tags
            if len(conversation_ids) == 1:
                for tag in set(before) - set(tags):
                    self._store.remove_tag(identity, tag)
            for tag in tags:
                self._store.add_tag(identity, tag)


def tags_of(text: str) -> list[str]:
    """Return the tags of a line, separated by commas. Raises UsageError for one that is too long."""
    parts = [part.strip().removeprefix("#") for part in text.replace("，", ",").split(",")]
    return list(dict.fromkeys(tag_name(part) for part in parts if part.strip()))


def question_for(titles: Sequence[str]) -> str:
    """Return what is asked before these are deleted."""
    named = "\n".join(f"  {title_line(title, 100)}" for title in titles[:_NAMED])
    more = f"\n  and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
    what = "this conversation" if len(titles) == 1 else f"these {len(titles)} conversations"
    return f"Delete {what}, with every branch?\n\n{named}{more}\n\nUntil you quit, it can be undone."
