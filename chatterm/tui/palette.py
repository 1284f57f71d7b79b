"""What the command palette offers: every action that keys do on the chat screen, and those without a key."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from textual.dom import DOMNode

from chatterm.tui.key_map import ANYWHERE, actions
from chatterm.tui.screens.conversations import ConversationsScreen

Command = tuple[str, str, Callable[[], Awaitable[None]]]
"""Name, what is told of it, and what it does."""

_WITHOUT_KEY = (
    ("Rename this conversation", "rename"),
    ("Delete this conversation", "delete_conversation"),
    ("Export this conversation", "export"),
    ("Import conversations", "import_file"),
)
"""Actions of the screen."""

_OWN = frozenset({"command_palette", "interrupt"})
"""Not offered: what opened the palette, and what its keys alone can mean."""


def palette_commands(screen: ConversationsScreen) -> Iterator[Command]:
    """Yield them; an action of a widget only while the screen has one."""
    for name, action in _WITHOUT_KEY:
        yield name, "", partial(_run, screen, action)
    for one in actions(screen.keymap):
        target = _target(screen, one.owner)
        if target is not None and one.name not in _OWN:
            name = one.meaning if one.area == ANYWHERE else f"{one.area}: {one.meaning}"
            yield name, one.shown_keys, partial(_run, target, one.name)


def _target(screen: ConversationsScreen, owner: str) -> DOMNode | None:
    """Return who does what a class's binding says."""
    for node in (screen.app, screen):
        if owner in {kind.__name__ for kind in type(node).__mro__}:
            return node
    found = screen.query(owner)
    return found.first() if found else None


async def _run(target: DOMNode, action: str) -> None:
    await target.run_action(action)  # type: ignore[attr-defined]  # every node of the screen has it
