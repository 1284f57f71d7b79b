"""ReplyWriter: keeps a growing reply in the store, so that a kill costs at most its last moment."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from chatterm.conversation import FinishReason, Message, MessageNode, Status, Usage
from chatterm.errors import StoreError
from chatterm.store.conversations import ConversationStore
from chatterm.store.records import LogProbabilities, ReplyRecord

INTERVAL_S = 0.2
"""Text waits no longer than this to be stored, in seconds. 250 ms are promised."""

NUM_TOKENS = 20
"""So many tokens never wait: half as many are stored in the background, this many hold up the stream."""

RETRY_S = 2.0
"""After a failure the store is tried again this often, in seconds."""

_LINGER_S = 1.0


class ReplyWriter:
    """Writes one reply: `begin`, `add` as the text comes, `finish` when it is over, whatever ended it.

    A thread stores what waits, so that the stream does not stand still for the disk (a commit that survives
    power loss takes milliseconds), and that text is stored also while an engine stalls. It ends when nothing
    came for a second, and begins again. A store that fails (a full disk, say) stops nothing: the text is kept
    here, `error` says why, and the thread and `finish` try again.
    """

    def __init__(
        self,
        store: ConversationStore,
        node: MessageNode,
        *,
        interval_s: float = INTERVAL_S,
        num_tokens: int = NUM_TOKENS,
        retry_s: float = RETRY_S,
    ) -> None:
        """Write `node`, which `store` began in this process."""
        self.node = node
        """The reply as it began."""
        self.error: StoreError | None = None
        """Why what was said so far is not all stored; None again as soon as it is."""
        self._store = store
        self._interval_s = interval_s
        self._num_tokens = num_tokens
        self._retry_s = retry_s
        self._text = node.message.content
        self._token_ids: list[int] = []
        self._log_probabilities: list[LogProbabilities] = []
        self._num_waiting = 0
        self._is_finished = False
        self._keeper: threading.Thread | None = None
        self._changed = threading.Condition()  # guards all of the above; never held while the store works

    @classmethod
    def begin(
        cls, store: ConversationStore, parent: MessageNode, record: ReplyRecord, content: str = ""
    ) -> "ReplyWriter":
        """Begin a reply below `parent` that starts with `content`. Raises StoreError."""
        return cls(store, store.begin_reply(parent, record, content))

    @property
    def text(self) -> str:
        """All that was said."""
        with self._changed:
            return self._text

    def add(
        self,
        text: str,
        token_ids: Sequence[int] = (),
        log_probabilities: Sequence[LogProbabilities] = (),
    ) -> None:
        """Add what came. An engine that tells no token ids counts as one token a call.

        Waits for the store only while it is 20 tokens behind and has not failed.
        """
        with self._changed:
            assert not self._is_finished, "the reply is finished"
            self._text += text
            self._token_ids += token_ids
            self._log_probabilities += log_probabilities
            self._num_waiting += max(1, len(token_ids))
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="reply-keeper", daemon=True)
                self._keeper.start()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._num_waiting < self._num_tokens or self.error)

    def finish(
        self, status: Status, finish_reason: FinishReason | None = None, usage: Usage | None = None
    ) -> MessageNode:
        """Store the whole reply and return it; `error` says whether that failed. May then be called again."""
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()
            text, token_ids = self._text, tuple(self._token_ids)
            log_probabilities = tuple(self._log_probabilities)
        try:
            node = self._store.finish_reply(
                self.node.id,
                text,
                status=status,
                finish_reason=finish_reason,
                usage=usage,
                token_ids=token_ids,
                log_probabilities=log_probabilities or None,
            )
        except StoreError as error:
            self.error = error
            return replace(self.node, message=Message("assistant", text), status=status)
        self.error = None
        return node

    def _keep(self) -> None:
        """Store what waits, until nothing comes any more. Runs in a thread of its own."""
        while batch := self._next_batch():
            text, num_tokens = batch
            error = self._failure_to_store(text)
            with self._changed:
                if not self._is_finished:  # else `finish` has the last word on what is stored
                    self.error = error
                    self._num_waiting -= 0 if error else num_tokens
                self._changed.notify_all()

    def _next_batch(self) -> tuple[str, int] | None:
        """Wait until it is time to store; return the text so far and how many tokens of it wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._num_waiting or self._is_finished, _LINGER_S)
            if self._num_waiting and not self._is_finished:
                self._changed.wait_for(self._is_due, self._retry_s if self.error else self._interval_s)
            if self._num_waiting and not self._is_finished:
                return self._text, self._num_waiting
            self._keeper = None
            return None

    def _is_due(self) -> bool:
        return self._is_finished or (not self.error and 2 * self._num_waiting >= self._num_tokens)

    def _failure_to_store(self, text: str) -> StoreError | None:
        try:
            self._store.checkpoint(self.node.id, text)
        except StoreError as error:
            return error
        return None
