from typing import get_args

import pytest

from chatterm.checks import PACKS, Pack, footer, notices_before
from chatterm.prompts.header import Guard

EMERGENCIES = [
    "I have chest pain and my left arm feels odd",
    "CHEST\n  PAIN since this morning",
    "my father can’t breathe",
    "she is having trouble breathing",
    "his face is drooping on one side",
    "this is the worst headache of my life",
    "He passed out and won't wake up.",
    "我胸痛了两个小时",
    "突然呼吸困难怎么办",
    "呼吸\n困难",
    "爷爷口角歪斜，说话不清",
    "我妈妈chest pain很厉害",
    "突然呼吸困難",
    "ｃｈｅｓｔ ｐａｉｎ",
]
IN_DESPAIR = [
    "I am suicidal",
    "I want to kill myself",
    "I don't want to live any more",
    "我想自杀",
    "活着没意思，我不想活了",
    "我想死",
    "他有自殘行为",
]
HARMLESS = [
    "",
    "What does LDL mean?",
    "What is photosynthesis?",
    "the chest of drawers is a painting",
    "an archest painter",
    "胸怀大志的人",
    "我想死你了",
    "这道菜很好吃",
    "请解释呼吸作用",
    "strokes of a brush",
]


@pytest.mark.parametrize("text", EMERGENCIES)
def test_an_emergency_in_the_users_words_brings_the_fixed_notice(text: str) -> None:
    (notice,) = notices_before("medical", text, "en", "112")
    assert "call 112 at once" in notice
    (chinese,) = notices_before("medical", text, "zh", "120")
    assert "立即拨打 120" in chinese


@pytest.mark.parametrize("text", EMERGENCIES)
def test_only_the_medical_pack_looks_for_bodily_emergencies(text: str) -> None:
    assert notices_before("legal", text, "en", "112") == ()


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("text", IN_DESPAIR)
def test_every_pack_answers_words_of_despair(pack: Pack, text: str) -> None:
    (notice,) = notices_before(pack, text, "en", "911")
    assert "911" in notice
    assert "person you trust" in notice


@pytest.mark.parametrize("text", HARMLESS)
def test_other_words_bring_nothing(text: str) -> None:
    assert [notices_before(pack, text, "en", "112") for pack in PACKS] == [()] * len(PACKS)


def test_both_dangers_bring_both_notices() -> None:
    assert len(notices_before("medical", "I took an overdose, I want to die", "en", "112")) == 2


def test_every_pack_has_a_footer_of_one_sentence_in_each_language() -> None:
    texts = {footer(pack, lang) for pack in PACKS for lang in ("en", "zh")}
    assert len(texts) == 2 * len(PACKS)
    assert all(text.count(".") + text.count("。") == 1 for text in texts)
    assert footer("legal", "fr") == footer("legal", "en")


def test_a_language_without_notices_of_its_own_gets_english() -> None:
    assert notices_before("medical", "胸痛", "fr", "15") == notices_before("medical", "胸痛", "en", "15")


def test_the_packs_are_those_a_prompt_may_name() -> None:
    assert get_args(Guard) == PACKS


def test_a_long_text_is_searched_at_once() -> None:
    assert notices_before("medical", "breath " * 300_000 + "胸痛", "en", "112")
