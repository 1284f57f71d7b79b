from tests.checks.generated_hard import in_words
from tests.checks.generated_numbers import chinese
from tests.checks.generated_set import MAKERS, generated_set


def test_every_category_comes_right_and_wrong_often_enough_to_be_measured() -> None:
    claims = [claim for case in generated_set() for claim in case.claims]
    for category in (name for makers in MAKERS.values() for name in makers):
        verdicts = [claim.is_right for claim in claims if claim.category == category]
        assert min(verdicts.count(True), verdicts.count(False)) >= 20, category


def test_a_claim_names_its_stretch_of_the_reply() -> None:
    case = next(generated_set(num_cases=1))
    claims = [claim for claim in case.claims if claim.kind != "trap"]
    assert all("\n" not in case.reply[claim.start : claim.end].strip("\n") for claim in claims)
    assert all(0 <= claim.start < claim.end <= len(case.reply) for claim in case.claims)


def test_the_set_is_the_same_every_time() -> None:
    assert list(generated_set(num_cases=20)) == list(generated_set(num_cases=20))


def test_chinese_numerals_are_those_people_write() -> None:
    known = {10: "十", 35_000: "三万五千", 101: "一百零一", 20_050: "二万零五十", 305: "三百零五", 12: "十二"}
    assert {value: chinese(value) for value in known} == known


def test_english_numerals_are_those_people_say() -> None:
    known = {342: "three hundred and forty-two", 20: "twenty", 7_019: "seven thousand nineteen"}
    assert {value: in_words(value) for value in known} == known
