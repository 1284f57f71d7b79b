"""Words of the user's that may mean an emergency, in English and Chinese, and how they are looked for.

A match only ever adds a notice. So the lists lean towards finding too much, and look at no negation:
"no chest pain" is matched too.
"""

import re
import unicodedata
from typing import Literal

Danger = Literal["body", "self"]
"""`body`: a medical emergency. `self`: someone may hurt themselves."""

_ENGLISH: dict[Danger, tuple[str, ...]] = {
    "body": (
        r"(chest|heart) (pain|pressure|tightness)",
        r"(pain|pressure|tightness) in (my|his|her|the|their) chest",
        r"heart attack",
        r"(can'?t|cannot|can not|not|stopped) breath(e|ing)",
        r"(trouble|difficult(y|ies)|struggling|gasping) (with |to |for )?(breath(e|ing)?|air)",
        r"short(ness)? of breath",
        r"fac(e|ial) (is |has |was )?droop(s|ed|ing)?",
        r"(drooping|lopsided|crooked) (face|mouth|smile)",
        r"slurred? speech|slurring",
        r"stroke symptoms|having a stroke",
        r"worst headache|thunderclap headache",
        r"sudden(ly)? (numb|numbness|weak|weakness|blind|blindness|vision loss|loss of vision)",
        r"unconscious|unresponsive|passed out|won'?t wake up|not waking up",
        r"(severe|heavy|uncontrolled|uncontrollable) bleeding|bleeding (heavily|badly)",
        r"(won'?t|doesn'?t|can'?t) stop( the)? bleeding",
        r"(vomit(s|ed|ing)?|throwing up|cough(s|ed|ing)? up) blood",
        r"overdos(e|ed|ing)|swallowed (bleach|poison|pills)|poisoned",
        r"anaphyla\w*|throat (is )?(closing|swelling)( up)?",
        r"seizures?|convulsions?|convulsing",
    ),
    "self": (
        r"suicid\w*",
        r"kill(ing)? (myself|himself|herself|themsel(f|ves))",
        r"(end|ending|take|taking) my (own )?life|end it all",
        r"want to die|don'?t want to live|better off dead",
        r"(hurt|hurting|harm|harming|cut|cutting) (myself|himself|herself|themsel(f|ves))",
        r"self[- ]harm\w*",
    ),
}

_CHINESE: dict[Danger, tuple[str, ...]] = {
    "body": (
        r"胸痛|胸疼|胸闷|胸悶|胸口[很好特]?[疼痛闷悶]|心脏病发|心臟病發|心梗|心肌梗",
        r"呼吸困[难難]|[喘透]不[上过過]气|[喘透]不[上过過]氣|[无無]法呼吸|不能呼吸|[没沒]有呼吸|呼吸不了",
        r"口角歪斜|口眼歪斜|嘴歪|嘴角歪|[脸臉]歪",
        r"[说說][话話]不清|言[语語]不清|口[齿齒]不清|中[风風]|[脑腦]卒中",
        r"[剧劇]烈[头頭][痛疼]|[头頭]痛欲裂|最[严嚴]重的[头頭][痛疼]",
        r"突然(看不[见見]|失明|麻木|[无無]力)|[半一][身侧側](麻木|[无無]力)",
        r"昏迷|昏倒|[晕暈]倒|失去意[识識]|不省人事|叫不醒",
        r"大出血|[流出]血不止|血流不止|止不住血",
        r"吐血|呕血|嘔血|咯血|咳血",
        r"[药藥][物]?[过過]量|[过過]量服|吃了[太很]多[药藥]|[误誤]服|中毒|喝了?[农農][药藥]",
        r"[过過]敏性休克|喉[咙嚨](肿|腫|发紧|發緊)",
        r"抽搐|癫痫|癲癇|惊厥|驚厥",
    ),
    "self": (
        r"自[杀殺残殘伤傷]|[轻輕]生|[寻尋]死|[结結]束[自己的我]*生命",
        r"不想活|活不下去|想死(?![我你他她它])|[伤傷]害自己",
    ),
}


def _compiled(danger: Danger) -> re.Pattern[str]:
    # \b would find no boundary between a Han character and a Latin word: to it both are word characters
    english = "|".join(_ENGLISH[danger])
    return re.compile(rf"(?<![a-z])(?:{english})(?![a-z])|{'|'.join(_CHINESE[danger])}")


_PATTERNS: dict[Danger, re.Pattern[str]] = {"body": _compiled("body"), "self": _compiled("self")}


def dangers_in(user_text: str) -> frozenset[Danger]:
    """Return what the user's words may point at, in whichever of the languages they are."""
    plain = unicodedata.normalize("NFKC", user_text).casefold().replace("’", "'")
    spaced = " ".join(plain.split())
    # Chinese may be broken over lines or spaced out; the English patterns need their spaces
    joined = re.sub(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])", "", spaced)
    return frozenset(danger for danger, pattern in _PATTERNS.items() if pattern.search(joined))
