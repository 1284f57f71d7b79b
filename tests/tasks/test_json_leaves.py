"""The values of a reply in JSON, where they stand, also in one that was cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.tasks.json_leaves import Path, leaves
from chatterm.tasks.structured import MAX_DEPTH

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def expected(value: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Walk a value as `leaves` walks its text. Any: JSON values are of every type."""
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in expected(inner, (*path, key))]
    if isinstance(value, list):
        return [one for place, inner in enumerate(value) for one in expected(inner, (*path, place))]
    return [] if value is None or isinstance(value, bool) else [(path, str(value))]


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_every_text_and_number_is_found_with_its_path(value: Any, is_ascii: bool, indent: int | None) -> None:
    reply = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    found = list(leaves(reply))
    assert [(leaf.path, leaf.text) for leaf in found] == expected(value)
    for leaf in found:
        assert (reply[leaf.start : leaf.end] == leaf.text) == leaf.is_plain


@given(VALUES, st.data())
def test_a_reply_that_was_cut_keeps_the_values_before_the_cut(value: Any, data: st.DataObject) -> None:
    reply = json.dumps(value)
    cut = data.draw(st.integers(0, len(reply)))
    whole = [(leaf.path, leaf.text) for leaf in leaves(reply) if leaf.end < cut]
    assert [(leaf.path, leaf.text) for leaf in leaves(reply[:cut])][: len(whole)] == whole


@pytest.mark.parametrize("unit", ["[1,", '{"a": [1, '])
def test_a_reply_that_opens_for_ever_is_read_as_deep_as_an_answer_is(unit: str) -> None:
    found = list(leaves(unit * 50_000))
    assert 30 < len(found) <= MAX_DEPTH + 1
    assert max(len(leaf.path) for leaf in found) <= MAX_DEPTH + 1


@pytest.mark.parametrize(
    "reply", ['{"a": "half', '{"a": "half\\', '{"a": "', "]]}}", '{"a"', ",,,", '"\\ud8"']
)
def test_what_is_no_json_is_read_as_far_as_it_goes(reply: str) -> None:
    assert all(leaf.text in ("half", "", "\\ud8", '\\ud8"') for leaf in leaves(reply))
