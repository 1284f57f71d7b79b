"""What statements rest on, in English and Chinese."""

import pytest

from chatterm.checks.support import Citer

LEASE = """LEASE AGREEMENT

1. Term. The lease begins on 1 March 2024 and runs for three years.
2. Rent. The tenant pays 1,250 euros each month, in advance.
   Late payments bear interest at 5 % a year.
3. Deposit. A deposit of 2,500 euros is returned within sixty days after the end of the lease.
4. Pets. The tenant shall not keep animals without the written consent of the landlord.
"""
REPORT = """年度报告

公司2023年营业收入为1.2亿元，同比增长15%。
净利润下降，主要原因是原材料价格上涨。
公司在上海新建了一座研发中心，员工人数增至850人。
"""


@pytest.mark.parametrize(
    ("statement", "how", "lines"),
    [
        ("The tenant pays 1,250 euros each month, in advance.", "quote", (4, 4)),
        ('It says "Late payments bear interest at 5 % a year".', "quote", (5, 5)),
        ("The monthly rent is 1250 euros.", "numbers", (4, 4)),
        ("Animals may not be kept unless the landlord consents in writing.", "words", (7, 7)),
        ("The deposit is returned after the lease ends.", "words", (6, 6)),
        ("The monthly rent is 1350 euros.", "nothing", None),
        ("The tenant may keep animals without asking the landlord in Hamburg.", "nothing", None),
        ("The weather was fine and the children played outside.", "nothing", None),
        ("2023年收入达到12000万元，增长了15%。", "numbers", (3, 3)),
        ("净利润因原材料涨价而下降。", "words", (4, 4)),
        ("公司在北京开设了三家门店。", "nothing", None),
        ("", "nothing", None),
        ("...", "nothing", None),
    ],
)
def test_statement(statement: str, how: str, lines: tuple[int, int] | None) -> None:
    found = Citer([LEASE, REPORT]).cite(statement)
    assert found.how == how
    assert found.text == statement == statement[found.start : found.end]
    if lines:
        assert (found.evidence[0].first_line, found.evidence[0].last_line) == lines
        assert found.evidence[0].source == ("2023" in statement or "净利润" in statement)
    else:
        assert not found.evidence


def test_reply() -> None:
    reply = "# Summary\n\n- The lease runs for three years.\n- It is free of charge. 净利润下降。\n"
    found = list(Citer([LEASE, REPORT]).cite_all(reply))
    assert [one.text for one in found] == [
        "The lease runs for three years.",
        "It is free of charge.",
        "净利润下降。",
    ]
    assert [one.is_supported for one in found] == [True, False, True]
    assert all(reply[one.start : one.end] == one.text for one in found)
