"""Merging: text joined as its source was, JSON by its schema, whatever the parts are."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.documents.chunks import Chunk
from chatterm.prompts.schema import violation
from chatterm.tasks.reading.events import Partial
from chatterm.tasks.reading.merging import (
    digest_json,
    lifted,
    merge_json,
    text_after,
)


def part(
    text: str, first: int, last: int = 0, *, source: str = "x", head: str = "", document: int = 0
) -> Partial:
    chunk = Chunk(
        document=document,
        name=f"{'ab'[document]}.txt",
        text=source,
        first_line=first,
        last_line=last or first,
        head=head,
    )
    return Partial(chunk=chunk, text=text)


def merged_text(parts: Sequence[Partial]) -> str:
    """Join replies as they come; a part that failed gives nothing."""
    given = [one for one in parts if not one.is_failed]
    is_several = len({one.chunk.document for one in parts}) > 1
    return "".join(
        text_after(before, one, names_documents=is_several)
        for before, one in zip([None, *given], given, strict=False)
    )


def merged_json(parts: Sequence[Partial], schema: Mapping[str, Any]) -> str:
    return merge_json(parts, schema).text


TABLE = "| Name | Price |\n|---|---:|\n"
JOINED = [
    ("lines go on", [part("One", 1), part("two", 2)], "One\ntwo"),
    ("a blank line between", [part("One", 1), part("Two", 3)], "One\n\nTwo"),
    ("space around replies", [part("\n\nOne \n", 1), part("  - two\n", 2)], "One\n  - two"),
    ("a loose list stays one list", [part("- a\n- b", 1, 2), part("- c", 4)], "- a\n- b\n- c"),
    ("a long line, cut", [part("He said", 7), part("nothing.", 7)], "He said nothing."),
    ("a long Chinese line, cut", [part("他说：", 7), part("没有。", 7)], "他说：没有。"),
    (
        "a table with one head",
        [part(f"{TABLE}| ink | 3 |", 1, 3), part(f"{TABLE}| nib | 4 |", 4, head=TABLE)],
        f"{TABLE}| ink | 3 |\n| nib | 4 |",
    ),
    (
        "a head in other words",
        [
            part("| 名 | 价 |\n|---|---|\n| a | 3 |", 1, 3),
            part("| 名称 | 价格 |\n|--|--|\n| b | 4 |", 4, head="h"),
        ],
        "| 名 | 价 |\n|---|---|\n| a | 3 |\n| b | 4 |",
    ),
    (
        "another table",
        [part(f"{TABLE}| ink | 3 |", 1, 3), part("| A | B |\n|--|--|\n| x | y |", 5)],
        f"{TABLE}| ink | 3 |\n\n| A | B |\n|--|--|\n| x | y |",
    ),
    ("two documents", [part("One", 1), part("Two", 1, document=1)], "[a.txt]\n\nOne\n\n[b.txt]\n\nTwo"),
    (
        "a failed part",
        [part("One", 1), replace(part("", 2), failure="loop"), part("Three", 3)],
        "One\n\nThree",
    ),
    ("nothing", [], ""),
]


@pytest.mark.parametrize(("name", "parts", "text"), JOINED, ids=[name for name, *_ in JOINED])
def test_text_is_joined_as_its_source_was(name: str, parts: list[Partial], text: str) -> None:
    assert merged_text(parts) == text


NAMES: dict[str, Any] = {
    "type": "array",
    "maxItems": 2,
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "kind": {"type": "string", "enum": ["person", "place"]}},
        "required": ["name", "kind"],
    },
}
PAPER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": ["string", "null"]},
        "size": {"type": ["integer", "null"]},
        "words": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
        "by": {
            "type": "object",
            "properties": {"who": {"type": ["string", "null"]}},
            "required": ["who"],
        },
    },
    "required": ["title", "size", "words", "by"],
}


def paper(title: str | None, size: int | None, words: list[str], who: str | None) -> str:
    return json.dumps({"title": title, "size": size, "words": words, "by": {"who": who}})


def names(*texts: str) -> str:
    return json.dumps([{"name": text, "kind": "place"} for text in texts])


def test_lists_are_concatenated_with_equal_items_once() -> None:
    merged = merged_json([part(names("Ostrey", "Lom"), 1), part(names("ostrey.", "Ｖeld"), 2)], NAMES)
    assert [item["name"] for item in json.loads(merged)] == ["Ostrey", "Lom", "Ｖeld"]


def test_objects_are_merged_field_by_field() -> None:
    parts = [
        part(paper(None, None, ["a"], None), 1, 9),
        part(paper("T", 3, ["A", "b"], None), 10, 19),
        part(paper("U", 3, [], "Zeb"), 20, 29),
    ]
    merged = merge_json(parts, PAPER)
    assert json.loads(merged.text) == {"title": "T", "size": 3, "words": ["a", "b"], "by": {"who": "Zeb"}}
    assert merged.notices == ('title: kept "T" of lines 10-19; lines 20-29 say "U"',)
    chinese = merge_json(parts, PAPER, lang="zh").notices
    assert chinese == ("title：保留第10-19行的“T”；第20-29行另作“U”",)


def test_of_values_of_different_kinds_the_first_is_kept() -> None:
    schema = {
        "type": "object",
        "properties": {"x": {"type": ["string", "array"], "items": {"type": "string"}}},
    }
    parts = [
        part(json.dumps({"x": value}), line) for line, value in enumerate(([], ["a"], "b", ["A", "c"]), 1)
    ]
    merged = merge_json(parts, schema)
    assert json.loads(merged.text) == {"x": ["a", "c"]}
    assert merged.notices == ('x: kept "["a"]" of lines 2; lines 3 say "b"',)


def test_the_items_of_many_parts_are_looked_at_once_each() -> None:
    parts = [part(names(*(f"{line} {item}" for item in range(10))), line) for line in range(1, 501)]
    start = time.process_time()
    assert len(json.loads(merged_json(parts, NAMES))) == 5_000
    assert time.process_time() - start < 2, "merging one part after another takes twice that"


def test_objects_in_objects_are_looked_at_once_each() -> None:
    schema: dict[str, Any] = {"type": "string"}
    value: object = "x"
    for _ in range(24):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
        value = {"a": value}
    assert json.loads(merged_json([part(json.dumps(value), 1)], schema)) == value


def test_what_misses_the_schema_and_what_failed_is_left_out() -> None:
    bad = '[{"name": "Lom", "kind": "animal"}, {"name": "Veld", "kind": "place"}, 7]'
    cut = '[{"name": "Ost", "kind": "person"}, {"name": "Re'
    parts = [part(bad, 1), part("no JSON", 2), replace(part(names("X"), 3), failure="loop"), part(cut, 4)]
    assert [item["name"] for item in json.loads(merged_json(parts, NAMES))] == ["Veld", "Ost"]
    assert merged_json([], NAMES) == "[]"
    assert json.loads(merged_json([], PAPER)) == {
        "title": None,
        "size": None,
        "words": [],
        "by": {"who": None},
    }


def test_units_keep_their_lines_and_their_doubles() -> None:
    parts = [part(names("Lom", "Lom"), 3), part(names("Lom"), 5, 6), part("[]", 7)]
    merged = json.loads(merge_json(parts, NAMES, by_unit=True).text)
    assert [(item["lines"], item["name"]) for item in merged] == [("3", "Lom"), ("5-6", "Lom")]
    assert violation(lifted(NAMES, by_unit=True), merged) is None
    one = paper("T", None, [], None)
    merged = json.loads(merge_json([part(one, 3), part(one, 3, document=1)], PAPER, by_unit=True).text)
    assert [item["lines"] for item in merged] == ["a.txt:3", "b.txt:3"]
    assert violation(lifted(PAPER, by_unit=True), merged) is None
    words: dict[str, Any] = PAPER["properties"]["words"]
    merged = json.loads(merge_json([part('["a", "b"]', 2)], words, by_unit=True).text)
    assert merged == [{"lines": "2", "value": "a"}, {"lines": "2", "value": "b"}]
    assert violation(lifted(words, by_unit=True), merged) is None


def test_the_digest_says_everything_once() -> None:
    parts = [part(names("Lom"), 1), part(names("Lom"), 2), part(names("Veld", "lom"), 3)]
    lines = digest_json(parts, NAMES).text.splitlines()
    assert [[item["name"] for item in json.loads(line)] for line in lines] == [["Lom"], ["Veld"]]


def test_the_digest_leaves_out_copies_that_do_not_stand_in_the_part() -> None:
    words: dict[str, Any] = {
        "type": "object",
        "properties": {
            "words": {"type": "array", "items": {"type": "string", "copy": True}},
            "quote": {"type": ["string", "null"], "copy": True},
            "title": {"type": "string"},
        },
        "required": ["words", "quote", "title"],
    }
    reply = '{"words": ["old looms", "x.txt", "Weavers"], "quote": "lines 1-3", "title": "Mending"}'
    source = "The weavers mend old\nlooms."
    document = digest_json([part(reply, 1, source=source), part(reply, 9, source="Nothing.")], words)
    first, second = map(json.loads, document.text.splitlines())
    assert first == {"words": ["old looms", "Weavers"], "quote": None, "title": "Mending"}
    assert second == {"words": [], "quote": None, "title": "Mending"}


_short = st.sampled_from(["", "a", "A", "b", "北京", "Ａ"])
_papers = st.builds(
    paper,
    st.none() | _short,
    st.none() | st.integers(0, 3),
    st.lists(_short, max_size=3),
    st.none() | _short,
)
_replies = st.lists(
    _papers | st.sampled_from(["", "{", "[]", '{"title": 5}', '{"title": "c", "words": ["']), max_size=5
)


@settings(max_examples=80, deadline=None)
@given(_replies, st.integers(0, 5), st.integers(0, 5))
def test_merging_is_associative_and_meets_its_schema(replies: list[str], first: int, second: int) -> None:
    parts = [part(reply, line) for line, reply in enumerate(replies, 1)]
    whole = merged_json(parts, PAPER)
    assert violation(lifted(PAPER), json.loads(whole)) is None
    low, high = sorted((first, second))
    groups = [group for group in (parts[:low], parts[low:high], parts[high:]) if group]
    again = [part(merged_json(group, PAPER), line) for line, group in enumerate(groups, 1)]
    assert merged_json(again, PAPER) == whole
