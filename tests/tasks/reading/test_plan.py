"""What a prompt's `long:` may say, and what reading knows how to do."""

from typing import get_args

from chatterm.documents.units import Unit
from chatterm.prompts import plans
from chatterm.tasks.reading.steps import Strategy


def test_prompts_may_name_the_strategies_and_units_that_there_are() -> None:
    assert {*get_args(plans.Strategy)} == {"fits", *get_args(Strategy)}
    assert get_args(plans.Unit) == get_args(Unit)
