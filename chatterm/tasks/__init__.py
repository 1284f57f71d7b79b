"""What both front ends call: a question, shaped by a prompt for the model at hand. Knows no screen."""

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
