"""Where one text denies what another says."""

import pytest

from chatterm.checks.denials import contradicts


@pytest.mark.parametrize(
    ("statement", "place", "is_denied"),
    [
        ("You may sell copies.", "You may not sell copies of the work.", True),
        ("You may not sell copies.", "You may sell copies of the work.", True),
        ("You may not sell copies.", "You may not sell copies of the work.", False),
        ("Selling copies is forbidden.", "You may not sell copies of the work.", False),
        ("Trademark rights are waived.", "No trademark rights are waived, abandoned or licensed.", True),
        ("Trademark rights are not waived.", "No trademark rights are waived, abandoned or licensed.", False),
        ("The tenant may keep animals.", "The tenant shall not keep animals without consent.", True),
        (
            "The tenant may keep animals only with consent.",
            "The tenant shall not keep animals without consent.",
            False,
        ),
        (
            "Contributors are not liable.",
            "In no event, whether in tort or contract, shall contributors be liable.",
            False,
        ),
        ("The tenant may keep animals.", "The tenant can’t keep animals.", True),
        ("The tenant pays rent.", "Not only does the tenant pay rent, he heats the house too.", False),
        ("The rent is due in May.", "Pets are not allowed. The rent is due in May.", False),
        ("原料不足不会影响产量。", "原料供应不足可能影响产量。", True),
        ("原料不足会影响产量。", "原料供应不足可能影响产量。", False),
        ("其它服务会受到影响。", "其它服务的消息不受影响。", True),
        ("", "", False),
        ("Not.", "No!", False),
    ],
)
def test_denial(statement: str, place: str, is_denied: bool) -> None:
    assert contradicts(statement, place) == is_denied
