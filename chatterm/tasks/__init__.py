"""What both front ends call: a question, shaped by a prompt for the model at hand. Knows no screen."""

from chatterm.tasks.question import Composed, Question, choose_prompt, compose, sampling_params

__all__ = ["Composed", "Question", "choose_prompt", "compose", "sampling_params"]
