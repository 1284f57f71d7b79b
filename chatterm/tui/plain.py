"""The screen-reader mode: the same conversations as plain labelled lines.

Nothing is drawn twice and nothing moves: each line says who speaks, and a reply is told in whole lines
or sentences.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TextIO

from chatterm.errors import ChattermError
from chatterm.tui.drafts import Draft
from chatterm.tui.foreign import one_line, title_line
from chatterm.tui.parts import AppParts
from chatterm.tui.plain_reply import PlainVoice
from chatterm.tui.plain_signals import Leave, leaving_on_signals
from chatterm.tui.plain_turns import PlainTurns
from chatterm.tui.sources import basis_of, cited_of, claims_of
from chatterm.tui.turns import Place, TurnPlan

HELP = (
    "Write a question and press Enter.",
    "/new begins a conversation. /list tells the last ones. /open ID goes on with one.",
    "/search WORDS finds them in all conversations. /help says this. /quit leaves.",
    "/sources tells the lines that the last reply rests on. /again asks the last question again, or goes on.",
    "Ctrl+C stops a reply; while nothing is written, Ctrl+C leaves. Control+D leaves too.",
)
_LISTED = 10
_TITLE_CHARS = 80
ReadLine = Callable[[str], str]
"""Asks for a line with a prompt. Raises EOFError at the end, KeyboardInterrupt for Ctrl+C."""


class PlainChat:
    """One session. The main thread reads and writes lines."""

    def __init__(self, parts: AppParts, read_line: ReadLine, out: TextIO) -> None:
        self._parts = parts
        self._read_line = read_line
        self._out = out
        self._voice = PlainVoice(out)
        self._turns = PlainTurns(parts, self._voice)
        self._pending = parts.draft or Draft(text="")
        """What goes along with the next question."""

    def run(self) -> None:
        """Go on until the user leaves."""
        self._voice.notice("chatterm, plain lines. /help says what can be done.")
        self._turns.slot.open()
        if self._parts.conversation_id:
            self._told(self._open, self._parts.conversation_id)
        for document in self._pending.documents:
            self._voice.notice(f"{one_line(document.name)} goes along with the next question")
        try:
            while (line := self._next_line()) is not None:
                if not self._obey(line):
                    break
        finally:
            self._turns.slot.close()

    def _next_line(self) -> str | None:
        """None where the user leaves."""
        try:
            return self._read_line("You: ")
        except (EOFError, KeyboardInterrupt):
            self._out.write("\n")
            return None

    def _obey(self, line: str) -> bool:
        """Do what a line says; False to leave."""
        text = line.strip()
        name, _, rest = text.partition(" ")
        match name:
            case "/quit" | "/exit":
                return False
            case "/help":
                self._voice.notice(*HELP)
            case "/new":
                self._turns.place = Place()
                self._voice.notice("a new conversation")
            case "/list":
                self._told(self._list)
            case "/open":
                self._told(self._open, rest)
            case "/search":
                self._told(self._search, rest)
            case "/sources":
                self._told(self._tell_sources)
            case "/again":
                self._told(self._ask_again)
            case _ if text.startswith("/") and not text.startswith("//"):
                self._voice.notice(f"there is no command {name}; /help tells those there are")
            case _ if text or self._pending.documents:
                self._ask(text[1:] if text.startswith("//") else text)
        return True

    def _ask(self, text: str) -> None:
        draft, self._pending = replace(self._pending, text=text), Draft(text="")
        place = self._turns.place
        self._turns.run(TurnPlan(draft=draft, conversation_id=place.conversation_id, parent_id=place.leaf_id))

    def _ask_again(self) -> None:
        """Go on with a question that has no reply, or ask the last one again."""
        store, leaf_id = self._parts.store, self._turns.place.leaf_id
        path = store.path_to(leaf_id) if leaf_id else ()
        question = next((node for node in reversed(path) if node.message.role == "user"), None)
        if question is None:
            self._voice.notice("there is no question to ask again")
            return
        self._turns.run(
            TurnPlan(
                draft=Draft(text=question.message.content),
                conversation_id=question.conversation_id,
                parent_id=question.parent_id,
                kind="regenerate",
                target_id=question.id,
            )
        )

    def _tell_sources(self) -> None:
        """Tell each statement of the last reply with its lines."""
        store, reply_id, checked = self._parts.store, self._turns.place.leaf_id, self._turns.checked
        if not reply_id or store.node(reply_id).message.role != "assistant":
            self._voice.notice("there is no reply here yet that could rest on anything")
            return
        is_of_it = checked and checked.reply_id == reply_id
        cited = cited_of(store, reply_id, checked if is_of_it else None, self._parts.prompts)
        basis, has_any = basis_of(cited), False
        for claim in claims_of(cited):
            has_any = True
            places = "; ".join(basis.where(one, self._parts.lang) for one in claim.places[:3])
            self._voice.say("Source", f"{places or 'no source'}: {one_line(claim.text)}")
        if not has_any:
            self._voice.notice("no document goes with this reply, so it has no sources")

    def _told(self, function: Callable[..., None], *args: str) -> None:
        try:
            function(*args)
        except ChattermError as error:
            self._voice.notice(str(error))

    def _open(self, prefix: str) -> None:
        store = self._parts.store
        conversation_id = store.resolve(prefix)
        nodes = store.path(conversation_id)
        self._turns.place = Place(conversation_id, nodes[-1].id if nodes else None)
        self._voice.notice(f"conversation: {title_line(store.summary(conversation_id).title)}")
        for node in nodes:
            if node.message.role != "system":
                self._voice.say("You" if node.message.role == "user" else "Assistant", node.message.content)

    def _list(self) -> None:
        for one in self._parts.store.conversations(limit=_LISTED):
            self._voice.say("Conversation", f"{one.id[:8]} {title_line(one.title)}")

    def _search(self, words: str) -> None:
        hits = self._parts.store.search(words, limit=_LISTED)
        for hit in hits:
            snippet = "".join(part.text for part in hit.snippet)
            title = title_line(hit.title, _TITLE_CHARS)
            self._voice.say("Found", f"{hit.conversation_id[:8]} {title}: {one_line(snippet)}")
        if not hits:
            self._voice.notice("nothing found")


def run_plain(parts: AppParts, out: TextIO, read_line: ReadLine = input) -> int:
    """Chat in plain lines until the user leaves, and return the exit code. Only for the main thread."""
    try:
        with leaving_on_signals():
            PlainChat(parts, read_line, out).run()
    except Leave as leaving:
        return leaving.exit_code
    return 0
