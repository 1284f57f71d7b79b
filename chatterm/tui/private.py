"""The private side of the app: a chat of its own whose conversations are written nowhere."""

from dataclasses import replace

from chatterm.session import CalibrationCache
from chatterm.store import ConversationStore
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.parts import AppParts
from chatterm.tui.screens.chat import ChatScreen


def private_screen(parts: AppParts, slot: EngineSlot) -> ChatScreen:
    """Return a chat with the engine of `slot` and a store in memory, which the caller closes."""
    private = replace(
        parts,
        store=ConversationStore.in_memory(),
        calibrations=CalibrationCache(),
        is_private=True,
        conversation_id=None,
        draft=None,
    )
    return ChatScreen(private, slot)
