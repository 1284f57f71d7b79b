"""Composer: where a message is written. Enter sends it, other keys make a new line, the editing keys stay."""

from textual.events import Key, Paste
from textual.widgets import TextArea

from chatterm.sanitize import sanitize
from chatterm.tui.drafts import Draft
from chatterm.tui.events import QuestionAsked
from chatterm.tui.keys import NEWLINE_KEYS


class Composer(TextArea):
    """Grows with its text, up to ten lines. It keeps its text until the screen clears it."""

    def __init__(self) -> None:
        super().__init__(placeholder="Ask anything", highlight_cursor_line=False, compact=True)
        self.last_question = ""
        """What Up brings back while the composer is empty."""

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":
            self.post_message(QuestionAsked(Draft(text=self.text)))
        elif event.key in NEWLINE_KEYS:
            self._type("\n")
        elif event.key == "up" and not self.text:
            self.show_text(self.last_question)
        else:
            return
        event.stop()
        event.prevent_default()

    async def _on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        self._type(sanitize(event.text))

    def show_text(self, text: str) -> None:
        """Replace what is there by `text`, with the cursor at its end."""
        self.text = sanitize(text)
        self.move_cursor(self.document.end)

    def _type(self, text: str) -> None:
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)
