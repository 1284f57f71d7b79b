"""What numbers of a text mean, and whether a reply's are in its source: tables, English and Chinese."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.checks import Finding
from chatterm.checks.folding import fold
from chatterm.checks.numbers import read_numbers
from chatterm.checks.verify import verify


def meant(text: str) -> list[tuple[str, float, str]]:
    """Return what is written, its value with scale and unit, and the unit's name."""
    folded = fold(text)
    return [
        (
            text[one.start : one.end],
            float(one.readings[0].amount) * (one.sign or 1),
            one.readings[0].unit.name,
        )
        for one in read_numbers(folded)
        if one.readings and not one.is_marker
    ]


READ = [
    ("1,234.5 tonnes", [("1,234.5 tonnes", 1_234_500_000, "g")]),
    ("1.2 million", [("1.2 million", 1_200_000, "")]),
    ("1 234 567", [("1", 1, ""), ("234", 234, ""), ("567", 567, "")]),
    ("12,34,567 rupees", [("12,34,567", 1_234_567, "")]),
    ("1.234.567,89 EUR", [("1.234.567,89 EUR", 1_234_567.89, "EUR")]),
    ("$3.5bn", [("$3.5bn", 3.5e9, "USD")]),
    ("US$ 40k", [("US$ 40k", 40_000, "USD")]),
    ("2.5e-3 mol", [("2.5e-3", 0.0025, "")]),
    ("6.02×10^23", [("6.02×10^23", 6.02e23, "")]),
    ("-4.90 EUR", [("-4.90 EUR", -4.9, "EUR")]),
    ("a loss of −$5m", [("−$5m", -5e6, "USD")]),
    ("minus 5.5 percent", [("minus 5.5 percent", -0.055, "%")]),
    ("seventy-two thousand five hundred", [("seventy-two thousand five hundred", 72_500, "")]),
    ("one hundred and five nurses", [("one hundred and five", 105, "")]),
    ("half a million people", [("half a million", 500_000, "")]),
    ("two and a half years", [("two and a half years", 30, "month")]),
    ("2½ hours", [("2½ hours", 2.5 / 24, "day")]),
    ("½ of it", [("½", 0.5, "%")]),
    ("2 1/2", [("2", 2, ""), ("1/2", 0.5, "%")]),
    ("two-thirds of them", [("two-thirds", 2 / 3, "%")]),
    ("twenty-five basis points", [("twenty-five basis points", 0.25, "pp")]),
    ("a dozen eggs", [("a dozen", 12, "")]),
    ("in the third quarter", [("third", 3, "quarter")]),
    ("Q3 2024", [("Q3", 3, "quarter"), ("2024", 2024, "")]),
    ("the 21st floor", [("21st", 21, "ordinal")]),
    ("a 30-day notice", [("30-day", 30, "day")]),
    ("5 mg/kg twice", [("5 mg/kg", 5e-6, "g/g")]),
    ("5 mg per kg", [("5 mg per kg", 5e-6, "g/g")]),
    ("5毫克/公斤", [("5毫克/公斤", 5e-6, "g/g")]),
    ("120 mg/dL", [("120 mg/dL", 1.2, "g/l")]),
    ("3 items/box", [("3", 3, "")]),
    ("3 and a half hours", [("3 and a half hours", 3.5 / 24, "day")]),
    ("八个半小时", [("八个半小时", 8.5 / 24, "day")]),
    ("8个半小时", [("8个半小时", 8.5 / 24, "day")]),
    ("76万4800元", [("76万4800元", 764_800, "CNY")]),
    ("3万5千元", [("3万5千元", 35_000, "CNY")]),
    ("grew 1.5x", [("1.5x", 1.5, "times")]),
    ("open 24/7 in 4K", []),
    ("五花八门，不管三七二十一，十二指肠", []),
    ("paid 80K", [("80K", 80_000, "")]),
    ("36.8 °C", [("36.8 °C", 36.8, "C")]),
    ("at 9:30 pm", [("9:30 pm", 1290, "clock")]),
    ("三万五千", [("三万五千", 35_000, "")]),
    ("三万五", [("三万五", 35_000, "")]),
    ("一百零五人", [("一百零五", 105, "")]),
    ("一百五十", [("一百五十", 150, "")]),
    ("十二个", [("十二", 12, "")]),
    ("12.5亿", [("12.5亿", 1.25e9, "")]),
    ("三千二百万元", [("三千二百万元", 3.2e7, "CNY")]),
    ("1亿2000万元", [("1亿2000万元", 1.2e8, "CNY")]),
    ("一亿三千万", [("一亿三千万", 1.3e8, "")]),
    ("1.2万亿美元", [("1.2万亿美元", 1.2e12, "USD")]),
    ("净利润3200万元", [("3200万元", 3.2e7, "CNY")]),
    ("百分之三十五", [("百分之三十五", 0.35, "%")]),
    ("百分之3.5", [("百分之3.5", 0.035, "%")]),
    ("三点一四", [("三点一四", 3.14, "")]),
    ("四分之三", [("四分之三", 0.75, "%")]),
    ("三成半", [("三成半", 0.35, "%")]),
    ("上调25个基点", [("25个基点", 0.25, "pp")]),
    ("下降0.3个百分点", [("0.3个百分点", 0.3, "pp")]),
    ("壹万贰仟元整", [("壹万贰仟元", 12_000, "CNY")]),
    ("负5℃", [("负5℃", -5, "C")]),
    ("零下五度", [("零下五", -5, "")]),
    ("第三季度", [("三", 3, "quarter")]),
    ("第十二名", [("第十二", 12, "ordinal")]),
    ("两个月", [("两个月", 2, "month")]),
    ("三年", [("三年", 36, "month")]),
    ("服用5毫克", [("5毫克", 0.005, "g")]),
    ("上午9点至下午5点半", [("9点", 540, "clock"), ("5点半", 1050, "clock")]),
    ("下午3点20分", [("3点20分", 920, "clock")]),
    ("１２．５％", [("１２．５％", 0.125, "%")]),
    ("３～５天", [("３", 3, "day"), ("５天", 5, "day")]),
    ("3-5 million", [("3", 3e6, ""), ("5 million", 5e6, "")]),
    ("between 10 and 12%", [("10", 0.1, "%"), ("12%", 0.12, "%")]),
    ("a \x1b[1;31mred\x1b[0m 7 and [31m", [("7", 7, ""), ("31m", 31, "m")]),
    ("COVID-19, E11.9, B12, GPT-4, H2O, 5G, v1.2.3, 192.168.0.1, 978-3-16-148410-0", []),
    ("一些人十分高兴，万一统一一下，一般一起", []),
    ("三心二意、四川、五星、千万不要、二三十", []),
    ("1. apples\n2) pears\n(3) plums\n- 4. nuts\n一、其一", []),
    ("lines 12-14, step 3, [5], 第12行", []),
    ("9" * 50, []),
    ("1" + ".000" * 2000 + ",50", []),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_number_is_read_as_people_mean_it(text: str, expected: list[tuple[str, float, str]]) -> None:
    found = meant(text)
    assert [(written, unit) for written, _, unit in found] == [(one[0], one[2]) for one in expected]
    assert [value for _, value, _ in found] == pytest.approx([one[1] for one in expected])


DATES = [
    ("30 June 2024", (2024, 6, 30)),
    ("June 30th, 2024", (2024, 6, 30)),
    ("the 1st of May", (None, 5, 1)),
    ("2024-06-30", (2024, 6, 30)),
    ("2024/6/3", (2024, 6, 3)),
    ("30.06.2024", (2024, 6, 30)),
    ("Sept. 2023", (2023, 9, None)),
    ("2024年6月30日", (2024, 6, 30)),
    ("二〇二四年六月三十日", (2024, 6, 30)),
    ("６月３０日", (None, 6, 30)),
    ("2024年", (2024, None, None)),
    ("十二月", (None, 12, None)),
]


@pytest.mark.parametrize(("text", "expected"), DATES)
def test_a_date_is_read_part_by_part(text: str, expected: tuple[int | None, ...]) -> None:
    (number,) = read_numbers(fold(text))
    (date,) = number.dates
    assert (date.year, date.month, date.day) == expected


def test_a_date_that_may_mean_two_days_is_read_as_both() -> None:
    (number,) = read_numbers("3/4/2024")
    assert {(date.month, date.day) for date in number.dates} == {(4, 3), (3, 4)}


# reply, source, what must be marked, and as what
JUDGED = [
    ("Revenue was 1.2 million.", "Revenue: 1,200,000", []),
    ("Revenue was 1.2 million.", "Revenue: 1,234,567", [("1.2 million", "near", "rounded")]),
    ("Revenue was about 1.2 million.", "Revenue: 1,234,567", []),
    ("Revenue was over $1.2 million.", "Revenue: $1,299,999", [("$1.2 million", "near", "rounded")]),
    ("人口约120万", "人口1203456人", []),
    ("Revenue was 1.3 billion.", "Revenue: 1.3 million", [("1.3 billion", "near", "scale")]),
    ("16,870 thousand euros", "(in thousand euros)\nGross profit 16,870", []),
    ("16.87 million euros", "(in thousand euros)\nGross profit 16,870", []),
    (
        "16,870 million euros",
        "(in thousand euros)\nGross profit 16,870",
        [("16,870 million euros", "near", "unit")],
    ),
    ("毛利1687万元", "单位：千元\n毛利 16,870", []),
    ("It rose 35%.", "It rose by 35 percentage points.", [("35%", "near", "unit")]),
    ("It rose 35%.", "Growth (%)  35", []),
    ("It rose by a quarter of a point.", "It rose by 25%.", []),
    ("上升25%", "It rose by a quarter", []),
    ("a third of it", "减少了三分之一", []),
    ("33% of it", "减少了三分之一", [("33%", "near", "rounded")]),
    ("降息0.25个百分点", "cut by 25 bp", []),
    ("Give 50 mg.", "Give 50 µg.", [("50 mg", "near", "unit")]),
    ("Give 0.05 mg.", "Give 50 µg.", []),
    ("Here are three key points:\n- It rose.\n- It fell.\n- It ended.", "nothing", []),
    ("Here are three key points:\n- It rose.\n- It fell.", "nothing", []),
    ("There are 3 risks:\n1. Frost.\n2. Rain.\n3. Wind.", "nothing", []),
    ("There are 3 risks:\n1. Frost.\n2. Rain.", "nothing", [("3", "absent", "")]),
    ("The plan names 4 steps.", "The plan has steps.", [("4", "absent", "")]),
    ("主要有两个方面：\n一、涨。\n二、跌。", "无", []),
    ("Give 50 mg/kg.", "Give 50 mg per kg.", []),
    ("Give 50 mg/dL.", "Give 50 mg/kg.", [("50 mg/dL", "near", "unit")]),
    ("20 mg a day", "Take 20 mg per day.", []),
    ("20 mg per day", "Take 20 mg daily.", []),
    ("about one in eight", "它影响八分之一的人", []),
    ("12.5% of them", "1 in 8 of them", []),
    ("1 in 9 of them", "1 in 8 of them", [("9", "absent", "")]),
    ("Of 4 patients 3 agreed.", "3 out of 4 patients agreed.", []),
    ("Result: -70,795", "Result   (70,795)", []),
    ("a loss of 70,795", "Result   (70,795)", []),
    ("a profit of 70,795", "Result   (70,795)", [("70,795", "near", "sign")]),
    ("Sales were 70,795.", "Sales (70,795) grew.", []),
    ("Sales were 70,795.", "Sales  (12)  70,795", []),
    ("within 48 hours", "within 2 days", []),
    ("两年内", "within 24 months", []),
    ("The fee is 4.90 EUR.", "Account fee  -4.90 EUR", []),
    ("The result was +4.90 EUR.", "Result  -4.90 EUR", [("+4.90 EUR", "near", "sign")]),
    ("The result was 12 million.", "Result -12 million", [("12 million", "near", "sign")]),
    ("The loss was 12 million.", "In million euros\nResult  (12)", []),
    ("-3.5%", "fell by 3.5%", []),
    ("Due on 30 June.", "到期日：2024年6月30日", []),
    ("Due on 30 June 2024.", "For 2024. Due on 30 June.", []),
    ("Due on 30 June 2024.", "Due on 30 June 2023. Founded 2024.", [("30 June 2024", "near", "date")]),
    ("Due on 1 July 2024.", "Due on 30 June 2024.", [("1 July 2024", "absent", "")]),
    ("In 2024 it grew.", "The year ended 30 June 2024", []),
    ("at 15:30", "下午3点30分", []),
    ("at 3:30 am", "at 15:30", [("3:30 am", "absent", "")]),
    ("Three nurses came.", "Five nurses came.", [("Three", "absent", "")]),
    ("有三名护士", "Three nurses came.", []),
    ("共有12人", "共有二十一人", [("12", "absent", "")]),
    ("$500", "€500", [("$500", "near", "unit")]),
    ("500元", "¥500", []),
    ("第三季度增长", "Growth in Q3", []),
    ("第一季度增长", "Growth in Q3", [("一", "absent", "")]),
    ("Deposit: €2,501", "Kaution 2.501 EUR", []),
    ("It is 2,501 km", "It is 2.501 km", [("2,501 km", "absent", "")]),
    ("9 to 17", "open 9:00-17:30", [("17", "absent", "")]),
    ("at 9:00", "it starts at 9", []),
    ("下午2点至4点半", "14:00-16:30", []),
    ("下午2点至4点半", "14:00-17:30", [("4点半", "absent", "")]),
    ("in the second quarter", "in the third quarter", [("second", "absent", "")]),
    ("排名第十二", "ranked 12th", []),
    ("3 to 5 million", "300万至500万", []),
    ("3 to 6 million", "300万至500万", [("6 million", "absent", "")]),
    ("No numbers here, one by one.", "No.", []),
    ("3.", "four ships", [("3", "absent", "")]),
    ("Three.", "four ships", [("Three", "absent", "")]),
    ("3. Ships\n4. Boats", "none", []),
]


def marks(reply: str, source: str) -> list[tuple[str, str, str]]:
    return [(one.text, one.verdict, one.why) for one in verify(reply, source).unverified]


@pytest.mark.parametrize(("reply", "source", "expected"), JUDGED)
def test_a_number_is_held_against_the_source(
    reply: str, source: str, expected: list[tuple[str, str, str]]
) -> None:
    assert marks(reply, source) == expected


def test_a_finding_names_its_place_in_the_reply_and_the_lines_of_the_source() -> None:
    (finding,) = verify("约有１２０万人。", "Title\n\nPeople: 1,200,000\nCars: 3").findings
    assert isinstance(finding, Finding)
    assert (finding.start, finding.end, finding.text) == (2, 6, "１２０万")
    assert [(one.text, one.first_line, one.last_line) for one in finding.evidence] == [("1,200,000", 3, 3)]


@given(st.integers(2, 10**11), st.sampled_from(["{}", "{:,}", "{}元", "${:,}"]))
def test_a_number_that_is_copied_is_found(value: int, form: str) -> None:
    text = form.format(value)
    assert verify(f"It is {text}.", f"x {text} y").grounded() == 1.0


@given(st.integers(1, 10**11 - 1))
def test_chinese_numerals_equal_their_digits(value: int) -> None:
    from tests.checks.generated_numbers import chinese

    ((_, found, _),) = meant(f"共{chinese(value)}件") if value != 1 else [("", 1, "")]
    assert Fraction(found) == value


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_is_too_strange(reply: str, source: str) -> None:
    for finding in verify(reply, source).findings:
        assert reply[finding.start : finding.end] == finding.text
        assert all(1 <= one.first_line <= one.last_line for one in finding.evidence)


@given(st.text(alphabet="0123456789.,-/:%() 一二三十百千万亿点分之第年月日号 eEx×^k$€mMbn\n", max_size=40))
def test_every_number_of_a_text_is_grounded_in_the_text_itself(text: str) -> None:
    assert [one.text for one in verify(text, text).unverified] == []
