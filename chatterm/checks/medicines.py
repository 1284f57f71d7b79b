"""Finds the medicines that a document names with a dose: the words before it. There is no dictionary."""

import re

_LATIN = re.compile(
    r"(?<![A-Za-z])([A-Za-z][A-Za-z-]{3,30}) (?:tablets? |capsules? )?"
    r"[0-9]{1,5}(?:[.,][0-9]{1,4})? ?(?:mg|mcg|µg|ug|g|ml|mL|IU|units)(?![A-Za-z/])"
)
_CHINESE = re.compile(
    r"([\u4e00-\u9fff]{2,12}) ?[0-9]{1,5}(?:\.[0-9]{1,4})? ?"
    r"(?:mg|mcg|µg|g|ml|mL|IU|毫克|微克|克|毫升|单位|片|粒)(?![A-Za-z/])"
)
_BEFORE = re.compile(
    "^.*(?:服用|口服|注射(?!液)|静滴|给予|予以|改为|改用|加用|停用|继续|用药|药物|开具|每日|每天|每次|一次|早晨|晚上|早上"
    "|睡前|餐后|餐前|[加减]量[至到为]?|[增减降调]至|增加[至到]?|减少[至到]?|减为|调整[至到为]?|换用|换成|换为|改|予)"
)
_BEHIND = re.compile(
    "(?:由|从|为|是|至|到|各|约|共|剂量|总量|用量|日量|单次|分次|首剂|维持量?|不?(?:少于|多于|超过|低于|高于))+$"
)
_NO_CHINESE_MEDICINE = re.compile(
    "(?:饮水|喝水|食盐|盐分|[红白血]糖|糖分|蛋白质|尿蛋白|尿量?|出血|失血|引流液?|引流量|体液|脂肪|纤维|酒精)$"
)
"""What is eaten, drunk, lost or measured. Albumin, glucose and saline are given, and stay."""
_NO_MEDICINE = frozenset(
    (
        *(
            "take",
            "taking",
            "took",
            "give",
            "given",
            "dose",
            "doses",
            "daily",
            "with",
            "about",
            "from",
            "than",
        ),
        *("least", "most", "every", "only", "each", "plus", "over", "under", "level", "levels", "value"),
        *("weight", "maximum", "total", "exceed", "increase", "increased", "reduce", "reduced", "another"),
        *("further", "contains", "containing", "glucose", "sodium", "potassium", "cholesterol", "protein"),
    )
)


def medicines_in(text: str) -> tuple[str, ...]:
    """Return their names as they are written, each once."""
    found = [match[1] for match in _LATIN.finditer(text) if match[1].lower() not in _NO_MEDICINE]
    names = (_BEHIND.sub("", _BEFORE.sub("", match[1])) for match in _CHINESE.finditer(text))
    chinese = (name for name in names if len(name) >= 2 and not _NO_CHINESE_MEDICINE.search(name))
    return tuple(dict.fromkeys([*found, *chinese]))
