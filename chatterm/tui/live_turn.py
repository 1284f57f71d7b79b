"""LiveTurn: the turn that is running, and the view it grows in while its conversation is on screen."""

from dataclasses import dataclass, field

from chatterm.session import TurnStarted
from chatterm.tui.events import Phase
from chatterm.tui.turns import TurnPlan
from chatterm.tui.widgets.message import ReplyView


@dataclass(slots=True)
class LiveTurn:
    """What came of a turn so far. Changed by the pane's handlers only."""

    plan: TurnPlan
    view: ReplyView | None = None
    """None while another conversation is on screen."""
    started: TurnStarted | None = None
    notices: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    phase: Phase = "waiting"

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def conversation_id(self) -> str | None:
        """None or empty while the turn that begins a conversation is not kept yet."""
        return self.started.question.conversation_id if self.started else self.plan.conversation_id

    def new_view(self) -> ReplyView:
        """Return a view of the reply so far, in which it grows from here on."""
        self.view = ReplyView(self.text, notices=self.notices)
        return self.view

    def say(self, notice: str) -> None:
        """Tell something about the turn, above its reply."""
        self.notices.append(notice)
        if self.view:
            self.view.show_notices(self.notices)

    async def grow(self, text: str) -> None:
        self.texts.append(text)
        if self.view:
            await self.view.grow(text)

    async def end(self, text: str, note: str) -> None:
        if self.view:
            await self.view.end(text, note)
