from pathlib import Path

import pytest

from chatterm.prompts import BrokenPrompt, PromptFolder, PromptLibrary
from chatterm.prompts.check import check
from chatterm.prompts.output import Computation
from chatterm.prompts.plans import LongPlan, VerifyPlan
from chatterm.prompts.problems import CODES
from tests.prompts.files import GOOD, changed, write

SCHEMA = """output:
  format: json
  schema:
    type: object
    properties: {test: {type: string, maxLength: 5}}
    required: [test]
shots: {tiny: 1}
languages: [en, zh]
"""
EXAMPLE = "@@ example\n@@ in\nSodium 139\n@@ out\n"
LONG = "This rule has to be kept in mind whatever else is asked for. "


def last(new: str) -> str:
    """The good file with another last sentence, in line 20."""
    return changed("At length, for {{ party }}", new)


def schema(old: str, new: str) -> str:
    """The good file with a schema in lines 9 to 15, changed in one place."""
    return changed("languages: [en, zh]\n", SCHEMA.replace(old, new, 1))


def labels(output: str) -> str:
    """The good file with closed answers in line 4."""
    return changed("version: 3", f"version: 3\noutput: {{format: label, {output}}}")


# code, file, line, column, what the help says
BROKEN = [
    ("E01", "title: Report\n", 1, 1, "first line is exactly ---"),
    ("E01", "", 1, 1, "first line"),
    ("E01", " " + GOOD, 1, 1, "first line"),
    ("E01", GOOD.replace("---\n@@", "--- \n@@"), 1, 1, "without spaces"),
    ("E02", changed("version: 3", "version： 3"), 3, 8, "use ':' followed by a space"),
    ("E02", changed("title: {", "title： {"), 4, 6, "use ':'"),
    ("E02", changed("languages: [en, zh]", "languages: [en，zh]"), 9, 15, "use ','"),
    ("E02", changed("languages: [en, zh]", "languages：\n- en"), 9, 10, "use ':'"),
    ("E02", changed("title: {en: Report, zh: 报告}", "title: {en: Report，zh: 报告}"), 4, 19, "use ','"),
    ("E02", "---\n名称：报告\n---\n@@ user\nhi\n", 2, 3, "use ':'"),
    ("E02", "---\n名称：报告\nversion: 1\n---\n@@ user\nhi\n", 2, 3, "use ':'"),
    ("E02", changed("inputs:", "tags: ［a］\ninputs:"), 5, 7, "use '['"),
    ("E03", changed("title: {en: Report, zh: 报告}", "title: {en: Report"), 5, 7, "check quotes"),
    ("E03", changed("title: {en: Report, zh: 报告}", 'title: "Report'), 4, 8, "check quotes"),
    ("E03", changed("title: {en: Report, zh: 报告}", "title: a: b"), 4, 9, "check quotes"),
    ("E03", changed("title: {en: Report, zh: 报告}", "title: a\x07b"), 2, 1, "check quotes"),
    ("E04", changed("version: 3", "version: 3\nversion: 4"), 4, 1, "line 3 already"),
    ("E04", changed("{en: Report, zh: 报告}", "{en: Report, en: Again}"), 4, 21, "line 4 already"),
    ("E05", changed("  party", "\tparty"), 7, 1, "spaces"),
    ("E05", changed("  party", "  \tparty"), 7, 3, "spaces"),
    ("E06", changed("version: 3", "version: !!int 3"), 3, 10, "plain values"),
    ("E06", changed("version: 3", "version: &v 3"), 3, 10, "plain values"),
    ("E06", changed("title: {en: Report, zh: 报告}", "title: *v"), 4, 8, "plain values"),
    ("E06", changed("chatterm: 1\n", "%YAML 1.1\n"), 2, 1, "take the line out"),
    ("E06", changed("version: 3", "version: 3\n...\na: 1"), 4, 1, "take the line out"),
    ("E07", changed("version: 3", "version: 3\nsampling: {temprature: 0}"), 4, 12, "'temperature'"),
    ("E07", changed("version: 3", "version: 3\nwhatever: 0"), 4, 1, "known here"),
    ("E07", changed("default: buyer", "defualt: buyer"), 7, 23, "'default'"),
    ("E07", changed("en: Report,", "en: Report, in short,"), 4, 21, "in quotes"),
    ("E08", changed("version: 3\n", ""), 1, 1, "version: 1"),
    ("E08", changed("title: {en: Report, zh: 报告}\n", ""), 1, 1, "title:"),
    ("E08", GOOD + EXAMPLE + "fine\n", 1, 1, "shots:"),
    ("E08", changed("languages", "tests: [{name: x, inputs: {document: y}}]\nlanguages"), 9, 9, "both"),
    ("E09", changed("version: 3", "version: three"), 3, 10, "a number"),
    ("E09", changed("version: 3", "version: 3\ntried: well"), 4, 8, "a mapping"),
    ("E09", changed("version: 3", "version: 1.5"), 3, 10, "a whole number"),
    ("E09", changed("version: 3", "version: true"), 3, 10, "a number"),
    ("E09", changed("en: Report", "en: 12"), 4, 13, "in quotes"),
    ("E09", changed("languages: [en, zh]", "languages: en"), 9, 12, "a list"),
    ("E09", changed("version: 3", "version: 3\nsampling: [a]"), 4, 11, "a mapping"),
    ("E09", changed("version: 3", "version: 3\n? [a]\n: b"), 4, 3, "plain words"),
    ("E09", "---\n- a\n---\n@@ user\nhi\n", 2, 1, "key: value"),
    ("E09", "---\n---\n@@ user\nhi\n", 2, 1, "key: value"),
    ("E10", changed("version: 3", "version: 0"), 3, 10, "between 1 and"),
    ("E10", changed("version: 3", "version: 3\nsampling: {temperature: 9}"), 4, 25, "between 0 and 2"),
    ("E10", changed("version: 3", "version: 3\nsampling: {max_tokens: 0}"), 4, 24, "between 1 and"),
    ("E10", changed("version: 3", "version: 3\nsampling: {stop: ['']}"), 4, 18, "not empty"),
    ("E10", changed("version: 3", "version: 3\nmin_tier: tny"), 4, 11, "'tiny'"),
    ("E10", changed("version: 3", "version: 3\nguard: [medicl]"), 4, 9, "'medical'"),
    ("E10", changed("version: 3", "version: 3\nlong: {strategy: mapreduce}"), 4, 18, "'map-reduce'"),
    ("E10", changed("version: 3", "version: 3\nverify: {numbers: yes}"), 4, 19, "strict"),
    ("E10", changed("languages: [en, zh]", "languages: [English]"), 9, 12, "[en, zh]"),
    ("E10", changed("type: text, default: buyer", "type: txt, default: buyer"), 7, 17, "'text'"),
    ("E10", changed("  party:", "  Party Name:"), 7, 3, "lower-case"),
    ("E10", changed("{type: text, default: buyer}", "{from: [stdin]}"), 5, 1, "only one"),
    ("E10", changed("values: [short, long], default: short", "default: short"), 8, 3, "values: [a, b]"),
    ("E10", changed("type: text, default: buyer", "type: text, from: [file]"), 7, 29, "only a document"),
    ("E10", changed('length == "short"', 'length == "shrt"'), 17, 18, "'short'"),
    ("E11", changed("chatterm: 1", "chatterm: 2"), 2, 11, "reads format 1"),
    ("E10", changed("version: 3", "version: 3\nlong: {strategy: fits, unit: row}"), 4, 30, "map"),
    ("E10", changed("version: 3", "version: 3\nlong: {strategy: map, quote: 3}"), 4, 30, "map-reduce"),
    ("E10", changed("version: 3", "version: 3\nlong: {strategy: map-reduce, quote: {by: length, short: 3}}"),
     4, 37, "short, long"),
    ("E10", changed("version: 3", "version: 3\nlong: {strategy: map-reduce, quote: {short: 3}}"),
     4, 37, "length"),
    ("E10", changed("version: 3", "version: 3\nlong: {strategy: map-reduce, quote: 0}"), 4, 37, "between 1"),
    ("E10", labels("labels: {by: length, short: {en: [a, b], zh: [a, b]}}"), 4, 33, "short, long"),
    ("E10", labels("labels: {by: party}"), 4, 38, "type enum, required or with a default: length"),
    ("E10", labels("labels: {from: party}"), 4, 40, "type list, required or with a default: there is none"),
    ("E10", labels("labels: {en: [yes], zh: [是, 否]}"), 4, 38, "at least two"),
    ("E10", labels("labels: {en: [yes, yes], zh: [是, 否]}"), 4, 38, "given once"),
    ("E07", labels("labels: {English: [yes, no], en: [a, b], zh: [a, b]}"), 4, 34, "keys are languages"),
    ("E20", labels("labels: {en: [yes, no]}"), 4, 33, "add zh"),
    ("E10", schema("schema:", 'computed: {total: "sum(amount)"}\n  schema:'), 11, 21, "fields: test"),
    ("E10", schema("schema:", 'computed: {test: "count(test)"}\n  schema:'), 11, 14, "name it otherwise"),
    ("E10", schema("schema:", 'computed: {n: "count(test, test)"}\n  schema:'), 11, 17, "takes 1"),
    ("E10", schema("schema:", 'computed: {n: "max(test)"}\n  schema:'), 11, 17, "write one of compare"),
    ("E08", changed("version: 3", "version: 3\nlong: {unit: row}"), 4, 7, "map-reduce"),
    ("E34", changed("version: 3", "version: 3\nextends: general/absent"), 4, 10, "prompts list"),
    ("E34", changed("version: 3", "version: 3\nuse: [snippets/absent]"), 4, 7, "snippets/name.md"),
    ("E37", GOOD + "@@ map\n{{ document }}\n", 22, 1, "strategy: map"),
    ("E37", changed("version: 3", "version: 3\nlong: {strategy: map}").replace("{from: [stdin, file]}",
     "{type: text}"), 4, 1, "document"),
    ("E20", changed("version: 3", "version: 3\nlong: {strategy: map-reduce}"), 1, 1, "@@ reduce en"),
    ("E14", changed("inputs:", "base: one\n  two\ninputs:"), 5, 7, "write |"),
    ("E15", changed("version: 3", f"version: {'[' * 40}{']' * 40}"), 3, 25, "at most 16"),
    ("E15", last(f"{{{{ {'(' * 3000}party{')' * 3000} }}}}"), 16, 1, "apart"),
    ("E16", changed("@@ system en", "Hello\n@@ system en"), 11, 1, "@@ user"),
    ("E16", GOOD[: GOOD.index("@@")] + "Hello\n", 11, 1, "@@ user"),
    ("E17", changed("@@ system en", "@@ sistem en"), 11, 4, "'system'"),
    ("E17", changed("@@ system en", "@@ system en zh"), 11, 1, "at most a language"),
    ("E17", changed("只使用报告。", "只使用报告。\n@@"), 15, 4, "known here"),
    ("E18", changed("@@ system zh", "@@ system fr"), 13, 1, "en, zh"),
    ("E19", changed("@@ system zh", "@@ system en"), 13, 1, "line 11 already"),
    ("E20", changed("@@ user", "@@ user en"), 15, 1, "@@ user zh"),
    ("E20", changed("@@ system zh\n只使用报告。\n", ""), 11, 1, "@@ system zh"),
    ("E20", GOOD[: GOOD.index("@@ user")], 1, 1, "@@ user en"),
    ("E21", last("At length, for {{ contract }}"), 20, 19, "document, party"),
    ("E21", last("At length, for {{ partie }}"), 20, 19, "'party'"),
    ("E22", changed("{% endif %}\n", ""), 20, 16, "if/elif/else"),
    ("E22", last("At length, for {{ party }"), 20, 16, "allowed are"),
    ("E23", last("At length, for {{ party.x }}"), 20, 16, "allowed are"),
    ("E23", last("x {{ party[0] }}"), 20, 3, "allowed are"),
    ("E23", last("x {{ party * 50 }}"), 20, 3, "allowed are"),
    ("E23", last("x {{ party() }}"), 20, 3, "allowed are"),
    ("E23", last("x {{ party ~ party }}"), 20, 3, "allowed are"),
    ("E23", last("x {{ 1 if party }}"), 20, 3, "allowed are"),
    ("E23", last("x {{ [party] }}"), 20, 3, "allowed are"),
    ("E23", last("x {{ none }}"), 20, 3, "allowed are"),
    ("E23", last("{% set x = 1 %}"), 20, 1, "allowed are"),
    ("E23", last("{% include 'x' %}"), 20, 1, "allowed are"),
    ("E23", last("{% import 'x' as y %}"), 20, 1, "allowed are"),
    ("E23", last("{% macro m() %}{% endmacro %}"), 20, 1, "allowed are"),
    ("E23", last("{% if party is defined %}{% endif %}"), 20, 1, "allowed"),
    ("E23", last("{% if party != 'a' %}{% endif %}"), 20, 1, "write =="),
    ("E23", last("{% if party > 'a' %}{% endif %}"), 20, 1, "write =="),
    ("E23", last("{% for x in party %}{% endfor %}"), 20, 13, "type list"),
    ("E23", last("{% for x in 'ab' %}{% endfor %}"), 20, 10, "type list"),
    ("E24", last("x {{ party | upper }}"), 20, 14, "lower"),
    ("E24", last("x {{ party | lowr }}"), 20, 14, "'lower'"),
    ("E24", last("x {{ party | attr('x') }}"), 20, 14, "known here"),
    ("E24", last("x {{ party | default }}"), 20, 14, 'default("text")'),
    ("E24", last("x {{ party | truncate_lines('a') }}"), 20, 14, "(10)"),
    ("E24", last("x {{ document | lower }}"), 20, 17, "in its fence"),
    ("E25", changed("Use the report only.", "Use {{ document }}."), 12, 8, "user, map, reduce"),
    ("E26", changed("default: short", "default: shrot"), 8, 56, "short, long"),
    ("E26", changed("type: text, default: buyer", "type: int, default: few"), 7, 31, "int"),
    ("E26", changed("{from: [stdin, file]}", "{default: none given}"), 6, 23, "required: false"),
    ("E27", GOOD + "@@ example\n@@ in\nx\n", 22, 1, "three lines"),
    ("E27", GOOD + "@@ in\nx\n@@ out\ny\n", 22, 1, "three lines"),
    ("E27", GOOD + "@@ example\ntext\n@@ in\nx\n@@ out\ny\n", 23, 1, "below @@ in"),
    ("E28", changed("version: 3", "version: 3\noutput: {format: json}"), 4, 9, "go together"),
    ("E28", changed("version: 3", "version: 3\noutput: {format: label}"), 4, 9, "go together"),
    ("E28", schema("maxLength", "pattern"), 13, 39, "supported are"),
    ("E28", schema("maxLength: 5", "maxLength: 5, minLength: 6"), 13, 24, "swap"),
    ("E28", schema("maxLength: 5", "maxItems: 5"), 13, 24, "leave maxItems out"),
    ("E28", schema("maxLength: 5", "enum: [a, 1]"), 13, 24, "mend type or enum"),
    ("E28", schema("maxLength: 5", "enum: []"), 13, 24, "mend type or enum"),
    ("E28", schema("string, maxLength: 5", "integer, copy: true"), 13, 24, "leave copy out"),
    ("E28", schema("string, maxLength: 5", "integer, minimum: 0.2, maximum: 0.8"), 13, 24, "type: number"),
    ("E28", schema("maxLength: 5", "maxLength: 5, minimum: 5"), 13, 24, "leave them out"),
    ("E28", schema("type: string", "type: text"), 13, 31, "one or a"),
    ("E28", schema("type: object", "type: array"), 12, 5, "items"),
    ("E29", schema("", "") + EXAMPLE + '{"tset": "a"}\n', 32, 1, "example"),
    ("E29", schema("", "") + EXAMPLE + '{"test": "much too long"}\n', 32, 1, "example"),
    ("E29", schema("", "") + EXAMPLE + "no JSON\n", 32, 1, "example"),
    ("E32", changed("languages", "tests: [{name: x, inputs: {doc: y}, expect: []}]\nlanguages"), 9, 28, ""),
    ("E32", changed("languages", "tests: [{name: x, expect: []}]\nlanguages"), 9, 9, "add inputs"),
    ("E33", changed("Use the report only.", LONG * 20), 11, 1, "keep it to 120"),
    ("W01", changed("Use the report only.", LONG * 10), 11, 1, "keep it to 120"),
    ("W02", changed("Use the report only.", "Take a deep breath."), 12, 1, "leave it out"),
    ("W02", changed("只使用报告。", "你智商IQ很高。"), 14, 2, "leave it out"),
    ("W03", changed("  party:", "  unseen: {default: x}\n  party:"), 7, 3, "take it out"),
    ("W04", changed("Use the report only.", "This is not legal advice."), 12, 9, "on stderr"),
    ("W04", changed("只使用报告。", "以上仅供参考。"), 14, 3, "on stderr"),
    ("W05", changed("@@ user\n", f"@@ user\n{{{{ document }}}}\n{LONG * 40}"), 1, 1, "a quarter"),
    ("W06", GOOD, 1, 1, "3 tests a language"),
    ("W07", changed("languages", "shots: {tiny: 1}\ntests: [{name: x, inputs: {document: Sodium 139}, "
     "expect: [{contains: x}]}]\nlanguages") + EXAMPLE + "fine\n", 27, 1, "invented"),
    ("W08", schema("maxLength: 5", f"description: {'long ' * 9}"), 9, 1, "40 characters"),
    ("W09", changed("{{ document }}\n", "Read this:\n{{ document }}\n"), 16, 1, "the document first"),
    ("W10", changed("[en, zh]", "[en]").replace("@@ system zh", "@@ note"), 9, 1, "en and zh"),
    ("W11", schema(", maxLength: 5", ""), 9, 1, "give it an end"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "line", "column", "advice"), BROKEN)
def test_a_mistake_is_told_by_code_place_and_help(
    tmp_path: Path, code: str, text: str, line: int, column: int, advice: str
) -> None:
    findings = check(write(tmp_path, text))
    found = [
        (problem.place.line, problem.place.column, problem.help)
        for problem in findings
        if problem.code == code
    ]
    assert any(place[:2] == (line, column) and advice in place[2] for place in found), [*map(str, findings)]
    errors = {problem.code for problem in findings if problem.severity == "error"}
    assert errors <= {code}, "one mistake brought errors of other kinds"


FILES_NOT_READ = [
    (b"---\ntitle: \xb1\xa8\xb8\xe6\n", "byte 0xb1 at offset 11"),
    (b"---\ntitle: \0\n", "NUL byte at offset 11"),
    (b"x" * 300_000, "more than 262,144 bytes"),
]


@pytest.mark.parametrize(("data", "message"), FILES_NOT_READ)
def test_a_file_that_is_no_short_utf8_text_is_not_read(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(data)
    (problem,) = check(path)
    assert (problem.code, problem.place.line, problem.place.column) == ("E12", 1, 1)
    assert message in problem.message


def test_a_folder_and_an_absent_file_are_no_prompts(tmp_path: Path) -> None:
    assert [problem.code for problem in check(tmp_path / "absent.md")] == ["E12"]
    assert [problem.code for problem in check(tmp_path)] == ["E12"]


def test_a_domain_prompt_needs_its_guard_pack(tmp_path: Path) -> None:
    library = PromptLibrary([PromptFolder("yours", tmp_path)])
    write(tmp_path, GOOD, "medical/report.md")
    assert "E30" in [problem.code for problem in check(library.entries()[0])]
    for key in ("guard: [medical]", "guard_off: it is for a clinic with its own notices"):
        write(tmp_path, changed("version: 3", f"version: 3\n{key}"), "medical/report.md")
        assert "E30" not in [problem.code for problem in check(library.entries()[0])]


@pytest.mark.parametrize("name", ["a b.md", "one/two/three.md", "general/x.y.md"])
def test_a_file_must_be_named_as_a_prompt_can_be(tmp_path: Path, name: str) -> None:
    write(tmp_path, GOOD, name)
    (entry,) = PromptLibrary([PromptFolder("yours", tmp_path)]).entries()
    assert [problem.code for problem in entry.problems] == ["E31"]
    assert "E31" in [problem.code for problem in check(entry)]


def test_every_code_is_proved_here() -> None:
    assert set(CODES) == {code for code, *_ in BROKEN} | {"E12", "E30", "E31", "E35", "E36"}


def test_all_errors_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = changed("version: 3", "version: 0\nwat: 1").replace("@@ system zh", "@@ sistem zh")
    path = write(tmp_path, text.replace("{% endif %}", "{% endif %}\n{{ 1 + 1 }}"))
    with pytest.raises(BrokenPrompt) as broken:
        PromptLibrary([]).get(str(path))
    told = [(problem.code, problem.place.line) for problem in broken.value.problems]
    assert told == [("E10", 3), ("E07", 4), ("E17", 14), ("E23", 23)]


def test_an_error_is_told_with_its_line_and_a_mark_below_it(tmp_path: Path) -> None:
    path = write(tmp_path, changed("version: 3", "version: 3\nsampling:\n  temprature: 0"))
    with pytest.raises(BrokenPrompt) as broken:
        PromptLibrary([]).get(str(path))
    assert str(broken.value).splitlines() == [
        "error[E07]: unknown key 'temprature' in sampling",
        f"  --> {path}:5:3",
        "5 |   temprature: 0",
        "  |   ^^^^^^^^^^ help: did you mean 'temperature'?",
    ]


def test_the_mark_stands_right_below_wide_characters(tmp_path: Path) -> None:
    (problem, *_) = check(write(tmp_path, changed("en: Report, zh: 报告", "zh: 报告, 报告: 报告")))
    assert problem.code == "E07"
    source, marks = str(problem).splitlines()[2:4]
    assert source == "4 | title: {zh: 报告, 报告: 报告}"
    # 4 of the gutter, 14 before it of which 2 are wide; the word is 2 wide characters
    assert marks.startswith("  | " + " " * 18 + "^^^^ help")


def test_the_home_folder_is_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (problem, *_) = check(write(tmp_path, "no front matter"))
    assert "--> ~/general/report.md:1:1" in str(problem)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "12:30", "1_000", "0x10", "null-ish"])
def test_yaml_1_1_surprises_are_plain_words(tmp_path: Path, word: str) -> None:
    path = write(tmp_path, changed("version: 3", f"version: 3\ntags: [{word}]"))
    template = PromptLibrary([]).get(str(path))
    assert template.header.tags == (word,)


def test_a_tested_prompt_with_every_key_is_kept_whole(tmp_path: Path) -> None:
    text = changed(
        "version: 3",
        """version: 3
purpose: for all languages
tags: [numbers]
output:
  format: json
  schema:
    type: array
    items:
      type: object
      properties:
        value: {type: [number, "null"], minimum: 0}
        word: {type: string, enum: [a, b], copy: true}
      required: [value]
  computed: {flag: "compare(value, word)"}
  view: table
sampling: {temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 100, stop: ["\\n", END]}
shots: {tiny: 1}
long: {strategy: map, unit: row}
guard: [medical, legal]
verify: {numbers: strict, quotes: mark, example_leak: true}
min_tier: small
base: general/summarize@2
tests:
  - name: one
    lang: zh
    inputs: {document: text, party: "12"}
    expect:
    - {json_valid: true}
    - {path: "[0].flag", equals: high}
    - {grounded: 1.0}
    - {not_contains_any: [you]}""",
    )
    path = write(
        tmp_path, text + EXAMPLE + '[{"value": 1.5, "word": "a"}]\n@@ note\nFor people.\n@@ prefill\n[{"\n'
    )
    assert [p.code for p in check(path) if p.severity == "error"] == []
    header = PromptLibrary([]).get(str(path)).header
    assert header.sampling == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "max_tokens": 100,
        "stop": ("\n", "END"),
    }
    assert header.output.schema == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "value": {"type": ["number", "null"], "minimum": 0},
                "word": {"type": "string", "enum": ["a", "b"], "copy": True},
            },
            "required": ["value"],
        },
    }
    assert header.output.computed == {"flag": Computation("compare", ("value", "word"))}
    assert header.long == LongPlan("map", "row")
    assert header.verify == VerifyPlan(numbers="strict", quotes="mark", example_leak=True)
    assert (header.guard, header.min_tier, header.base) == (
        ("medical", "legal"),
        "small",
        "general/summarize@2",
    )
    assert header.tests[0].expect[1] == {"path": "[0].flag", "equals": "high"}
    assert not [problem for problem in check(path) if problem.severity == "error"]
