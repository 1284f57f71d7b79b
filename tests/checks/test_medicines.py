import pytest

from chatterm.checks.medicines import medicines_in


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Take aspirin 100 mg and Metoprolol 47.5 mg daily.", ("aspirin", "Metoprolol")),
        ("Aspirin 100 mg. Later Aspirin 75 mg.", ("Aspirin",)),
        ("Take 100 mg of aspirin; give 5 ml.", ()),
        ("LDL cholesterol 171 mg/dL, weight 70 kg", ()),
        ("口服阿司匹林100毫克，每日二甲双胍0.5g，阿托伐他汀 20 mg。", ("阿司匹林", "二甲双胍", "阿托伐他汀")),
        ("每日口服100毫克。", ()),
        ("", ()),
    ],
)
def test_what_stands_before_a_dose_is_a_medicine(text: str, names: tuple[str, ...]) -> None:
    assert medicines_in(text) == names
