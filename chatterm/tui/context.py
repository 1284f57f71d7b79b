"""How much of the context a question would take, and what would not fit. Blocking: for a thread."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatterm.conversation import Message, MessageNode, system_in_force
from chatterm.engine.base import Engine, TokenCount
from chatterm.errors import DoesNotFit
from chatterm.session import ChatSession, TurnRequest, prompt_limit, with_history
from chatterm.store import ConversationStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextUse:
    """What a question would take with all that it follows. In tokens."""

    asked: int
    """The question alone, with its documents and the system message."""
    whole: int
    """With the conversation so far."""
    limit: int
    """At most so many may be sent: the context less room for the reply."""
    context_length: int
    is_exact: bool

    @property
    def fits(self) -> bool:
        return self.whole <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """A question that does not fit together with all that it follows."""

    use: ContextUse
    dropped: tuple[str, ...] = ()
    """What the oldest turns asked that would have to be left out; empty where that does not help."""
    longer: int | None = None
    """A context length that the model can have and that suffices; None: there is none."""
    error: DoesNotFit | None = None
    """Set where the question alone is too long; `use` then knows of no more than that."""


def use_of(engine: Engine, store: ConversationStore, request: TurnRequest, leaf_id: str | None) -> ContextUse:
    """Count what `request`, which may have no messages, would take below `leaf_id`. Raises ChattermError."""
    history = [node.message for node in store.path_to(leaf_id)] if leaf_id else []
    nothing = TokenCount(0, is_exact=True)
    alone = engine.count(system_in_force(request.messages)) if request.messages else nothing
    whole = engine.count(with_history(history, request.messages)) if history else alone
    begun = engine.count([Message("user", request.prefill)]).tokens if request.prefill else 0
    length = engine.describe().context_length
    return ContextUse(
        asked=alone.tokens,
        whole=whole.tokens,
        limit=prompt_limit(length, request.sampling.max_tokens) - begun,
        context_length=length,
        is_exact=whole.is_exact,
    )


def overflow_of(
    engine: Engine, store: ConversationStore, request: TurnRequest, parent_id: str | None
) -> Overflow | None:
    """Return what does not fit where `request` is asked below a message; None: all fits.

    Raises ChattermError.
    """
    try:
        fitted = ChatSession(engine, store).fit(request, parent_id)
    except DoesNotFit as error:
        length = engine.describe().context_length
        use = ContextUse(
            asked=error.num_tokens,
            whole=error.num_tokens,
            limit=error.limit,
            context_length=length,
            is_exact=True,
        )
        return Overflow(use=use, longer=_longer(engine, use, request.sampling.max_tokens), error=error)
    if not fitted.num_dropped_turns:
        return None
    nodes = store.path_to(parent_id) if parent_id else ()
    use = use_of(engine, store, request, parent_id)
    return Overflow(
        use=use,
        dropped=tuple(_typed(store, nodes, [one.content for one in fitted.dropped_questions])),
        longer=_longer(engine, use, request.sampling.max_tokens),
    )


def longer_for(engine: Engine, request: TurnRequest, texts: Sequence[str]) -> int | None:
    """Return a context length that the model can have and that may hold documents; None: there is none.

    Looks at no more of long documents than the longest context would hold. Raises ChattermError.
    """
    from chatterm.tasks.reading.budget import surely_over  # opening the app does without

    card = engine.describe()
    longest = card.longest_context
    if longest is None or longest <= card.context_length:
        return None
    is_over = surely_over(engine, texts, prompt_limit(longest, request.sampling.max_tokens))
    return None if is_over else longest


def _longer(engine: Engine, use: ContextUse, max_tokens: int) -> int | None:
    """Return the next of the usual lengths that holds everything, at most what the model was trained for."""
    longest = engine.describe().longest_context
    if longest is None or longest <= use.context_length:
        return None
    length = use.context_length
    while length < longest:
        length = min(2 * length, longest)
        if use.whole <= prompt_limit(length, max_tokens):
            return length
    return None


def _typed(store: ConversationStore, nodes: Sequence[MessageNode], contents: Sequence[str]) -> Iterator[str]:
    """Yield, for each of the questions that have these contents, in their order, what was typed."""
    asked = store.asked(nodes[0].conversation_id) if nodes else {}
    wanted = list(contents)
    for node in nodes:
        if wanted and node.message.role == "user" and node.message.content == wanted[0]:
            known = asked.get(node.id)
            typed = node.message.content if known is None or known.text is None else known.text
            names = [one.name for one in known.attachments] if known else []
            yield typed.strip() or ", ".join(names)
            wanted.pop(0)
