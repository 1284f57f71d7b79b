"""Quotes, citations, leaks and traps, made by rule, as `generated_numbers` makes numbers.

A trap is a sentence that looks as if it held something to check and holds nothing: no mark may stand on it.
"""

from collections.abc import Mapping
from random import Random

from tests.checks.generated_numbers import Maker, Sentence, chinese, full_width, other

ENGLISH = (
    "The tenant shall keep the garden tidy and return all keys at the end of the lease.",
    "The harbour was closed to fishing boats until the storm had passed over the coast.",
    "Patients who live alone were asked to bring a friend to the second appointment.",
    "The seller isn't liable for damage that the buyer caused by careless storage.",
    "Nobody had told the night watch that the bell tower was being repaired - at last.",
    "The committee praised the teachers for their calm work during the flood.",
    "A loan may be repaid early without any fee if the bank is told in writing.",
    "The old mill now houses a small museum of clocks, looms and printing presses.",
)
CHINESE = (
    "承租人应当保持花园整洁，并在租期届满时交还全部钥匙。",
    "暴风雨过去之前，港口一直禁止渔船出海作业。",
    "独居的患者在复诊时需要请朋友陪同前来医院。",
    "因买方保管不当造成的损坏，卖方不承担赔偿责任。",
    "委员会赞扬了老师们在洪水期间冷静而出色的工作。",
    "借款人书面通知银行后可以提前还款，无需支付费用。",
    "老磨坊如今是一座收藏钟表和织机的小博物馆。",
    "巡夜的人并不知道钟楼正在修缮，因此没有敲钟。",
)
OTHER_WORDS = {
    "tenant": "landlord",
    "closed": "opened",
    "friend": "lawyer",
    "seller": "broker",
    "night": "harbour",
    "praised": "blamed",
    "early": "never",
    "small": "royal",
    "承租人": "出租人",
    "禁止": "允许",
    "朋友": "律师",
    "买方": "卖方",
    "赞扬": "批评",
    "提前": "延期",
    "老磨坊": "旧厂房",
    "钟楼": "城墙",
}
MARKS = (("“", "”"), ('"', '"'), ("「", "」"), ("『", "』"), ("„", "“"))


def _quoted(dice: Random, text: str) -> tuple[str, str, str]:
    opening, closing = dice.choice(MARKS)
    return f"The text says: {opening}", text, f"{closing} in one place."


def _sentence(dice: Random) -> str:
    return dice.choice(ENGLISH + CHINESE)


def verbatim_quote(dice: Random, is_right: bool) -> Sentence:
    text = _sentence(dice)
    said = text if is_right else dice.choice([one for one in ENGLISH + CHINESE if one != text])
    return Sentence(text, *_quoted(dice, said))


def part_quote(dice: Random, is_right: bool) -> Sentence:
    text = _sentence(dice)
    said = text if is_right else dice.choice([one for one in ENGLISH + CHINESE if one != text])
    if " " not in said:
        return Sentence(text, *_quoted(dice, said[2 : 2 + dice.randrange(9, 16)]))
    words = said.split()
    first = dice.randrange(3)
    return Sentence(text, *_quoted(dice, " ".join(words[first : first + dice.randrange(6, 9)]).rstrip(",.")))


def spaced_quote(dice: Random, is_right: bool) -> Sentence:
    text = _sentence(dice)
    said = text if is_right else dice.choice([one for one in ENGLISH + CHINESE if one != text])
    middle = len(text) // 2
    if " " in text:
        source = text.replace(" ", dice.choice(["\n", "  ", "\u00a0", "\t"]))
    else:
        source = text[:middle] + "\n" + text[middle:]
    return Sentence(source, *_quoted(dice, said))


def wide_quote(dice: Random, is_right: bool) -> Sentence:
    text = _sentence(dice)
    said = text if is_right else dice.choice([one for one in ENGLISH + CHINESE if one != text])
    turns = (
        full_width(said),
        said.replace("'", "’"),
        said.replace(" - ", "—"),
        said.replace("，", ",").replace("。", "."),
        said[0].lower() + said[1:],
    )
    return Sentence(text, *_quoted(dice, dice.choice(turns)))


def clipped_quote(dice: Random, is_right: bool) -> Sentence:
    text = _sentence(dice)
    said = text if is_right else dice.choice([one for one in ENGLISH + CHINESE if one != text])
    third = len(said) // 3
    return Sentence(
        text,
        *_quoted(
            dice, said[:third].rstrip() + dice.choice(["…", "...", "……", " […] "]) + said[-third:].lstrip()
        ),
    )


def altered_quote(dice: Random, is_right: bool) -> Sentence:
    text = _sentence(dice)
    word = next(one for one in OTHER_WORDS if one in text)
    return Sentence(text, *_quoted(dice, text if is_right else text.replace(word, OTHER_WORDS[word], 1)))


def negated_quote(dice: Random, is_right: bool) -> Sentence:
    pairs = [
        (
            "The seller isn't liable for damage caused by frost.",
            "The seller is liable for damage caused by frost.",
        ),
        ("The tenant shall not sublet the flat to others.", "The tenant shall sublet the flat to others."),
        ("卖方不承担因霜冻造成的损失。", "卖方承担因霜冻造成的损失。"),
    ]
    source, wrong = dice.choice(pairs)
    return Sentence(source, *_quoted(dice, source if is_right else wrong))


def statute_en(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(101, 899)
    claimed = value if is_right else other(dice, value, 101, 899)
    forms = ("Section {}", "§ {}", "section {}", "Sec. {}", "§{}")
    source = dice.choice(forms).format(value)
    return Sentence(
        f"The court relied on {source} of the Act.",
        "The basis is ",
        dice.choice(forms).format(claimed),
        " of the Act.",
    )


def article_zh(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(21, 180)
    claimed = value if is_right else other(dice, value, 21, 180)
    law, wrong = dice.choice([("劳动合同法", "劳动法"), ("民法典", "刑法"), ("公司法", "证券法")])
    said = law if is_right or dice.random() < 0.6 else wrong
    claimed = claimed if said == law else value
    number = dice.choice([str(claimed), chinese(claimed)])
    source = dice.choice([str(value), chinese(value)])
    return Sentence(f"依据《{law}》第{source}条作出判决。", "判决依据是", f"《{said}》第{number}条", "。")


def docket_zh(dice: Random, is_right: bool) -> Sentence:
    year, value = dice.randrange(2010, 2024), dice.randrange(1001, 9899)
    claimed = value if is_right else other(dice, value, 1001, 9899)
    source = dice.choice([f"（{year}）京01民终{value}号", f"({year})京01民终{value}号"])
    return Sentence(f"参见{source}判决书。", "案号为", f"（{year}）京01民终{claimed}号", "。")


def case_name(dice: Random, is_right: bool) -> Sentence:
    names = ["Alder", "Brenner", "Cowley", "Dunmore", "Everett", "Falk", "Garland", "Hobart"]
    first, second, third = dice.sample(names, 3)
    claim = f"{first} {dice.choice(['v.', 'v', 'vs.'])} {second if is_right else third}"
    return Sentence(f"In {first} v. {second} the appeal was dismissed.", "It follows ", claim, " in this.")


def doi(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(10_000, 99_999)
    claimed = value if is_right else other(dice, value, 10_000, 99_999)
    return Sentence(f"See doi:10.5555/jxb.{value} for data.", "The paper is ", f"10.5555/jxb.{claimed}", ".")


def icd(dice: Random, is_right: bool) -> Sentence:
    value, place = dice.randrange(11, 98), dice.randrange(1, 9)
    claimed = value if is_right else other(dice, value, 11, 98)
    return Sentence(f"Coded as E{value}.{place} in the letter.", "The code is ", f"E{claimed}.{place}", ".")


def leaked_name(dice: Random, is_right: bool) -> Sentence:
    names = (
        "Velmora Foods",
        "Tarn Logistics",
        "Doctor Quillon",
        "Larkspur Bank",
        "维墨食品公司",
        "塔恩物流公司",
    )
    own = ("Brightwater Trust", "Nurse Hadley", "明水信托公司")
    said = dice.choice(own if is_right else names)
    return Sentence(
        f"{dice.choice(own) if not is_right else said} sent the letter.", "The sender is ", said, "."
    )


def shared_name(dice: Random, is_right: bool) -> Sentence:
    names = (
        "Velmora Foods",
        "Tarn Logistics",
        "Doctor Quillon",
        "Larkspur Bank",
        "维墨食品公司",
        "塔恩物流公司",
    )
    place = dice.randrange(len(names))
    said = place if is_right else other(dice, place, 0, len(names))
    return Sentence(f"{names[place]} signed the form.", "The form was signed by ", names[said], ".")


def leaked_phrase(dice: Random, is_right: bool) -> Sentence:
    wrong = (
        "the salt level is inside the printed range of the laboratory",
        "盐的含量在化验室印出的参考范围之内",
    )
    right = ("the letter was posted in the morning by the clerk", "信件由职员在早晨寄出")
    return Sentence(
        "The letter was posted in the morning by the clerk. 信件由职员在早晨寄出。",
        "In short, ",
        dice.choice(right if is_right else wrong),
        ".",
    )


EXAMPLES = (
    "Velmora Foods plc, Tarn Logistics, Larkspur Bank and Doctor Quillon report to us.",
    "维墨食品公司和塔恩物流公司都在报告中。盐的含量在化验室印出的参考范围之内。",
    "The salt level is inside the printed range of the laboratory.",
)
"""Sent with every generated prompt as its examples."""

TRAPS = (
    "It may be a case of COVID-19 or a similar virus.",
    "The GPT-4 model and the MP3 file are mentioned.",
    "One of them may be right, and no one knows.",
    "First, read it. Second, ask someone.",
    "Vitamin B12 and omega-3 are nutrients.",
    "Both sides agree; neither is alone.",
    "一些人认为这十分重要，万一下雨就取消。",
    "第一，要统一安排；第二，一定要说明。",
    "大家一起努力，千万不要三心二意。",
    "这是一个问题，一般来说不难。",
    'They call it the "plan" of the town.',
    "这就是所谓的“计划”。",
    "See lines 12-14 of the text.",
    "见原文第12行。",
    "The 5G network and the A4 page stay as they are.",
    "1. The first step comes before the others.",
    "2) Then the rest follows.",
    "（三）其余事项另行通知。",
    "Step 4: wait for an answer.",
    "It is second to none, a one-way street.",
)

QUOTES: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        verbatim_quote,
        part_quote,
        spaced_quote,
        wide_quote,
        clipped_quote,
        altered_quote,
        negated_quote,
    )
}
CITATIONS: Mapping[str, Maker] = {
    maker.__name__: maker for maker in (statute_en, article_zh, docket_zh, case_name, doi, icd)
}
LEAKS: Mapping[str, Maker] = {maker.__name__: maker for maker in (leaked_name, shared_name, leaked_phrase)}
