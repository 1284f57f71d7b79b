"""DraftKeeper: what is typed reaches the store within a quarter of a second, and comes back from there."""

import logging
import threading
import time
from collections.abc import Mapping

from chatterm.conversation import Document
from chatterm.engine.option_names import SAMPLING_OPTIONS
from chatterm.errors import StoreError
from chatterm.store import ConversationStore, StoredDraft
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import Post
from chatterm.tui.events import NoticeGiven

logger = logging.getLogger(__name__)

DELAY_S = 0.1
"""So long changes are gathered before they are written."""

_BLANK = Draft(text="")


class DraftKeeper:
    """Writes drafts in a daemon thread, the newest of each conversation. Any thread may call its methods."""

    def __init__(self, store: ConversationStore, post: Post) -> None:
        """A NoticeGiven is posted where the store begins to fail."""
        self._store = store
        self._post = post
        self._latest: dict[str | None, Draft] = {}
        """Of this session, also where the store takes none."""
        self._changed: dict[str | None, Draft] = {}
        self._kept: dict[str | None, tuple[Document, ...]] = {}
        """The documents that the store has, which need not be written again."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._is_failing = False
        self._thread: threading.Thread | None = None

    def keep(self, conversation_id: str | None, draft: Draft) -> None:
        """Let `draft` be written soon; None is the conversation that has not begun."""
        with self._lock:
            if self._latest.get(conversation_id) == draft:
                return
            self._latest[conversation_id] = draft
            if self._store.is_read_only:
                return
            self._changed[conversation_id] = draft
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        self._wake.set()

    def take(self, conversation_id: str | None) -> Draft:
        """Return what was typed for a conversation and not sent. Blocking. Raises StoreError."""
        with self._lock:
            latest = self._latest.get(conversation_id, _BLANK)
        if not latest.is_blank:
            return latest
        self.flush()
        stored = self._store.take_draft(conversation_id)
        if stored is None:
            return _BLANK
        draft = _from_stored(stored)
        with self._lock:
            self._latest[conversation_id] = draft
            self._kept[conversation_id] = stored.documents
        return draft

    def flush(self) -> None:
        """Write what is not written yet. Blocking."""
        with self._lock:
            changed, self._changed = self._changed, {}
            for conversation_id, draft in changed.items():
                self._write(conversation_id, draft)

    def _run(self) -> None:
        while self._wake.wait():
            time.sleep(DELAY_S)
            self._wake.clear()
            self.flush()

    def _write(self, conversation_id: str | None, draft: Draft) -> None:
        is_same = self._kept.get(conversation_id, ()) == draft.documents
        try:
            self._store.keep_draft(conversation_id, _to_stored(draft), has_same_documents=is_same)
        except StoreError as error:
            if not self._is_failing:
                logger.warning("a draft could not be kept: %s", type(error).__name__)
                self._post(NoticeGiven(f"what you type is not kept until it is sent: {error}"))
            self._is_failing = True
        else:
            self._is_failing = False
            self._kept[conversation_id] = draft.documents


def _to_stored(draft: Draft) -> StoredDraft:
    details = {
        "prompt_id": draft.prompt_id,
        "values": dict(draft.values),
        "system": draft.system,
        "settings": dict(draft.settings),
    }
    return StoredDraft(
        text=draft.text,
        documents=draft.documents,
        details={name: value for name, value in details.items() if value},
    )


def _from_stored(stored: StoredDraft) -> Draft:
    """What is stored may be of another version, or damaged: what does not fit is left out."""
    details = stored.details
    prompt_id, system = details.get("prompt_id"), details.get("system")
    return Draft(
        text=stored.text,
        documents=stored.documents,
        prompt_id=prompt_id if isinstance(prompt_id, str) else None,
        values={name: str(value) for name, value in _mapping(details.get("values")).items()},
        system=system if isinstance(system, str) else "",
        settings={
            name: value
            for name, value in _mapping(details.get("settings")).items()
            if name in SAMPLING_OPTIONS
        },
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
