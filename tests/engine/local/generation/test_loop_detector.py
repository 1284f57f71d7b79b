"""Loops are found soon; what repeats by its nature is left alone. Tokens come from a real vocabulary."""

from pathlib import Path

import pytest

from chatterm.engine.local.generation.loop_detector import LoopDetector
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.models.gguf import GGUFFile

TABLE = (
    "| Month | Paid | Late | Note |\n|---|---|---|---|\n"
    + "".join(f"| {month} | yes | no | |\n" for month in ("May", "June", "July"))
    + "| August | yes | no | |\n" * 5
)
CODE = "```python\n" + ("for row in table:\n    print(row)\n" + "    print()\n" * 3) * 2 + "```\n"
TESTS = (
    "```python\n"
    + "    self.assertEqual(count(values), 3)\n" * 4
    + "".join(f"    assert parse({n}) == {n}\n" for n in range(20))
    + "```\n"
)
HTML = "<ul>\n" + '  <li><a href="#">Link</a></li>\n' * 2 + "</ul>\n<td></td>\n<td></td>\n<td></td>\n"
LIST = "".join(f"{n}. Check part {n} for wear, then note the reading.\n" for n in range(1, 30))
QUIZ = "".join(f"{n}. Yes\n" for n in range(1, 15)) + "".join(f"{n}) True\n" for n in range(1, 15))
POEM = "\n\n".join(
    f"{verse}\nRow, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\n"
    "Life is but a dream."
    for verse in ("One to start,", "Two to steer,", "Three to sing,", "Four to cheer,")
)
SONG = "Let it be, let it be, let it be, let it be\nWhisper words of wisdom, let it be\n" * 2
DIGITS = "1/3 = 0." + "3" * 80 + "\n1/7 = 0." + "142857" * 12 + "\n0000 0000 0000 0000 0000 0000 0000 0000\n"
RULES = "Title\n" + "-" * 120 + "\n" + "=" * 120 + "\n" + "* * * * * * * * * * *\n" * 3 + "_" * 60 + "\n"
MATRIX = "0, 0, 0, 1,\n" * 12 + "[[0, 0, 0], [0, 0, 0], [0, 0, 0]]\n" * 3
CHINESE = (
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n好的，好的，好的。\n"
    + "".join(f"{n}、请检查第{n}项的日期和金额。\n" for n in range(1, 20))
    + "哈哈哈哈哈哈哈哈！\n是的。\n是的。\n是的。\n"
)
CSV = (
    "name,paid,late\n"
    + "".join(f"{name},no,no\n" for name in ["Ann", "Bo", "Cy", "Di", "Ed"])
    + "x,0,0\n" * 9
)
DIALOGUE = "A: Are you sure?\nB: Yes.\nA: Are you sure?\nB: Yes.\nA: Then go.\n" * 2
STRUCTURED = {
    "table": TABLE, "code": CODE, "tests": TESTS, "html": HTML, "list": LIST, "quiz": QUIZ, "poem": POEM,
    "song": SONG, "digits": DIGITS, "rules": RULES, "matrix": MATRIX, "chinese": CHINESE, "csv": CSV,
    "dialogue": DIALOGUE, "spaces": "a" + " " * 200 + "b\n\n\n\n\n\n\n\n\n\n\n\n\n\nc",
}  # fmt: skip

LOOPS = {
    "a phrase": "It is a model of" + " a model of" * 9,
    "a word": "The the " + "very " * 30,
    "a sentence": "Well. " + "The report is about the report and what the report says. " * 3,
    "lines": "Please tell me more about the weather in Paris today.\n" * 3,
    "lines apart": "Please tell me more about the weather in Paris today.\n\n" * 3,
    "numbered": "".join(f"{n}. Use a clear and concise language in the text.\n" for n in range(1, 4)),
    "a paragraph": "First, read the text with care and mark what matters.\nThen write it down in your own "
    "words, and compare both. Ask somebody else to read it too.\nAt last, send it to the editor.\n" * 3,
    "chinese": "我们需要更多的时间来完成这个项目。" * 3,
    "chinese lines": "请告诉我更多关于天气的信息。\n" * 3,
    "code": "```python\n" + "import numpy as np\nimport pandas as pd\n" * 9,
    "table rows": "| Name | Value |\n|---|---|\n" + "| The value of the name | A name of the value |\n" * 9,
    "a rule without end": "-" * 3000,
    "digits without end": "0." + "3" * 1600,
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(default_model: Path) -> Tokenizer:
    return Tokenizer.from_metadata(GGUFFile.open(default_model).metadata, "default")


def end_of(tokenizer: Tokenizer, text: str) -> str | None:
    """The text up to where a loop was seen; None where none was."""
    detector = LoopDetector(tokenizer.token_bytes)
    ids = tokenizer.encode_text(text)
    for index, token_id in enumerate(ids):
        if detector.push(token_id):
            return tokenizer.decode(ids[: index + 1])
    return None


@pytest.mark.parametrize("name", STRUCTURED)
def test_what_repeats_by_its_nature_is_left_alone(name: str, tokenizer: Tokenizer) -> None:
    assert end_of(tokenizer, STRUCTURED[name]) is None


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_seen(name: str, tokenizer: Tokenizer) -> None:
    assert end_of(tokenizer, LOOPS[name]) is not None


@pytest.mark.parametrize("name", ["a sentence", "lines", "a paragraph", "chinese", "numbered"])
def test_a_loop_is_not_seen_before_the_third_time(name: str, tokenizer: Tokenizer) -> None:
    text = LOOPS[name]
    seen = end_of(tokenizer, text)
    assert seen is not None
    assert len(seen) > 0.85 * len(text)


def test_the_documents_of_this_project_are_no_loops(tokenizer: Tokenizer) -> None:
    root = Path(__file__).parents[4]
    for path in [root / "README.md", *(root / "prompts").rglob("*.md"), *(root / "chatterm").rglob("*.py")]:
        found = end_of(tokenizer, path.read_text(encoding="utf-8"))
        assert found is None, (path, found[-200:])


def test_two_streams_do_not_know_each_other(tokenizer: Tokenizer) -> None:
    one, other = LoopDetector(tokenizer.token_bytes), LoopDetector(tokenizer.token_bytes)
    for token_id in tokenizer.encode_text("The same words once more, and nothing else. " * 2):
        assert not one.push(token_id)
        assert not other.push(token_id)
