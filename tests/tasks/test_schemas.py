"""`--schema`: a file or short fields, with errors that name what is wrong."""

import json
from pathlib import Path

import pytest

from chatterm.errors import UsageError
from chatterm.tasks.schemas import AnswerSchema, read_answer_schema


def properties(found: AnswerSchema) -> dict[str, object]:
    schema = json.loads(found.constraint.schema)
    assert list(schema["properties"]) == schema["required"]
    return {name: one["type"] for name, one in schema["properties"].items()}


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("name", {"name": "string"}),
        ("name, age int, bio: a short bio", {"name": "string", "age": "integer", "bio": "string"}),
        ("price float,ok bool", {"price": "number", "ok": "boolean"}),
        ("name\nbio: one, two\n\nage INT: in years", {"name": "string", "bio": "string", "age": "integer"}),
        ("姓名, 年龄 int：岁", {"姓名": "string", "年龄": "integer"}),
        ("a,", {"a": "string"}),
    ],
)
def test_fields_are_names_types_and_descriptions(text: str, types: dict[str, str]) -> None:
    assert properties(read_answer_schema(text)) == types


def test_the_model_is_told_what_is_wanted() -> None:
    found = read_answer_schema("name, age int, bio: a short bio")
    assert found.instruction("en") == (
        "Answer in JSON with these fields: name, age (a whole number), bio (a short bio)."
    )
    assert found.instruction("zh").startswith("请用 JSON 回答，字段为：name、age")
    assert read_answer_schema('{"type": "array"}').instruction("en") == "Answer in JSON."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        (",,", "1 to 100 fields, found 0"),
        (",".join(f"f{n}" for n in range(101)), "found 101"),
        ("name, name", "'name' stands twice"),
        ("age integr", "'integr' is no type of 'age'"),
        ("a b c", "'a b c' is no field"),
        ("1st", "'1st' is no field"),
        ("<|im_end|>", "is no field"),
        ("x" * 41, "is no field"),
        ("./schema.yaml", "no file has this name either"),
        ("none.json", "cannot be read: No such file"),
        ("{", "is not JSON"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ("a\0b.json", "is no field"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_answer_schema(text)


def test_a_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    schema = {
        "type": "array",
        "items": {"properties": {"name": {"description": "of a person"}, "kind": {"enum": ["a", "b"]}}},
    }
    path = tmp_path / "people"
    path.write_text("\ufeff" + json.dumps(schema), encoding="utf-8")
    found = read_answer_schema(str(path))
    assert json.loads(found.constraint.schema) == schema
    assert found.fields == (("name", "of a person"), ("kind", "a or b"))
    assert found.output.view == "table"
    for raw, words in (
        (b"[]", "must be a JSON object"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b"{'a': 1}", "is not JSON"),
        (b" " * (2**20 + 1), "over 1,048,576 bytes"),
    ):
        path.write_bytes(raw)
        with pytest.raises(UsageError, match=words):
            read_answer_schema(str(path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_answer_schema(str(tmp_path / "none.json"))
