"""Prompt files for tests, written out in full so that lines and columns can be counted."""

from pathlib import Path

from chatterm.conversation import ModelCard

GOOD = """\
---
chatterm: 1
version: 3
title: {en: Report, zh: 报告}
inputs:
  document: {from: [stdin, file]}
  party: {type: text, default: buyer}
  length: {type: enum, values: [short, long], default: short}
languages: [en, zh]
---
@@ system en
Use the report only.
@@ system zh
只使用报告。
@@ user
{{ document }}
{% if length == "short" %}
Shortly, for {{ party }}.
{% else %}
At length, for {{ party }}.
{% endif %}
"""


def write(folder: Path, text: str, name: str = "general/report.md") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    """The good file with one passage replaced."""
    assert GOOD.count(old) == 1, f"{old!r} is not in the file exactly once"
    return GOOD.replace(old, new)


def card(num_parameters: int | None = 135_000_000, **others: object) -> ModelCard:
    values: dict[str, object] = {
        "name": "tiny-model",
        "identity": "sha",
        "context_length": 2048,
        "num_parameters": num_parameters,
    }
    return ModelCard(**(values | others))  # type: ignore[arg-type]  # the fields of a card, by name
