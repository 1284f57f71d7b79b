"""No file, however broken, makes the library fail: it is read, or its problems are told."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.prompts.check import check
from chatterm.prompts.problems import CODES
from tests.prompts.files import GOOD, write

PIECES = (
    *(
        "---",
        "...",
        "%YAML 1.1",
        "@@ ",
        "@@ user",
        "@@ in\n",
        "@@ out\n",
        "@@ example\n",
        "\\@@",
        "\n",
        "\t",
        " ",
    ),
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "{% for x in y %}",
        "{% endfor %}",
        "{{ document | ",
        "| join(",
        "(",
        ")",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        ": ",
        "：",
        "，",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!!python/object:os.system ",
        "|",
        ">",
        "'",
        '"',
    ),
    *(
        "null",
        "1e999",
        "9" * 400,
        "tests: [{}]",
        "output: {schema: {}}",
        "extends: x\n",
        "use: [x, y]\n",
        "output: {format: label, labels: {by: length, short: {en: [a, b]}}}\n",
        "output: {format: label, labels: {from: []}}\n",
        "long: {strategy: map-reduce}\n",
        "output: {computed: {a: sum(b)}}\n",
        "@@ reduce zh\n",
        "\ufeff",
        "\x85",
        "\u2028",
        "\r",
        "名称",
        "🙂",
    ),
)


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_told(tmp_path: Path, data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(st.sampled_from(PIECES) | st.text(max_size=5)) + text[end:]
    path = tmp_path / "x.md"
    path.write_bytes(text.encode(errors="replace"))
    num_lines = text.count("\n") + text.count("\r") + 1
    for problem in check(path):
        assert problem.code in CODES
        assert 1 <= problem.place.line <= num_lines
        assert problem.place.column >= 1
        assert problem.help
        assert str(problem)
    PromptLibrary([PromptFolder("x", tmp_path)]).entries()


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("version: 3", "version: " + "[" * 100_000),
        GOOD.replace("version: 3", "version: " + "{a: " * 50_000),
        GOOD.replace("Use the report only.", "{{ " + "not " * 20_000 + "party }}"),
        GOOD.replace("Use the report only.", "{% if party %}" * 5_000),
        GOOD.replace("Use the report only.", "{{ " + "party or " * 20_000 + "party }}"),
        GOOD.replace("Use the report only.", "{{ " + "party or " * 100 + "party }}"),
        GOOD.replace("Use the report only.", "{% if party %}" * 50 + "x" + "{% endif %}" * 50),
        GOOD.replace("version: 3", "version: 3\ntags: " + "- " * 60_000 + "a"),
    ],
    ids=["lists", "mappings", "not", "if", "or", "some or", "some if", "compact lists"],
)
def test_nesting_without_end_is_told(tmp_path: Path, text: str) -> None:
    codes = [problem.code for problem in check(write(tmp_path, text)) if problem.severity == "error"]
    assert codes[0] in ("E15", "E03", "E12")
