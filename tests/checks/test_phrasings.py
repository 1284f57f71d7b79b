import time

import pytest

from chatterm.checks import PACKS, Pack, draft_line
from chatterm.checks.phrasings import forbidden_phrasings

FORBIDDEN: list[tuple[Pack, str, str]] = [
    ("medical", "You have type 2 diabetes.", "diagnosis"),
    ("medical", "It means you probably have an infection.", "diagnosis"),
    ("medical", "you’ve got bronchitis", "diagnosis"),
    ("medical", "You are suffering from iron deficiency anaemia.", "diagnosis"),
    ("medical", "Your diagnosis is clear.", "diagnosis"),
    ("medical", "您患有糖尿病。", "diagnosis"),
    ("medical", "你很可能得了肺炎", "diagnosis"),
    ("medical", "Take 500 mg of it.", "dose"),
    ("medical", "take two more, that is 2 tablets", "dose"),
    ("medical", "Increase the evening dose to 20 units", "dose"),
    ("medical", "每次服用５毫克。", "dose"),
    ("medical", "每天吃两片", "dose"),
    ("medical", "You can stop taking it.", "stopping"),
    ("medical", "建议停药。", "stopping"),
    ("medical", "There is no need to see a doctor.", "no doctor"),
    ("medical", "您不需要去医院", "no doctor"),
    ("legal", "You will certainly win.", "outcome"),
    ("legal", "这个官司一定胜诉", "outcome"),
    ("legal", "You don't need a lawyer for it.", "no lawyer"),
    ("legal", "无需聘请律师", "no lawyer"),
    ("legal", "As your lawyer, I think so.", "advice"),
    ("legal", "建议您起诉对方", "advice"),
    ("finance", "Guaranteed returns of 8%.", "promise"),
    ("finance", "It is a RISK-FREE bond", "promise"),
    ("finance", "这只基金稳赚", "promise"),
    ("finance", "The stock will soar.", "forecast"),
    ("finance", "明天必涨", "forecast"),
    ("finance", "We recommend buying now.", "recommendation"),
    ("finance", "The price target is 40.", "recommendation"),
    ("finance", "建议逢低买入", "recommendation"),
    ("finance", "目标价：40元", "recommendation"),
    ("education", "You are too lazy.", "judgement"),
    ("education", "你真笨", "judgement"),
    ("education", "Your final grade is 12.", "final grade"),
    ("education", "最终成绩为12分", "final grade"),
]
ALLOWED: list[tuple[Pack, str]] = [
    ("medical", "You have to ask. You have the right to know. You have an appointment."),
    ("medical", "The report names an infection."),
    ("medical", "Do not stop taking it without asking."),
    ("medical", "请勿自行停药，不要停止服用。"),
    ("medical", "The value is 5 mg/L."),
    ("medical", "Ask your doctor."),
    ("legal", "The clause says who pays. Ask a lawyer."),
    ("legal", "没有人能保证胜诉的问题请咨询律师"),
    ("finance", "Returns are not guaranteed. There are no guaranteed returns."),
    ("finance", "This is not risk-free, and past results do not predict."),
    ("finance", "并非保本，不保证收益"),
    ("finance", "The company will sell its shares; buyers paid 5."),
    ("education", "The answer is wrong: look at step 2."),
    ("education", "这道题需要再想一想"),
]


@pytest.mark.parametrize(("pack", "reply", "rule"), FORBIDDEN)
def test_a_forbidden_phrasing_is_marked(pack: Pack, reply: str, rule: str) -> None:
    found = forbidden_phrasings(pack, "First line.\n" + reply)
    assert [one.rule for one in found] == [rule]
    assert found[0].line == 2
    assert ("First line.\n" + reply)[found[0].start : found[0].end] == found[0].text


@pytest.mark.parametrize(("pack", "reply"), ALLOWED)
def test_plain_words_are_not_marked(pack: Pack, reply: str) -> None:
    assert forbidden_phrasings(pack, reply) == ()


def test_what_the_document_says_itself_may_be_repeated() -> None:
    letter = "Take\n500 mg in the evening. 每次服用5毫克。"
    assert forbidden_phrasings("medical", "Take 500 mg. 每次服用5毫克", [letter]) == ()
    assert len(forbidden_phrasings("medical", "Take 600 mg. 每次服用6毫克", [letter])) == 2


def test_the_reason_is_in_the_language_that_is_asked_for() -> None:
    (chinese,) = forbidden_phrasings("finance", "稳赚", lang="zh")
    (other,) = forbidden_phrasings("finance", "稳赚", lang="fr")
    assert (chinese.reason, other.reason) == ("承诺收益", "a promise of profit")


def test_drafts_have_a_line_of_their_own() -> None:
    assert "DRAFT" in (draft_line("legal", "en") or "")
    assert "草稿" in (draft_line("education", "zh") or "")
    assert draft_line("finance", "en") is None


@pytest.mark.parametrize("text", ["you have ", "take a ", "服用", "no ", "you may might have a ", "1" * 100])
def test_hostile_text_is_searched_at_once(text: str) -> None:
    started = time.process_time()
    for pack in PACKS:
        forbidden_phrasings(pack, text * (200_000 // len(text)))
    assert time.process_time() - started < 4
