"""What parts gave is kept as it comes, so that the same task again reads only what is left.

A task is the same where everything is that shapes a part's reply. Then a question that got no answer is
answered in its own conversation, and a question asked anew takes the parts over from the one before.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass

from chatterm.conversation import Document, MessageNode, ModelCard
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import SamplingParams
from chatterm.errors import StoreError
from chatterm.session import NotSaved, TurnRequest
from chatterm.session.record import not_stored
from chatterm.store import ConversationStore
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import Question

_FORM = 1
"""To be raised whenever a part's reply comes to mean something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A question that is going to be answered from parts."""

    question: MessageNode
    """Its id is empty where the store refused it; then `reply_to` tries again, at its place."""
    not_saved: NotSaved | None = None


def task_key(
    question: Question,
    parts: Sequence[Chunk],
    *,
    sampling: SamplingParams,
    card: ModelCard,
    has_seed: bool,
) -> str:
    """Return a hash over all that shapes what the model says of each of `parts`, in hex.

    `question` is what the parts are asked, `sampling` how. The seed counts where it was given and matters.
    What counts of the documents is the parts themselves, names and lines included: another way of cutting
    them makes another task.
    """
    settings = asdict(sampling)
    if sampling.temperature == 0 or not has_seed:
        del settings["seed"]
    whole = {
        "form": _FORM,
        "parts": [astuple(part) for part in parts],
        "prompt": (question.prompt.id, question.prompt.header.version, question.prompt.sha256),
        "values": dict(question.values),
        "words": question.text,
        "lang": question.lang,
        "system": (question.system, question.is_prompt_chosen, question.continues),
        "wish": asdict(question.wish),
        "sampling": settings,
        "model": (card.identity, card.engine, card.context_length),
    }
    text = json.dumps(whole, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def round_key(task: str, digests: Iterable[Document]) -> str:
    """Return the key of a later step of a task, which reads what the parts gave."""
    texts = [task, *(one.text for one in digests)]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


class Kept:
    """Keeps what the parts of one answer give. A store that fails is told of once, and the task goes on."""

    def __init__(self, store: ConversationStore, conversation_id: str, *, reads_anew: bool = False) -> None:
        """Of no conversation (an empty id) nothing is kept; `reads_anew`: nothing is known from before."""
        self._store = store
        self._conversation_id = conversation_id
        self._reads_anew = reads_anew
        self._is_failing = False

    def known(self, task: str) -> dict[int, str]:
        """Return what parts gave in an earlier run, by position, whatever conversation that was in."""
        if self._reads_anew:
            return {}
        try:
            return self._store.partials(task)
        except StoreError:  # then they are read again; a store that still fails is told of as they are kept
            return {}

    def keep(self, task: str, position: int, content: str) -> NotSaved | None:
        """Keep what a part gave; return why that failed, where it is news. It is tried for every part."""
        if not self._conversation_id:
            return None
        try:
            self._store.keep_partial(self._conversation_id, task, position, content)
        except StoreError as error:
            is_news, self._is_failing = not self._is_failing, True
            return NotSaved(error) if is_news else None
        return None


def begin(means: Means, request: TurnRequest, target: Target, task: str, num_parts: int) -> Begun:
    """Return the question that a task answers: the one that waits for it, else one that is stored here.

    Raises UnknownName for a target that is not there.
    """
    question = unanswered(means.store, task, target)
    place = (target.conversation_id, target.parent_id)
    if target.kind == "edit":
        request, place = means.session.beside(request, target.message_id)
    try:
        question = question or means.session.keep_question(
            request, conversation_id=place[0], parent_id=place[1]
        )
        means.store.begin_task(task, question, {**_how(request), "parts": num_parts})
    except StoreError as error:
        return Begun(
            question=question or not_stored(request.question, *place),
            not_saved=NotSaved(error),
        )
    return Begun(question=question)


def unanswered(store: ConversationStore, task: str, target: Target) -> MessageNode | None:
    """Return the question that a turn at `target` would ask again: of this task, and without an answer.

    A reply that was stopped or failed is none. Raises UnknownName for a target that is not there.
    """
    if target.kind == "regenerate":
        return store.node(target.message_id)
    nodes = map(store.node, store.task_questions(task))
    return next((one for one in nodes if _is_meant(store, one, target) and not _has_answer(store, one)), None)


def _is_meant(store: ConversationStore, question: MessageNode, target: Target) -> bool:
    above = _said(store, question.parent_id)
    if target.kind == "edit":
        old = store.node(target.message_id)
        return (question.conversation_id, above) == (old.conversation_id, _said(store, old.parent_id))
    if target.conversation_id is None:
        return above is None
    if question.conversation_id != target.conversation_id:
        return False
    return question.id == target.parent_id or above == _said(store, target.parent_id)


def _said(store: ConversationStore, message_id: str | None) -> str | None:
    """Return the message itself, or the nearest above it that is no system message."""
    while message_id and (node := store.node(message_id)).message.role == "system":
        message_id = node.parent_id
    return message_id


def _has_answer(store: ConversationStore, question: MessageNode) -> bool:
    """Return whether the conversation went on: what is being written counts, by whatever process."""
    return any(node.status in ("complete", "streaming") for node in store.children(question.id))


def _how(request: TurnRequest) -> dict[str, object]:
    """Return what a reply would say of how the question was asked, as long as there is none."""
    prompt = request.prompt
    return {"prompt": prompt.id, "values": dict(prompt.values)} if prompt else {}
