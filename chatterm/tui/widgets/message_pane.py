"""MessagePane: what is done to the messages on screen: copying, other replies, continuing, branches."""

import asyncio
from typing import TYPE_CHECKING

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.tui import events
from chatterm.tui.active_path import Said
from chatterm.tui.code_blocks import code_blocks
from chatterm.tui.drafts import Draft
from chatterm.tui.turns import TurnPlan
from chatterm.tui.widgets.message import MessageView, NoticeView
from chatterm.tui.widgets.shaped_pane import ShapedPane

if TYPE_CHECKING:
    from chatterm.tasks.answering import TurnKind


class MessagePane(ShapedPane):
    """Adds to what the turns show what a reader does with it."""

    @property
    def selected_reply_id(self) -> str:
        """The reply that is selected, else the last one; empty where there is none."""
        said = self.transcript.said_of(self.transcript.selected)
        if said and not said.is_question:
            return said.node.id
        return next((one.node.id for one in reversed(self.transcript.said) if not one.is_question), "")

    def show_notice(self, text: str) -> None:
        """Tell something below the messages, in turn with the other events."""
        self.post_message(events.NoticeGiven(text))

    async def on_notice_given(self, event: events.NoticeGiven) -> None:
        event.stop()
        await self.transcript.add(NoticeView(event.text))

    async def regenerate(self, message: Said | None) -> None:
        """Ask for another reply to a question, or beside a reply."""
        if message is None or self._is_busy():
            return
        target = message.node.id if message.is_question else message.node.parent_id
        question = next((one for one in self.transcript.said if one.node.id == target), None)
        if question is None:
            self._say("There is no question to answer again.")
            return
        await self.start(self._plan(question, "regenerate", question.node.id))

    async def continue_reply(self, reply: Said | None) -> None:
        """Let a reply go on that was interrupted, stopped or cut."""
        if reply is None or self._is_busy():
            return
        question = next((one for one in self.transcript.said if one.node.id == reply.node.parent_id), None)
        if not reply.can_continue or question is None:
            self._say("This reply came to its end. Ctrl+R asks for another one.")
            return
        await self.start(self._plan(question, "continue", reply.node.id, reply.text))

    def last(self, *, is_question: bool | None = None) -> Said | None:
        """Return the last question or reply, or the last of either."""
        found = (one for one in reversed(self.transcript.said) if is_question in (None, one.is_question))
        return next(found, None)

    def copy(self, view: MessageView | None, *, code_only: bool = False) -> None:
        """Copy what a message says, or the code in it, into the terminal's clipboard."""
        if view is None:
            self._say("j and k select a message to copy.")
            return
        text = "\n\n".join(code_blocks(view.said_text)) if code_only else view.said_text
        self._copy_text(
            text, "There is no code block in this message." if code_only else "There is nothing to copy."
        )

    def _copy_text(self, text: str, otherwise: str) -> None:
        """Copy `text`, and say so; where there is none, say why."""
        if not text:
            self._say(otherwise)
            return
        self.app.copy_to_clipboard(sanitize(text))
        self._say(f"Copied {len(text):,} characters.")

    def copy_last_reply(self) -> None:
        """Copy the selected reply, else the last one."""
        identity = self.selected_reply_id
        said = next((one for one in self.transcript.said if one.node.id == identity), None)
        self._copy_text(said.text if said else "", "There is no reply to copy yet.")

    async def walk(self, message: Said | None, step: int) -> None:
        """Go to the branch beside a message."""
        if message is None or message.branch is None:
            return
        store, conversation_id = self._parts.store, message.node.conversation_id
        try:
            leaf = await asyncio.to_thread(store.branch_beside, message.node.id, step)
            if leaf is None:
                return
            await asyncio.to_thread(store.set_active_leaf, conversation_id, leaf)
        except ChattermError as error:
            self.show_notice(str(error))
            return
        depth = [one.node.id for one in self.transcript.said].index(message.node.id)
        await self._go_to_branch()
        if depth < len(self.transcript.said):
            await self.transcript.show_message(self.transcript.said[depth].node.id)

    async def branch_here(self) -> None:
        """Let the next question follow the selected message, whatever follows it already."""
        said = self.transcript.said_of(self.transcript.selected)
        if said is None or said.is_question:
            self._say("j and k select the reply to go on from.")
            return
        store, node = self._parts.store, said.node
        try:
            await asyncio.to_thread(store.set_active_leaf, node.conversation_id, node.id)
        except ChattermError as error:
            self.show_notice(str(error))
            return
        await self._go_to_branch()
        self._composer.composer.focus()
        self._say("The next question goes below this reply; what followed stays as a branch.")

    async def _go_to_branch(self) -> None:
        await self.reread()
        self._tell(self._live.phase if self._live else "idle")

    def _plan(self, question: Said, kind: "TurnKind", target_id: str, beginning: str = "") -> TurnPlan:
        """Plan a turn that answers a stored question."""
        return TurnPlan(
            draft=Draft(text=question.text, settings=self._composer.draft.settings),
            conversation_id=question.node.conversation_id,
            parent_id=question.node.parent_id,
            kind=kind,
            target_id=target_id,
            beginning=beginning,
        )

    def _is_busy(self) -> bool:
        if self.is_replying:
            self._say("A reply is being written. Esc stops it.")
        return self.is_replying

    def _say(self, text: str) -> None:
        self.notify(text, markup=False)
