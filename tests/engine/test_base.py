"""The values that cross the seam refuse what makes no sense, and say what it is."""

from collections.abc import Callable

import pytest

from chatterm.engine.base import MAX_CONSTRAINT_BYTES, Choices, Constraint, JsonSchema, Regex
from chatterm.errors import UsageError

_DEEP = '{"not":' * 100_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JsonSchema(""), "not JSON"),
        (lambda: JsonSchema("{'type': 'object'}"), "line 1 column 2"),
        (lambda: JsonSchema("[]"), "found list"),
        (lambda: JsonSchema('"string"'), "found str"),
        (lambda: JsonSchema(_DEEP), "nested too deeply"),
        (lambda: JsonSchema('{"maximum":' + "9" * 5000 + "}"), "not JSON"),
        (lambda: JsonSchema('{"const": "\ud800"}'), "surrogate"),
        (lambda: JsonSchema('{"const": "' + "x" * MAX_CONSTRAINT_BYTES + '"}'), "at most 1,048,576"),
        (lambda: Regex(""), "empty"),
        (lambda: Regex("\udfff"), "surrogate"),
        (lambda: Regex("x" * MAX_CONSTRAINT_BYTES + "x"), "at most 1,048,576"),
        (lambda: Choices(()), "at least one"),
        (lambda: Choices(("a", "")), "must not be empty"),
        (lambda: Choices(("a", "b", "a")), "'a' stands there twice"),
        (lambda: Choices(("x" * 1000,) * 2), r"^the choice 'x{80}' stands"),
        (lambda: Choices(tuple(f"{n}{'x' * 1000}" for n in range(1100))), "at most 1,048,576"),
        (lambda: Choices(("\ud800",)), "surrogate"),
    ],
)
def test_what_can_be_no_constraint_is_refused(make: Callable[[], Constraint], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def test_constraints_are_values() -> None:
    assert JsonSchema('{"type": "null"}') == JsonSchema('{"type": "null"}')
    assert len({Regex("a"), Regex("a"), Choices(("a",)), Choices(("a",))}) == 2
