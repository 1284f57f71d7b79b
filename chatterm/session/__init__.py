"""A turn of a conversation, from the question to the kept reply. Knows no front end and no prompt file."""

from chatterm.session.calibration import CalibrationCache
from chatterm.session.chat import ChatSession
from chatterm.session.events import NotSaved, SessionEvent, TurnFinished, TurnRequest, TurnStarted
from chatterm.session.history import FittedHistory, fit_history, prompt_limit, with_history
from chatterm.session.scoring import LabelScore, Scored, Scoring

__all__ = [
    "CalibrationCache",
    "ChatSession",
    "FittedHistory",
    "LabelScore",
    "NotSaved",
    "Scored",
    "Scoring",
    "SessionEvent",
    "TurnFinished",
    "TurnRequest",
    "TurnStarted",
    "fit_history",
    "prompt_limit",
    "with_history",
]
