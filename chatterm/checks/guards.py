"""Guard packs: fixed sentences around the answers of sensitive domains, written by us, never by a model.

*Before* a reply: an emergency notice, from the user's own words. *Footer*: one sentence once per
conversation. Both go to stderr or the status line. A pack is named as its domain is. What a reply must not
say is in `phrasings`.
"""

from typing import Literal, get_args

from chatterm.checks.red_flags import Danger, dangers_in

Pack = Literal["education", "medical", "legal", "finance"]
PACKS: tuple[Pack, ...] = get_args(Pack)

_DANGERS: dict[Pack, tuple[Danger, ...]] = {
    "education": ("self",),
    "medical": ("self", "body"),
    "legal": ("self",),
    "finance": ("self",),
}

_BEFORE: dict[Danger, dict[str, str]] = {
    "body": {
        "en": "If this is happening now it may be an emergency: call {number} at once. "
        "Do not wait for an answer of this program.",
        "zh": "如果这正在发生，可能是急症：请立即拨打 {number}，不要等待本程序的回答。",
    },
    "self": {
        "en": "If you or someone else may be hurt: call {number} now, or go to a person you trust. "
        "You do not have to be alone with this, and this program cannot help in an emergency.",
        "zh": "如果你或他人可能受到伤害：请立即拨打 {number}，或联系你信任的人。"
        "你不必独自承受；本程序无法处理紧急情况。",
    },
}

_FOOTERS: dict[Pack, dict[str, str]] = {
    "education": {
        "en": "Written by a small language model: check it before you learn or teach from it.",
        "zh": "本文由小型语言模型生成：学习或教学使用前请先核对。",
    },
    "medical": {
        "en": "Not a diagnosis or treatment advice: check it against the original, and ask a clinician.",
        "zh": "这不是诊断，也不是治疗建议：请与原文核对，并咨询医务人员。",
    },
    "legal": {
        "en": "Not legal advice: check it against the original text and the law where you are.",
        "zh": "这不是法律意见：请与原文及当地现行法律核对。",
    },
    "finance": {
        "en": "Not investment advice: check every figure, unit and period against the original.",
        "zh": "这不是投资建议：请与原文核对每个数字、单位和期间。",
    },
}

_DRAFTS: dict[Pack, dict[str, str]] = {
    "education": {
        "en": "DRAFT for a teacher: the teacher decides.",
        "zh": "草稿，供教师参考：由教师决定。",
    },
    "legal": {
        "en": "DRAFT: not reviewed by a lawyer.",
        "zh": "草稿：未经律师审阅。",
    },
}
EXPORT_LABEL = "AI-generated / 由人工智能生成"
"""Of a file that leaves the program, whoever reads it."""

_FALLBACK = "en"


def notices_before(pack: Pack, user_text: str, lang: str, emergency_number: str) -> tuple[str, ...]:
    """Return the fixed notices that the user's own words call for, the gravest first.

    `user_text` is what the user typed, never a document: a discharge letter that names chest pain is no
    emergency. The words are looked for in all languages; `lang` is that of the notice (others: English).
    """
    found = dangers_in(user_text)
    return tuple(
        _in(_BEFORE[danger], lang).format(number=emergency_number)
        for danger in _DANGERS[pack]
        if danger in found
    )


def footer(pack: Pack, lang: str) -> str:
    """Return the one sentence that goes with this domain's answers."""
    return _in(_FOOTERS[pack], lang)


def draft_line(pack: Pack, lang: str) -> str | None:
    """Return the line that the program puts above drafts of this domain; None where it has none."""
    return _in(_DRAFTS[pack], lang) if pack in _DRAFTS else None


def _in(texts: dict[str, str], lang: str) -> str:
    return texts.get(lang, texts[_FALLBACK])
