"""What code knows of words."""

import pytest

from chatterm.lexicon import ends_in_abbreviation, stem


@pytest.mark.parametrize(
    "forms",
    [
        ("use", "uses", "used", "using"),
        ("run", "runs", "running"),
        ("deadline", "deadlines"),
        ("city", "cities"),
        ("pay", "pays", "payment", "payments"),
        ("许可",),
        ("x86",),
    ],
)
def test_the_forms_of_a_word_are_one(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("tenant", "landlord"), ("2019", "2018"), ("rent", "ran"), ("no", "on")]
)
def test_other_words_stay_others(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [
        ("See Fig.", True),
        ("It was found by Dr.", True),
        ("The U.S.", True),
        ("by J.", True),
        ("e.g.", True),
        ("The lease ends.", False),
        ("pumps, pipes, etc.", False),
        ("It has sold.", False),
    ],
)
def test_a_sentence_goes_on_behind_an_abbreviation(text: str, goes_on: bool) -> None:
    assert ends_in_abbreviation(text, 0, len(text)) is goes_on


def test_only_the_sentence_is_looked_at() -> None:
    text = "Ask Mr. No."
    assert not ends_in_abbreviation(text, len(text) - 1, len(text))
