"""Puts a finding in words for people: one short sentence, English or Chinese."""

from collections.abc import Mapping

from chatterm.checks.findings import Finding, Kind, Why

_KINDS: Mapping[Kind, tuple[str, str]] = {
    "number": ("number", "数字"),
    "quote": ("quote", "引文"),
    "citation": ("citation", "引用"),
    "copy": ("value", "字段"),
    "leak": ("text", "文字"),
    "coverage": ("item", "内容"),
    "structure": ("markup", "标记"),
    "language": ("the answer, in", "回答语言"),
}
_REASONS: Mapping[Why, tuple[str, str]] = {
    "": ("is not in the document", "不在原文中"),
    "rounded": ("is rounded from {found}", "由“{found}”四舍五入而来"),
    "sign": ("has another sign than {found}", "与“{found}”正负号不同"),
    "unit": ("has another unit than {found}", "与“{found}”单位不同"),
    "scale": ("has another scale than {found}", "与“{found}”数量级不同"),
    "date": ("is another date than {found}", "与“{found}”日期不同"),
    "wording": ("is worded otherwise: {found}", "与原文不同：“{found}”"),
    "row": (
        "is in another line of the document than what stands beside it",
        "在原文中与同项的内容不在同一行",
    ),
    "from-example": ("comes from the prompt's example, not from the document", "来自提示词示例，而非原文"),
    "missing": ("is in the document and not in the answer", "原文中有，回答中没有"),
    "language": ("is not in the language that was asked for", "不是所要求的语言"),
}
_LANGUAGES: Mapping[str, tuple[str, str]] = {
    "en": ("English", "英语"),
    "zh": ("Chinese", "中文"),
    "ja": ("Japanese", "日语"),
    "ko": ("Korean", "韩语"),
}
_LONGEST = 60


def describe(finding: Finding, lang: str) -> str:
    """Return what a finding says, with the line it rests on; other languages than Chinese get English.

    The text is the reply's and the document's own: whoever shows it makes it safe first.
    """
    is_chinese = lang == "zh"
    shown = _shown(finding, is_chinese=is_chinese)
    if finding.is_verified:
        reason = "在原文中" if is_chinese else "is in the document"
    else:
        found = _short(finding.evidence[0].text) if finding.evidence else ""
        reason = _REASONS[finding.why][is_chinese].format(found=found)
    kind = _KINDS[finding.kind][is_chinese]
    where = _where(finding, is_chinese=is_chinese)
    return f"{kind}“{shown}”{reason}{where}" if is_chinese else f"{kind} {shown} {reason}{where}"


def _shown(finding: Finding, *, is_chinese: bool) -> str:
    if finding.kind == "language" and finding.text in _LANGUAGES:
        return f"{_LANGUAGES[finding.text][is_chinese]}{'' if is_chinese else ','}"
    return _short(finding.text)


def _where(finding: Finding, *, is_chinese: bool) -> str:
    if not finding.evidence or finding.evidence[0].source < 0:
        return ""
    first, last = finding.evidence[0].first_line, finding.evidence[0].last_line
    lines = f"{first}-{last}" if last > first else str(first)
    if is_chinese:
        return f"（第{lines}行）"
    return f" (line{'s' if last > first else ''} {lines})"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
