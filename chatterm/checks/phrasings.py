"""Sentences that a reply of a sensitive domain is not to hold: a diagnosis, a dose, a promise of profit.

Data and a pure search. What is found is marked, never deleted. What the document itself says in the same
words is no finding: a summary of a letter may repeat its doses. English and Chinese are looked for in
every reply.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chatterm.checks.folding import Lines, fold
from chatterm.checks.guards import Pack
from chatterm.checks.tokens import tokens_of

_CONDITION = (
    r"(?:\w{1,20}(?:itis|emia|aemia|osis|oma|pathy|penia)|diabetes|cancer|hypertension"
    r"|high blood pressure|asthma"
    r"|an? (?:infection|tumou?r|stroke|ulcer|fracture|virus)|disease|disorder|syndrome"
    r"|infection|failure|deficiency"
    r"|depression|dementia|high cholesterol|covid(?:-19)?|flu)(?![a-z])"
)
_AMOUNT = (
    r"[0-9]{1,7}(?:[.,][0-9]{1,3})? ?"
    r"(?:mg|mcg|µg|ug|g|ml|iu|units?|tablets?|pills?|capsules?|drops?)(?![a-z])"
)
_AMOUNT_ZH = (
    r"(?:[0-9]{1,6}(?:\.[0-9]{1,3})?|[一二两三四五六七八九十半]{1,3}) ?(?:毫克|微克|mg|克|片|粒"
    r"|毫升|ml|单位|滴)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of phrasing that a pack does not want."""

    name: str
    pattern: re.Pattern[str]
    reason: Mapping[str, str]
    """Shown beside the line, by language."""
    is_off_when_negated: bool = True
    """True: `no guaranteed returns` is what we want to read."""


@dataclass(frozen=True, slots=True)
class Phrasing:
    """A forbidden phrasing where it stands in a reply."""

    pack: Pack
    rule: str
    start: int
    end: int
    text: str
    line: int
    """Of the reply, from 1."""
    reason: str


def _rule(name: str, english: str, chinese: str, en: str, zh: str, *, negatable: bool = True) -> Rule:
    # \b would find no boundary between a Han character and a Latin word: to it both are word characters
    pattern = rf"(?<![a-z])(?:{english})|{chinese}"
    return Rule(name, re.compile(pattern, re.IGNORECASE), {"en": en, "zh": zh}, negatable)


_MEDICAL = (
    _rule(
        "diagnosis",
        rf"you(?:'ve got| (?:probably |likely |clearly |may |might |definitely ){{0,2}}(?:have"
        rf"|suffer from|are suffering"
        rf" from|are diagnosed with)) (?:[a-z0-9]{{1,15}}[ -]){{0,3}}?{_CONDITION}|your diagnosis is",
        "[您你](?:可能|很可能|应该|已经|大概|肯定|一定|很有可能){0,2}(?:患有|患了|患上|得了"
        "|罹患|是患)|[您你]的诊断[是为]",
        "a diagnosis: only a clinician makes one",
        "像是诊断：诊断只能由医务人员作出",
        negatable=False,
    ),
    _rule(
        "dose",
        rf"(?:take|taking|inject|give|swallow|increase|reduce|raise"
        rf"|lower)(?:,? [a-z'-]{{1,20}}){{0,5}} {_AMOUNT}",
        rf"(?:服用|口服|注射|吃|加到|减到|每次|每日|每天)[^。;,\n]{{0,10}}?{_AMOUNT_ZH}",
        "a dose that the document does not name in these words",
        "原文没有这样写的剂量",
    ),
    _rule(
        "stopping",
        r"stop (?:taking|using|your (?:medic|treat|insulin|tablets|pills))|skip (?:a|your) dose"
        r"|double (?:the|your) dose",
        "停药|停止服用|停止用药|自行(?:加量|减量)|不用再吃药|不需要(?:再)?(?:吃药|服药)|加倍服用",
        "a change of treatment: ask the prescriber first",
        "涉及改变治疗：请先询问开药的医生",
    ),
    _rule(
        "no doctor",
        r"(?:no need|don't need|do not need|needn't) (?:to )?(?:see|consult|call|go to"
        r"|visit)?(?: [a-z]{1,3})? ?"
        r"(?:doctor|hospital|gp|clinician)",
        "(?:不用|无需|不必|不需要)(?:去)?(?:看医生|就医|去医院|医院|就诊)",
        "advice against seeing a clinician",
        "建议不就医",
        negatable=False,
    ),
)
_LEGAL = (
    _rule(
        "outcome",
        r"you (?:will|would|are going to) (?:certainly |definitely |surely )?(?:win|lose)(?![a-z])"
        r"|guaranteed (?:to win|victory|outcome)|(?:the )?court will (?:certainly "
        r"|definitely )?(?:rule|find|decide)",
        "(?:一定|必然|必定|肯定|保证)(?:会)?(?:胜诉|败诉|赢|打赢)|稳赢|法院(?:一定|必然|肯定)会",
        "the outcome of a case is promised",
        "对案件结果作出承诺",
    ),
    _rule(
        "no lawyer",
        r"(?:no need|don't need|do not need|needn't) (?:for |to (?:see|consult|hire"
        r"|ask) )?an? (?:lawyer|attorney|solicitor)",
        "(?:不用|无需|不必|不需要)(?:请|找|咨询|聘请)?律师",
        "advice against asking a lawyer",
        "建议不咨询律师",
        negatable=False,
    ),
    _rule(
        "advice",
        r"my legal advice|(?:this|here) is (?:my |our )?legal advice|as your (?:lawyer"
        r"|attorney)|i advise you to (?:sue|sign)",
        "(?:作为|我是)[您你]的律师|我的法律意见是|建议[您你](?:起诉|签字|签署)",
        "it speaks as a lawyer would",
        "以律师的口吻给出意见",
    ),
)
_FINANCE = (
    _rule(
        "promise",
        r"guaranteed (?:returns?|profits?|gains?|income|yields?)|risk[- ]free|(?:can't|cannot"
        r"|can not|never) lose"
        r"|sure (?:win|profit|thing)|(?:returns?|profits?|gains?) (?:are|is) guaranteed",
        "稳赚|保本|保证(?:收益|盈利|赚钱|回报)|必赚|零风险|无风险|稳赢|只赚不赔|包赚",
        "a promise of profit",
        "承诺收益",
    ),
    _rule(
        "forecast",
        r"(?:stock|share|price|market|shares|prices|fund|it) (?:will|is going to|are going to"
        r"|must) (?:certainly |surely |"
        r"definitely )?(?:rise|soar|double|rally|go up|fall|crash|drop)(?![a-z])",
        "必涨|必跌|一定会?(?:涨|跌)|肯定会?(?:涨|跌)|必将(?:上涨|大涨|下跌|翻倍)",
        "a price is foretold",
        "预言价格走势",
    ),
    _rule(
        "recommendation",
        r"(?:you should|we recommend|i recommend|i would|we advise|time to"
        r"|strong) (?:to )?(?:buy(?:ing)?|sell(?:ing)?|"
        r"short(?:ing)?|hold(?:ing)?)(?![a-z])|(?:price target|target price) (?:of|is|at)",
        "(?:建议|应该|推荐|可以|赶紧|应当)(?:立即|逢低|大量|现在)?(?:买入|卖出|增持|减持|抄底"
        "|加仓|清仓)|目标价(?:位)?(?:为|是|:|[0-9])",
        "a call to buy or sell",
        "买卖建议",
    ),
)
_EDUCATION = (
    _rule(
        "judgement",
        r"you(?:'re| are) (?:so |too |very |just |really )?(?:stupid|lazy|dumb|slow|hopeless"
        r"|bad at|not smart|not clever)"
        r"|(?:stupid|lazy|hopeless|dumb) (?:student|pupil|child|answer|question)",
        "[你您他她](?:真|太|很|就是|确实)?(?:笨|蠢|懒惰?|没用|无可救药|不聪明)|(?:笨|蠢|差)(?:学生|孩子)",
        "it judges the learner, not the work",
        "评价了学习者本人，而不是作业",
        negatable=False,
    ),
    _rule(
        "final grade",
        r"(?:your|the) final (?:grade|mark|score) is",
        "(?:最终|最后)(?:成绩|得分|分数|评分)(?:是|为)",
        "a draft for a teacher holds no final grade",
        "这是给教师的草稿，不应给出最终成绩",
    ),
)
RULES: Mapping[Pack, tuple[Rule, ...]] = {
    "education": _EDUCATION,
    "medical": _MEDICAL,
    "legal": _LEGAL,
    "finance": _FINANCE,
}
_NEGATION = re.compile(
    r"(?:(?<![a-z])(?:no|not|never|nor|without|cannot|isn't|aren't|don't|doesn't|didn't|won't"
    r"|can't|shouldn't|nothing)"
    r"(?: [a-z]{1,12}){0,3}(?: an?)?|(?:[不无勿未别]|没有|并非)[\u3400-\u9fff]{0,2}|(?:请勿"
    r"|切勿|不要|不得|不能|避免|禁止|不建议|没有人)[\u3400-\u9fff]{0,4}) ?\Z",
    re.IGNORECASE,
)
_NEGATION_REACH = 48


def forbidden_phrasings(
    pack: Pack, reply: str, sources: Sequence[str] = (), *, lang: str = "en"
) -> tuple[Phrasing, ...]:
    """Return the phrasings of a reply that its pack forbids, in their order, with the reasons in `lang`."""
    folded = fold(reply)
    said = [(rule, *span) for rule in RULES[pack] for span in _places(rule, folded)]
    documents = [tokens_of(source) for source in sources] if said else []
    lines = Lines(reply)
    found = [
        Phrasing(
            pack=pack,
            rule=rule.name,
            start=start,
            end=end,
            text=reply[start:end],
            line=lines.at(start),
            reason=rule.reason.get(lang, rule.reason["en"]),
        )
        for rule, start, end in said
        if not any(document.find(tokens_of(reply[start:end])) for document in documents)
    ]
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def _places(rule: Rule, folded: str) -> Iterator[tuple[int, int]]:
    for match in rule.pattern.finditer(folded):
        before = folded[max(0, match.start() - _NEGATION_REACH) : match.start()]
        if not (rule.is_off_when_negated and _NEGATION.search(before.rpartition("\n")[2])):
            yield match.span()
