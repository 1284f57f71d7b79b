"""The user's own prompt files: new ones, copies of shipped ones, and their way back. Writes below one folder.

A file is written whole or not at all, and nothing of the user's is ever deleted: it is moved aside.
"""

import os
import re
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

from chatterm.errors import PromptError, UsageError
from chatterm.prompts.library import NAME_PATTERN
from chatterm.prompts.problems import shown
from chatterm.prompts.template import MAX_FILE_BYTES

_SKELETON = """\
---
chatterm: 1                 # version of the format
version: 1                  # raise it when you change what the prompt does
title: {{en: {title}, zh: {title}}}
purpose: {{en: What it is for, zh: 它的用途}}
tags: []
inputs:                     # -v name=value; a document is piped or named with -f
  document: {{from: [stdin, file, paste], label: {{en: Text, zh: 文本}}}}
{inputs}languages: [en, zh]
output: {{format: markdown}}
sampling: {{temperature: 0, max_tokens: 320}}
{guard}min_tier: small             # tiny, small, medium or large
tests:                      # chatterm prompts test {name}
  - name: an example
    lang: en
    inputs: {{document: The ferry leaves at 09:40.}}
    expect: [{{contains: "09:40"}}, {{grounded: 1.0}}]
---
@@ system en
You help with texts. Use only what the text says.

@@ system zh
你帮助处理文字。只使用原文中的内容，用中文回答。

@@ user en
{{{{ document }}}}

Say in three short sentences what the text above says.
{uses_en}
@@ user zh
{{{{ document }}}}

请用三句短话说明上文的内容。
{uses_zh}
@@ note en
For people: how it was tried, on which model, and what it gets wrong.

@@ note zh
写给使用者：在哪个模型上试过，哪里会出错。
"""


def own_path(folder: Path, prompt_id: str) -> Path:
    """Return where a prompt of the user's own stands. Raises UsageError where the id cannot be one."""
    if not NAME_PATTERN.fullmatch(prompt_id) or "/" not in prompt_id:
        raise UsageError(
            f"{prompt_id!r} cannot be a prompt's name; write domain/name, of letters, digits, - and _"
        )
    return folder / f"{prompt_id}.md"


def skeleton(prompt_id: str, title: str, inputs: Sequence[str] = ()) -> str:
    """Return a prompt file to start from, which checks clean but for its missing tests.

    `inputs` are names of texts beside the document; none: one to show how. Raises UsageError for a name
    that no input can have.
    """
    domain, _, name = prompt_id.partition("/")
    is_guarded = domain in ("education", "medical", "legal", "finance")
    quoted = f'"{re.sub(_UNQUOTABLE, " ", title).strip() or name}"'
    guard = f"guard: [{domain}]\n" if is_guarded else ""
    labels = {one: (one, one) for one in map(_input_name, inputs)} or {"focus": ("Only about", "只关注")}
    return _SKELETON.format(
        title=quoted,
        name=prompt_id,
        guard=guard,
        inputs="".join(_INPUT.format(name=one, en=en, zh=zh) for one, (en, zh) in labels.items()),
        uses_en="".join(
            _USE.format(name=one, label=f"{en}:", value="{{ " + one + " }}")
            for one, (en, _) in labels.items()
        ),
        uses_zh="".join(
            _USE.format(name=one, label=f"{zh}：", value="{{ " + one + " }}")
            for one, (_, zh) in labels.items()
        ),
    )


def _input_name(name: str) -> str:
    if not (name.isascii() and name.isidentifier() and name.islower()) or name == "document":
        raise UsageError(
            f"{name!r} cannot be the name of an input; write lower-case letters, as in party_name"
        )
    return name


_INPUT = "  {name}: {{type: text, required: false, label: {{en: {en}, zh: {zh}}}}}\n"
_USE = "{{% if {name} %}}\n{label} {value}\n{{% endif %}}\n"


_UNQUOTABLE = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]')


def with_base(text: str, prompt_id: str, version: int) -> str:
    """Return a prompt's file with the key `base`, which says what it was copied from."""
    line = f"base: {prompt_id}@{version}"
    front, fence, body = text.partition("\n---\n")
    if re.search(r"^base:.*$", front, re.MULTILINE):
        front = re.sub(r"^base:.*$", line, front, count=1, flags=re.MULTILINE)
    else:
        front = f"{front}\n{line}"
    return f"{front}{fence}{body}"


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises PromptError where it is, or cannot be written."""
    try:
        for folder in reversed(path.parents):
            folder.mkdir(mode=0o700, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            part.write_text(text, encoding="utf-8")
            os.link(part, path)  # unlike a rename it replaces nothing
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise PromptError(f"{shown(path)} is there already; edit it, or choose another name") from error
    except OSError as error:
        raise PromptError(f"{shown(path)} cannot be written: {error.strerror or error}") from error


def move_aside(path: Path) -> Path:
    """Rename a prompt's file so that it is none any more, and return its new path. Raises PromptError."""
    number = 1
    while (aside := path.with_name(f"{path.name}.old{number}")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as error:
        raise PromptError(f"{shown(path)} cannot be moved: {error.strerror or error}") from error
    return aside


def read_text(path: Path) -> str:
    """Return a prompt file as text, also a broken one. Raises PromptError where it is no short text."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptError(f"{shown(path)} is not UTF-8; save it as UTF-8 text") from error
    except OSError as error:
        raise PromptError(f"{shown(path)} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise PromptError(f"{shown(path)} has more than {MAX_FILE_BYTES:,} bytes; a prompt is shorter")
    return text.replace("\r\n", "\n")


def difference(shipped: Path, own: Path) -> str:
    """Return what the user changed, as a unified diff; empty where the files are alike."""
    before, after = (read_text(path).splitlines(keepends=True) for path in (shipped, own))
    return "".join(unified_diff(before, after, fromfile=shown(shipped), tofile=shown(own)))
