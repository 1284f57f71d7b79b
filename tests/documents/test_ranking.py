"""BM25: what a question is about comes first, in English and in Chinese."""

import pytest

from chatterm.documents.ranking import rank

TEXTS = [
    "The permit costs 45 pounds and is valid for three years.",
    "Residents park in the northern yard. Visitors park in the street.",
    "The deadlines for objections are the first of May and of June. Does this say where these files are?",
    "许可证费用四十五元，有效期三年。",
    "住户在北院停车，访客在街上停车。",
    "2024年净利润为3200万元。",
]


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("How much does the permit cost?", 0),
        ("Where may visitors be parking?", 1),
        ("What is the deadline for an objection?", 2),
        ("许可证的有效期是多久？", 3),
        ("访客在哪里停车？", 4),
        ("净利润有多少？", 5),
    ],
)
def test_the_text_that_answers_comes_first(question: str, best: int) -> None:
    scores = rank(TEXTS, question)
    assert max(range(len(TEXTS)), key=scores.__getitem__) == best


def test_a_text_without_a_word_of_the_question_has_no_score() -> None:
    scores = rank(TEXTS, "Where is the permit?")
    assert scores[0] > 0
    assert scores[1:] == [0.0] * 5


@pytest.mark.parametrize("question", ["", "what is it about?", "Does this file say these?", "？！", "zzz"])
def test_a_question_that_says_nothing_ranks_nothing(question: str) -> None:
    assert rank(TEXTS, question) == [0.0] * len(TEXTS)


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    scores = rank(["alpha beta", "alpha gamma", "alpha delta"], "alpha gamma")
    assert scores[1] > scores[0] == scores[2] > 0


def test_no_texts() -> None:
    assert rank([], "anything") == []
