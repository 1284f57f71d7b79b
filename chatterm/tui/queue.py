"""TurnQueue: questions asked while a reply is being written, in their order. Knows no widget."""

from dataclasses import dataclass, field, replace

from chatterm.engine.base import CancelToken
from chatterm.tui.live_turn import LiveTurn
from chatterm.tui.turns import Place, TurnPlan


@dataclass(slots=True, eq=False)
class Queued:
    """A turn that waits for others to end."""

    plan: TurnPlan
    behind: "LiveTurn | Queued | None" = None
    """What it follows in its conversation; None: it goes where its plan says."""
    turn: LiveTurn | None = None
    """Once it runs."""

    @property
    def place(self) -> Place:
        """Where the question after it goes, as far as is known."""
        return self.turn.place if self.turn else self.own_place

    @property
    def own_place(self) -> Place:
        """Where it goes itself."""
        if self.behind is not None and self.plan.kind == "ask":
            return self.behind.place
        return Place(self.plan.conversation_id, self.plan.parent_id)

    @property
    def conversation_id(self) -> str | None:
        return self.own_place.conversation_id

    def begin(self) -> LiveTurn:
        """Return the turn that is to run."""
        place = self.own_place
        plan = replace(
            self.plan,
            conversation_id=place.conversation_id,
            parent_id=place.leaf_id,
            cancel=CancelToken(),
        )
        self.turn, self.behind = LiveTurn(plan, place, texts=[plan.beginning]), None
        return self.turn


@dataclass(slots=True)
class TurnQueue:
    """Changed by the pane's handlers only."""

    waiting: list[Queued] = field(default_factory=list)

    def add(self, queued: Queued) -> None:
        self.waiting.append(queued)

    def take_first(self) -> Queued | None:
        return self.waiting.pop(0) if self.waiting else None

    def take_back(self, queued: Queued) -> None:
        """Take one out; what stood behind it moves up."""
        self.waiting.remove(queued)
        for other in self.waiting:
            if other.behind is queued:
                other.behind = queued.behind
                other.plan = replace(
                    other.plan,
                    conversation_id=queued.plan.conversation_id,
                    parent_id=queued.plan.parent_id,
                )

    def of(self, conversation_id: str | None) -> list[Queued]:
        return [one for one in self.waiting if one.conversation_id == conversation_id]
