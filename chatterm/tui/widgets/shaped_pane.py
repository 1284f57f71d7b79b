"""ShapedPane: replies as people read them: tables, labels with probabilities, marks of the checks."""

from dataclasses import dataclass

from textual.message import Message

from chatterm.tui import events
from chatterm.tui.active_path import Said
from chatterm.tui.parts import AppParts
from chatterm.tui.reply_shapes import ReplyMarked, ReplyShaped, ReplyShapes
from chatterm.tui.turns import TurnRunner
from chatterm.tui.widgets.message import MessageView, ReplyView
from chatterm.tui.widgets.reply_extras import SourcesLine
from chatterm.tui.widgets.turn_pane import TurnPane


@dataclass
class ReplyOver(Message):
    """A reply has ended and is on screen as it is."""

    reply_id: str


class ShapedPane(TurnPane):
    """Adds to the replies that turns show what their prompts, checks and scores tell of them."""

    def __init__(self, parts: AppParts, runner: TurnRunner) -> None:
        super().__init__(parts, runner)
        self._shapes = ReplyShapes(parts, self.post_message)

    def _view_of(self, said: Said) -> MessageView:
        view = super()._view_of(said)
        if isinstance(view, ReplyView) and said.node.status != "streaming":
            self._shapes.dress(view)
            if said.sources:
                view.add_extra(SourcesLine(said.sources))
        return view

    def on_reply_scored(self, event: events.ReplyScored) -> None:
        event.stop()
        if self._turn.reply_id:
            self._shapes.scored(self._turn.reply_id, event.scored)

    async def on_reply_finished(self, event: events.ReplyFinished) -> None:
        """Textual calls this before TurnPane's own: what is done here comes after that."""
        if parts := self._turn.parts:
            self._shapes.read_in_parts(event.turn.reply.id, parts)
        self.post_message(ReplyOver(event.turn.reply.id))

    def on_reply_over(self, event: ReplyOver) -> None:
        event.stop()
        if view := self._reply_view(event.reply_id):
            self._shapes.dress(view)

    def on_reply_checked(self, event: events.ReplyChecked) -> None:
        event.stop()
        self._shapes.checked(event.checked, self._reply_view(event.checked.reply_id))

    async def on_reply_shaped(self, event: ReplyShaped) -> None:
        event.stop()
        await self._shapes.shaped(event, self._reply_view(event.reply_id))

    async def on_reply_marked(self, event: ReplyMarked) -> None:
        event.stop()
        await self._shapes.marked(event, self._reply_view(event.reply_id))

    async def toggle_shape(self, view: MessageView | None) -> None:
        """Show the JSON of a reply in place of its table, and the table again."""
        if isinstance(view, ReplyView) and self._shapes.can_shape(view.message_id):
            await self._shapes.toggle(view)
        else:
            self.notify("This message has no other form.", markup=False)

    def show_sources(self, view: MessageView | None) -> None:
        """List what a reply rests on, and what was checked in it."""
        from chatterm.tui.screens.sources import SourcesScreen

        if isinstance(view, ReplyView) and view.message_id:
            checked = self._shapes.checked_of(view.message_id)
            self.app.push_screen(SourcesScreen(self._parts, view.message_id, checked))
        else:
            self.notify("This is no stored reply, so it has no sources.", markup=False)

    def show_parts(self, view: MessageView | None) -> None:
        """Show the parts that a reply was made from, else those that are being read."""
        from chatterm.tui.screens.parts import PartsScreen

        live = self._live
        message_id = view.message_id if view else ""
        parts = self._shapes.parts_of(message_id)
        if not parts and live and live.parts and live.question and live.is_shown:
            parts, message_id = live.parts, live.question.id
        if parts:
            self.app.push_screen(PartsScreen(self._parts.store, parts, message_id))
        else:
            self.notify("Nothing was read in parts for this message since the app was opened.", markup=False)

    def _last_reply_view(self) -> ReplyView | None:
        return next(reversed(self.transcript.query(ReplyView)), None)

    def _reply_view(self, reply_id: str) -> ReplyView | None:
        views = self.transcript.query(ReplyView)
        return next((view for view in views if reply_id and view.message_id == reply_id), None)
