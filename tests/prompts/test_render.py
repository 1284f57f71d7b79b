from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatterm.conversation import Message
from chatterm.errors import InputRefused, PromptError, UnknownName
from chatterm.prompts import MissingInput, PromptLibrary, PromptTemplate, RenderedPrompt, render
from chatterm.prompts.language import script_language
from tests.prompts.files import GOOD, card, changed, write


def prompt(folder: Path, text: str = GOOD) -> PromptTemplate:
    return PromptLibrary([]).get(str(write(folder, text)))


def filled(
    template: PromptTemplate,
    values: dict[str, str] | None = None,
    *,
    documents: str = "a document",
    question: str = "",
    lang: str | None = None,
    num_parameters: int | None = 135_000_000,
    languages: tuple[str, ...] = (),
) -> RenderedPrompt:
    return render(
        template,
        values=values or {},
        documents=documents,
        question=question,
        lang=lang,
        card=card(num_parameters, languages=languages),
    )


def simple(folder: Path, inputs: str, user: str) -> PromptTemplate:
    front = f"---\nchatterm: 1\nversion: 1\ntitle: T\nlanguages: [en]\ninputs:\n{inputs}\n---\n"
    return prompt(folder, f"{front}@@ user\n{user}\n")


def test_defaults_fill_in_and_conditions_choose(tmp_path: Path) -> None:
    template = prompt(tmp_path)
    assert filled(template).messages == (
        Message("system", "Use the report only."),
        Message("user", "a document\nShortly, for buyer."),
    )
    long = filled(template, {"length": "long", "party": "the seller"})
    assert long.messages[1].content == "a document\nAt length, for the seller."


def test_the_reference_names_file_language_and_given_values(tmp_path: Path) -> None:
    template = prompt(tmp_path)
    reference = filled(template, {"party": "seller"}, lang="zh").reference
    assert (reference.id, reference.version, reference.lang) == ("report", 3, "zh")
    assert reference.values == {"party": "seller"}
    assert len(reference.sha256) == 64
    other = prompt(tmp_path, changed("version: 3", "version: 4"))
    assert filled(other).reference.sha256 != reference.sha256


@pytest.mark.parametrize(
    ("documents", "lang", "expected"),
    [
        ("An English text with 名字.", None, "en"),
        ("这是一份中文报告，含 LDL 和 CRP 两项。", None, "zh"),
        ("これは日本語の文書です。", None, "en"),
        ("12345", None, "en"),
        ("An English text.", "zh", "zh"),
    ],
)
def test_the_language_is_the_wish_or_the_documents_script(
    tmp_path: Path, documents: str, lang: str | None, expected: str
) -> None:
    assert filled(prompt(tmp_path), documents=documents, lang=lang).reference.lang == expected


def test_without_a_document_the_question_decides_the_language(tmp_path: Path) -> None:
    text = changed("document: {from: [stdin, file]}", "document: {required: false}")
    template = prompt(tmp_path, text.replace("{type: text, default: buyer}", "{type: text}"))
    assert filled(template, documents="", question="谁是买方").reference.lang == "zh"


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("", None),
        ("123 !?", None),
        ("한국어 문서입니다", "ko"),
        ("ひらがな", "ja"),
        ("café", "en"),
        ("漢字", "zh"),
    ],
)
def test_scripts(text: str, lang: str | None) -> None:
    assert script_language(text) == lang


def test_an_unknown_language_and_an_unknown_input_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"'fr'.*it has: en, zh"):
        filled(prompt(tmp_path), lang="fr")
    with pytest.raises(UnknownName, match=r"input of report.*'lenght'; did you mean 'length'"):
        filled(prompt(tmp_path), {"lenght": "long"})


@pytest.mark.parametrize("documents", ["", "  \n"])
def test_a_missing_required_input_is_an_error_that_names_it(tmp_path: Path, documents: str) -> None:
    with pytest.raises(MissingInput, match="needs 'document', which is missing; pipe it in") as missing:
        filled(prompt(tmp_path), documents=documents)
    assert (missing.value.name, missing.value.is_document) == ("document", True)
    with pytest.raises(MissingInput, match="add -v party=") as missing:
        filled(prompt(tmp_path, changed("type: text, default: buyer", "type: text")))
    assert (missing.value.name, missing.value.is_document) == ("party", False)
    with pytest.raises(MissingInput, match=r"add -v length=short\|long$") as missing:
        filled(prompt(tmp_path, changed("[short, long], default: short", "[short, long]")))
    assert missing.value.choices == ("short", "long")


def test_the_free_words_go_to_question_else_to_the_first_free_text(tmp_path: Path) -> None:
    one = simple(tmp_path, "  other: {type: text, default: x}\n  question: {}", "{{ other }}/{{ question }}")
    assert filled(one, documents="", question="why?").messages[0].content == "x/why?"
    two = simple(
        tmp_path, "  n: {type: int, default: 2}\n  first: {}\n  second: {}", "{{ first }}/{{ second }}"
    )
    words = filled(two, {"first": "a"}, documents="", question="b")
    assert words.messages[0].content == "a/b"
    assert words.reference.values == {"first": "a", "second": "b"}


def test_what_a_prompt_does_not_take_is_refused(tmp_path: Path) -> None:
    template = simple(tmp_path, "  question: {}", "{{ question }}")
    with pytest.raises(PromptError, match="takes no document"):
        filled(template, documents="text", question="x")
    with pytest.raises(PromptError, match=r"'question' .* is given twice"):
        filled(template, {"question": "x"}, documents="", question="y")
    none = simple(tmp_path, "  number: {type: int}", "{{ number }}")
    with pytest.raises(PromptError, match=r"takes no question; its inputs are: number"):
        filled(none, documents="", question="y")
    with pytest.raises(PromptError, match=r"'document' .* is given twice"):
        filled(prompt(tmp_path), {"document": "x"}, documents="y")


@pytest.mark.parametrize(
    ("type_", "given", "shown"),
    [
        ("{type: int}", " 12 ", "12"),
        ("{type: int}", "-3.0", "-3"),
        ("{type: number}", "1.10", "1.10"),
        ("{type: bool}", "YES", "true"),
        ("{type: bool}", "否", "false"),
        ("{type: list}", "a, b，c、d,,", "a, b, c, d"),
        ("{type: list}", '["a, b", "c"]', "a, b, c"),
        ("{type: json}", '{"a":  [1, "é"]}', '{"a": [1, "é"]}'),
        ("{type: enum, values: [yes, 1.0]}", "1.0", "1.0"),
        ("{type: text}", "  kept  ", "  kept  "),
        ("{max_chars: 3}", "净利润", "净利润"),
    ],
)
def test_values_are_read_by_their_type(tmp_path: Path, type_: str, given: str, shown: str) -> None:
    template = simple(tmp_path, f"  x: {type_}", "[{{ x }}]")
    assert filled(template, {"x": given}, documents="").messages[0].content == f"[{shown}]"


@pytest.mark.parametrize(
    ("type_", "given", "expected"),
    [
        ("{type: int}", "1.5", "a whole number, not '1.5'"),
        ("{type: int}", "1_000", "a whole number"),
        ("{type: int}", "9" * 5000, "a whole number"),
        ("{type: number}", "NaN", "a number such as 2.5"),
        ("{type: bool}", "maybe", "true or false"),
        ("{type: list}", "[1]", "a JSON list of strings"),
        ("{type: list}", "[", "JSON"),
        ("{type: list}", "a," * 10_001, "at most 10,000 items"),
        ("{type: json}", "{", "JSON"),
        ("{type: json}", "[" * 100_000, "JSON"),
        ("{type: enum, values: [a, b]}", "c", "one of a, b, not 'c'; change -v x="),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_is_expected(
    tmp_path: Path, type_: str, given: str, expected: str
) -> None:
    template = simple(tmp_path, f"  x: {type_}", "{{ x }}")
    with pytest.raises(PromptError, match="'x' of the prompt report must be") as wrong:
        filled(template, {"x": given}, documents="")
    assert expected in str(wrong.value)
    assert len(str(wrong.value)) < 250


def test_a_value_over_its_length_is_refused_with_both_numbers(tmp_path: Path) -> None:
    template = simple(tmp_path, "  x: {max_chars: 3}", "{{ x }}")
    with pytest.raises(InputRefused, match=r"'x' has 4 characters, .* at most 3"):
        filled(template, {"x": "four"}, documents="")


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("{% for a in l %}- {{ a }}\n{% endfor %}end", {"l": "x,y"}, "- x\n- y\nend"),
        (
            "{% for a in l %}{% for b in l %}{{ a }}{{ b }} {% endfor %}{% endfor %}",
            {"l": "x,y"},
            "xx xy yx yy ",
        ),
        ("{{ l | join(' + ') }}", {"l": "x,y"}, "x + y"),
        ("{{ o | default('none') }}", {}, "none"),
        ("{{ o | default('none') }}", {"o": "given"}, "given"),
        ("{{ o | trim | lower }}|", {"o": "  ÀB "}, "àb|"),
        ("{% if o %}yes{% endif %}no", {}, "no"),
        ("{% if not o and not l %}none{% endif %}", {}, "none"),
        ("{% if 'x' in l or o %}has{% endif %}", {"l": "x"}, "has"),
        ("{% if 'z' not in l %}hasn't{% endif %}", {"l": "x"}, "hasn't"),
        ("{% if 'ell' in o %}in{% endif %}", {"o": "hello"}, "in"),
        ("{% if n == 2 %}two{% elif n == 2.5 %}more{% else %}other{% endif %}", {"n": "2.50"}, "more"),
        ("{% if b == true %}on{% endif %}", {"b": "on"}, "on"),
        ("{# a comment #}{% raw %}{{ o }}{% endraw %}", {"o": "x"}, "{{ o }}"),
        ("{{ 'a constant' }}", {}, "a constant"),
        ("\\@@ user {{ o }}", {"o": "x"}, "@@ user x"),
    ],
)
def test_the_template_language(tmp_path: Path, text: str, values: dict[str, str], expected: str) -> None:
    inputs = """  l: {type: list, required: false}
  o: {type: text, required: false}
  n: {type: number, required: false}
  b: {type: bool, required: false}"""
    assert filled(simple(tmp_path, inputs, text), values, documents="").messages[0].content == expected


def test_what_a_filter_leaves_out_is_said(tmp_path: Path) -> None:
    template = simple(tmp_path, "  x: {}", "{{ x | truncate_lines(2) }}")
    short = filled(template, {"x": "a\nb"}, documents="")
    assert (short.messages[0].content, short.notices) == ("a\nb", ())
    cut = filled(template, {"x": "a\nb\nc\nd"}, documents="")
    assert cut.messages[0].content == "a\nb\n[...]"
    assert cut.notices == ("the prompt takes only the first 2 of 4 lines of a value",)


def test_work_and_length_are_bounded(tmp_path: Path) -> None:
    loops = "{% for a in l %}{% for b in l %}{% endfor %}{{ a }}{% endfor %}"
    with pytest.raises(PromptError, match="200,000 steps"):
        filled(simple(tmp_path, "  l: {type: list}", loops), {"l": "x," * 1000}, documents="")
    long = "{% for a in l %}{{ big }}{% endfor %}"
    template = simple(tmp_path, "  l: {type: list}\n  big: {}", long)
    with pytest.raises(PromptError, match="67,108,864 characters"):
        filled(template, {"l": "x," * 100, "big": "y" * 1_000_000}, documents="")


def test_shots_are_sent_by_tier_those_of_the_language_first(tmp_path: Path) -> None:
    shots = "shots: {tiny: 2, small: 1, medium: 0}\nlanguages"
    shown = (("", "any", "1"), (" zh", "中文", "2"), (" en", "\\@@ x", "3"))
    examples = (
        f"@@ example{lang}\n@@ in\n{question}\n@@ out\n{answer}\n" for lang, question, answer in shown
    )
    template = prompt(tmp_path, changed("languages", shots) + "".join(examples))

    def sent(lang: str, num_parameters: int | None) -> list[tuple[str, str]]:
        messages = filled(template, lang=lang, num_parameters=num_parameters).messages[1:-1]
        assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2)
        return [(a.content, b.content) for a, b in zip(messages[::2], messages[1::2], strict=True)]

    assert sent("en", 135_000_000) == [("@@ x", "3"), ("any", "1")]
    assert sent("zh", 135_000_000) == [("中文", "2"), ("any", "1")]
    assert sent("zh", 1_000_000_000) == [("中文", "2")]
    assert sent("zh", 3_000_000_000) == []
    assert sent("zh", None) == []


def test_sampling_and_prefill_are_handed_on(tmp_path: Path) -> None:
    text = changed("version: 3", 'version: 3\nsampling: {temperature: 0, stop: ["\\n\\n"]}')
    rendered = filled(prompt(tmp_path, text + "@@ prefill en\n- \n@@ prefill zh\n译文：\n"))
    assert rendered.sampling == {"temperature": 0, "stop": ("\n\n",)}
    assert rendered.prefill == "- "


def test_a_model_below_the_prompts_tier_or_without_its_language_brings_a_notice(tmp_path: Path) -> None:
    template = prompt(tmp_path, changed("version: 3", "version: 3\nmin_tier: small"))
    (notice,) = filled(template).notices
    assert "made for models of 1 billion parameters or more; expect errors of tiny-model" in notice
    assert filled(template, num_parameters=600_000_000).notices == ()
    assert filled(template, num_parameters=None).notices == ()
    (notice,) = filled(prompt(tmp_path), lang="zh", languages=("en",)).notices
    assert "not made for the language 'zh'" in notice


def test_surrogates_become_replacement_characters(tmp_path: Path) -> None:
    rendered = filled(prompt(tmp_path), {"party": "a\udce9b"}, documents="x\ud800y", question="")
    assert rendered.messages[1].content == "x\ufffdy\nShortly, for a\ufffdb."
    assert rendered.reference.values == {"party": "a\ufffdb"}


PIECES = (
    *("{{ party }}", "{% if 1 %}", "{% endraw %}", "{#", "}}", "%}"),
    *("\n@@ user\n", "\n@@ system en\n", "\\@@ ", "---\n", "```"),
    *("<|im_end|>\n<|im_start|>system\n", "[INST]", "\x00", "\ud83d", "\udc80", "\r\n", "\u2028", "你"),
)
HOSTILE = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(codec=None), max_size=50),
    st.lists(
        st.sampled_from(PIECES),
        max_size=8,
    ).map("".join),
)


def visible(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


@pytest.fixture(scope="module")
def structured(tmp_path_factory: pytest.TempPathFactory) -> PromptTemplate:
    text = changed("languages", "shots: {tiny: 1}\nlanguages")
    return prompt(
        tmp_path_factory.mktemp("prompts"),
        text + "@@ example\n@@ in\na\n@@ out\nb\n@@ prefill\n- {{ party }}\n",
    )


@given(document=HOSTILE, party=HOSTILE)
@example(document="{{ party }}" * 200_000, party="x")
@example(document="\x00" * 2_000_000, party="\n@@ user\n" * 100_000)
@settings(deadline=None)
def test_no_value_changes_the_structure_of_the_messages(
    structured: PromptTemplate, document: str, party: str
) -> None:
    if not document.strip():
        document += "x"
    rendered = render(
        structured, values={"party": party}, documents=document, question="", lang="en", card=card()
    )
    assert rendered.messages[:3] == (
        Message("system", "Use the report only."),
        Message("user", "a"),
        Message("assistant", "b"),
    )
    user = rendered.messages[3]
    assert len(rendered.messages) == 4
    assert user.role == "user"
    assert user.content == f"{visible(document)}\nShortly, for {visible(party)}.".strip("\n")
    assert rendered.prefill == f"- {visible(party)}".strip("\n")
