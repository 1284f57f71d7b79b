"""LibraryScreen: the prompts by domain, searched and looked at, and the form that fills one in.

The library is read in daemon threads; what they read comes as UI events. Prompt files are foreign text.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static, Tree
from textual.widgets.tree import TreeNode

from chatterm.conversation import ModelCard
from chatterm.errors import ChattermError
from chatterm.prompts import PromptEntry, PromptLibrary, PromptTemplate
from chatterm.sanitize import sanitize
from chatterm.tui.drafts import Draft
from chatterm.tui.foreign import one_line
from chatterm.tui.prompt_details import detail_lines, found, title_of
from chatterm.tui.prompt_filling import Chosen
from chatterm.tui.screens.dialogs import LineInput
from chatterm.tui.screens.prompt_form import PromptForm

_SETTLE_S = 0.1
"""So long the highlight must rest on a prompt before its file is read."""
_ELSEWHERE = "(others)"
"""The domain of files that lie in none."""


class _Filter(LineInput):
    """Leaves the keys that move in the tree to the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.move(1)", "Next", show=False, id="library.next"),
        Binding("up", "screen.move(-1)", "Previous", show=False, id="library.previous"),
    ]


class PromptTree(Tree[PromptEntry]):
    """Domains, and the prompts in them."""

    def show(self, entries: Sequence[PromptEntry], lang: str, *, is_search: bool) -> None:
        """List `entries`; what a search found is open, and its best stands first."""
        self.clear()
        domains: dict[str, TreeNode[PromptEntry]] = {}
        for entry in entries:
            name = entry.id.partition("/")[0] if "/" in entry.id else _ELSEWHERE
            if name not in domains:
                domains[name] = self.root.add(Text(one_line(name), style="bold"), expand=is_search)
            domains[name].add_leaf(_label(entry, lang), data=entry)
        self.root.expand()
        if self.root.children:
            first = self.root.children[0]
            self.call_after_refresh(self._go_to, first.children[0] if is_search else first)

    def _go_to(self, node: TreeNode[PromptEntry]) -> None:
        """Move to `node`, unless another list has come meanwhile; told of also where the line is the same."""
        domain = node if node.data is None else node.parent
        if domain is not None and domain in self.root.children:
            self.move_cursor(node)
            self.post_message(self.NodeHighlighted(node))


def _label(entry: PromptEntry, lang: str) -> Text:
    mark = "✗ " if entry.header is None else "· " if entry.is_shadowed else ""
    return Text(mark + one_line(title_of(entry, lang), 80))


class LibraryScreen(ModalScreen[Chosen | None]):
    """Returns the prompt that was chosen with what its form holds; None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+l", "close", "Close", show=False, id="library.close"),
        Binding("tab", "app.focus_next", "Go to the tree", show=False, id="library.tree"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-wide")]  # noqa: RUF012  # Textual's own declaration
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012

    @dataclass
    class Listed(Message):
        """The folders were read."""

        entries: Sequence[PromptEntry]

    @dataclass
    class Loaded(Message):
        """A prompt's file was read."""

        prompt_id: str
        template: PromptTemplate | None
        error: str = ""
        is_wanted: bool = False
        """Its form is to be opened."""

    def __init__(
        self, library: PromptLibrary, draft: Draft, *, card: ModelCard | None, lang: str, name: str = ""
    ) -> None:
        """`draft` is what the composer holds. `name` opens that prompt's form at once."""
        super().__init__()
        self._library = library
        self._draft = draft
        self._card = card
        self._lang = lang
        self._name = name
        self._entries: Sequence[PromptEntry] = ()
        self._shown: PromptEntry | None = None
        self._settling: Timer | None = None
        self._filter = _Filter(placeholder="Search name, title, tag")
        self._tree = PromptTree("prompts", id="prompts")
        self._preview = Static(id="prompt-preview", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal(id="library", classes="dialog") as box:
            box.border_title = "Prompts"
            box.border_subtitle = "Enter uses it · Esc closes"
            with Vertical(id="library-list"):
                yield self._filter
                yield self._tree
            with VerticalScroll(id="library-preview", can_focus=True):
                yield self._preview

    def on_mount(self) -> None:
        self._tree.show_root = False
        self._tree.guide_depth = 2
        self._filter.focus()
        self._preview.update(Content("reading the library…"))
        threading.Thread(target=self._list, daemon=True).start()
        if self._name:
            self._read(self._name, is_wanted=True)

    def on_library_screen_listed(self, event: Listed) -> None:
        self._entries = event.entries
        self._search()
        if not event.entries:
            self._preview.update(Content("There are no prompts here."))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._search()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._tree.action_select_cursor()

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[PromptEntry]) -> None:
        entry = event.node.data
        self._shown = entry
        if entry is None:
            count = len(event.node.children)
            self._preview.update(Content(f"{event.node.label}: {count} prompts"))
            return
        self._show(entry, None, "")
        if self._settling:
            self._settling.stop()
        if entry.header is not None and not entry.is_shadowed:
            self._settling = self.set_timer(_SETTLE_S, lambda: self._read(entry.id))

    def on_tree_node_selected(self, event: Tree.NodeSelected[PromptEntry]) -> None:
        event.stop()
        entry = event.node.data
        if entry is None:
            return
        if entry.header is None or entry.is_shadowed:
            text = (
                "its file has errors" if entry.header is None else "another prompt of this name comes first"
            )
            self.notify(text, title="It cannot be used", markup=False, severity="error")
        else:
            self._read(entry.id, is_wanted=True)

    def on_library_screen_loaded(self, event: Loaded) -> None:
        if self._shown and self._shown.id == event.prompt_id:
            self._show(self._shown, event.template, event.error)
        if not event.is_wanted:
            return
        if event.template is None:
            self.notify(sanitize(event.error), title="It cannot be used", markup=False, severity="error")
        else:
            self.app.push_screen(PromptForm(event.template, self._draft, self._lang), self._filled)

    def action_move(self, step: int) -> None:
        """Move in the tree from the search line."""
        if step > 0:
            self._tree.action_cursor_down()
        else:
            self._tree.action_cursor_up()

    def action_close(self) -> None:
        self.dismiss(None)

    def _filled(self, chosen: Chosen | None) -> None:
        if chosen is not None:
            self.dismiss(chosen)

    def _search(self) -> None:
        query = self._filter.value
        self._tree.show(found(self._entries, query), self._lang, is_search=bool(query.strip()))

    def _show(self, entry: PromptEntry, template: PromptTemplate | None, error: str) -> None:
        parts: list[Content] = [Content.styled(one_line(title_of(entry, self._lang)), "bold")]
        parts += [Content(sanitize(text)) for text in self._paragraphs(entry, template, error)]
        self._preview.update(Content("\n\n").join(parts))
        self.query_one("#library-preview").scroll_home(animate=False)

    def _paragraphs(self, entry: PromptEntry, template: PromptTemplate | None, error: str) -> Iterator[str]:
        yield from filter(None, detail_lines(entry, template, self._card, self._lang))
        yield from map(str, entry.problems)
        if error:
            yield error

    def _read(self, name: str, *, is_wanted: bool = False) -> None:
        threading.Thread(target=self._load, args=(name, is_wanted), daemon=True).start()

    def _list(self) -> None:
        """Runs in a thread, as `_load` does; neither touches a widget."""
        self.post_message(self.Listed(self._library.entries()))

    def _load(self, name: str, is_wanted: bool) -> None:
        try:
            template = self._library.get(name)
        except ChattermError as error:
            self.post_message(self.Loaded(name, None, str(error), is_wanted))
        else:
            self.post_message(self.Loaded(template.id, template, is_wanted=is_wanted))
