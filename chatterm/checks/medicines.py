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
    "^.*(?:服用|口服|注射|静滴|给予|予以|改为|改用|加用|停用|继续|用药|药物|开具|每日|每天|每次|一次|早晨|晚上|早上"
    "|睡前|餐后|餐前|加量至|减至)"
)
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
    names = (_BEFORE.sub("", match[1]) for match in _CHINESE.finditer(text))
    return tuple(dict.fromkeys([*found, *(name for name in names if len(name) >= 2)]))
