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
        ("二甲双胍由0.5g增至1g，每日两次。", ("二甲双胍",)),
        ("头孢克肟100mg，后改阿莫西林500mg，剂量增至750毫克。", ("头孢克肟", "阿莫西林")),
        ("加巴喷丁从300mg减量至100mg，换用普瑞巴林75 mg", ("加巴喷丁", "普瑞巴林")),
        ("术中出血约200毫升，尿量800ml，每日食盐少于5克，饮水2000毫升。", ()),
        ("给予白蛋白10g，静滴葡萄糖注射液250ml。", ("白蛋白", "葡萄糖注射液")),
        ("", ()),
    ],
)
def test_what_stands_before_a_dose_is_a_medicine(text: str, names: tuple[str, ...]) -> None:
    assert medicines_in(text) == names
