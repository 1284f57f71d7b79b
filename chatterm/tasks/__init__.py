"""What both front ends call: a question, shaped by a prompt for the model at hand. Knows no screen."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterm.tasks.check_plan import CheckPlan, Earlier
    from chatterm.tasks.checking import Checked, FieldMark, TaskEvent, checked
    from chatterm.tasks.earlier import earlier_in
    from chatterm.tasks.question import Composed, Question, choose_prompt, compose, sampling_params

__all__ = [
    "CheckPlan",
    "Checked",
    "Composed",
    "Earlier",
    "FieldMark",
    "Question",
    "TaskEvent",
    "checked",
    "choose_prompt",
    "compose",
    "earlier_in",
    "sampling_params",
]

_MODULES = {
    "CheckPlan": "check_plan",
    "Checked": "checking",
    "Composed": "question",
    "Earlier": "check_plan",
    "FieldMark": "checking",
    "Question": "question",
    "TaskEvent": "checking",
    "checked": "checking",
    "choose_prompt": "question",
    "compose": "question",
    "earlier_in": "earlier",
    "sampling_params": "question",
}
"""Where each name is. The app opens without any of them, which is a tenth of a second sooner."""


def __getattr__(name: str) -> object:
    """Import a module when a name of it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
