"""A turn of a conversation, from the question to the kept reply. Knows no front end and no prompt file."""

from chatterm.session.chat import ChatSession
from chatterm.session.events import NotSaved, SessionEvent, TurnFinished, TurnRequest, TurnStarted
from chatterm.session.history import FittedHistory, fit_history, prompt_limit

__all__ = [
    "ChatSession",
    "FittedHistory",
    "NotSaved",
    "SessionEvent",
    "TurnFinished",
    "TurnRequest",
    "TurnStarted",
    "fit_history",
    "prompt_limit",
]
