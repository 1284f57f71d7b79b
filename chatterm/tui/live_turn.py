"""LiveTurn: the turn that is running, and the views it grows in while its conversation is on screen."""

from dataclasses import dataclass, field

from chatterm.conversation import MessageNode
from chatterm.session import TurnStarted
from chatterm.tui.events import Phase
from chatterm.tui.pacing import PartsGrowth
from chatterm.tui.parts_state import PartsState
from chatterm.tui.turns import Place, TurnPlan
from chatterm.tui.widgets.message import QuestionView, ReplyView
from chatterm.tui.widgets.parts_line import PartsLine


@dataclass(slots=True)
class LiveTurn:
    """What came of a turn so far. Changed by the pane's handlers only."""

    plan: TurnPlan
    place: Place = field(default_factory=Place)
    """Where the question after it goes."""
    view: ReplyView | None = None
    """None while another conversation is on screen."""
    question_view: QuestionView | None = None
    """Of a question that this turn asks, until it is stored."""
    question: MessageNode | None = None
    """Once it is stored."""
    started: TurnStarted | None = None
    parts: PartsState | None = None
    """How far its documents are read; None: they are not read in parts."""
    notices: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    num_known: int = 0
    """So many characters are still to come of what the reply begins with, which is shown already."""
    prompt_tokens: int = 0
    phase: Phase = "waiting"

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def conversation_id(self) -> str | None:
        """None or empty while the turn that begins a conversation is not kept yet."""
        return self.question.conversation_id if self.question else self.plan.conversation_id

    @property
    def reply_id(self) -> str:
        """Empty while there is none in the store."""
        return self.started.reply.id if self.started else ""

    @property
    def is_kept(self) -> bool:
        """Whether the store has, or has refused, the question."""
        return self.question is not None

    @property
    def asks(self) -> bool:
        """Whether it has a question of its own, not one that is stored."""
        return self.plan.kind in {"ask", "edit"}

    def new_question_view(self) -> QuestionView:
        draft = self.plan.draft
        attached = [document.name for document in draft.documents]
        self.question_view = QuestionView(draft.text, attached=attached)
        return self.question_view

    def new_view(self) -> ReplyView:
        """Return a view of the reply so far, in which it grows from here on."""
        self.view = ReplyView(self.text, notices=self.notices, message_id=self.reply_id, is_growing=True)
        if self.parts:
            self.view.add_extra(PartsLine(self.parts))
        return self.view

    @property
    def is_shown(self) -> bool:
        return self.view is not None and self.view.is_attached

    def keep(self, question: MessageNode) -> None:
        """The store has the question; its reply begins later."""
        self.question = question
        if question.id:
            self.place = Place(question.conversation_id, question.id)
        self.name_views(question.id, "")

    def read_on(self, growth: PartsGrowth) -> PartsState:
        """Show how far its documents are read."""
        self.parts = self.parts or PartsState()
        self.parts.add(growth)
        if self.view:
            shown = self.view.query(PartsLine)
            if shown:
                shown.first().show(self.parts)
            else:
                self.view.add_extra(PartsLine(self.parts))
        return self.parts

    async def begin(self, started: TurnStarted) -> None:
        """Take the ids of what the store has, and show what the reply begins with."""
        self.started, self.question = started, started.question
        self.place = self.place.after(started.reply)
        known = started.reply.message.content
        self.texts, self.num_known = [known], len(known)
        self.name_views(started.question.id, started.reply.id)
        if self.view and known and not self.plan.beginning:
            await self.view.grow(known)

    def name_views(self, question_id: str, reply_id: str) -> None:
        if self.view:
            self.view.message_id = reply_id
        if self.question_view:
            self.question_view.message_id = question_id

    def leave(self) -> None:
        """Another conversation is shown."""
        self.view = self.question_view = None

    def say(self, notice: str) -> None:
        """Tell something about the turn, above its reply."""
        self.notices.append(notice)
        if self.view:
            self.view.show_notices(self.notices)

    async def grow(self, text: str) -> None:
        num_known = min(self.num_known, len(text))
        self.num_known -= num_known
        self.texts.append(text[num_known:])
        if self.view and self.texts[-1]:
            await self.view.grow(self.texts[-1])

    async def end(self, text: str, note: str) -> None:
        if self.view:
            await self.view.end(text, note)
