"""Short texts in many scripts and shapes, for whatever must work on any text."""

SCRIPTS = {
    "english": "The quick brown fox doesn't jump; it's 'asleep', I'll say. They've gone -- we'd better go!",
    "chinese": "今天天气很好，我们去公园散步吧。净利润3200万元，同比增长12.5%。",
    "japanese": "これはテストです。カタカナとひらがな、漢字が混ざっています！２０２４年",
    "korean": "안녕하세요, 세계! 오늘은 날씨가 참 좋네요.",
    "arabic": "مرحبا بالعالم، كيف حالك اليوم؟ ١٢٣٤",
    "hebrew": "שלום עולם, מה שלומך היום? שָׁלוֹם",
    "hindi": "नमस्ते दुनिया, आप कैसे हैं? १२३ क्षत्रिय",
    "thai": "สวัสดีชาวโลก วันนี้อากาศดีมาก ๑๒๓",
    "russian": "Привет, мир! Как дела сегодня? Ёжик в тумане.",
    "greek": "Γειά σου Κόσμε! Πώς είσαι σήμερα;",
    "emoji": "family 👨‍👩‍👧‍👦, flag 🇪🇺🏴󠁧󠁢󠁳󠁣󠁴󠁿, skin 👍🏽, heart ❤️, keycap 1️⃣",
    "combining": "e\u0301 vs é, n\u0303, Z͑ͫa̓l͖g̈o͒, ﬁ ligature, ½ ² Ⅷ",
    "code": "def f(x):\n\tif x  ==  3:\n\t\treturn {'a': [1]}\n\n\n    for (i=0;i<10;i++) { x_1 += 0xFF; }\n",
    "numbers": "1 22 333 4444 55555 3.14159 1,234,567.89 -5 +49 (30) 12:30 2024-07-26  7   8",
    "crlf": "first line\r\nsecond\r\n\r\nfourth\rfifth\n\n\nlast",
    "spaces": " a  b   c    d     e      f       g        h \t \t\t x\u00a0y\u3000z\u200bw ",
    "punctuation": '...!!! ??? --- *** ### <<>> [[]] {{}} || // \\\\ ``` "quoted" «guillemets» “curly” ¿qué?',
    "markup": "<p>Hello <b>world</b></p> [link](http://example.org/?q=a&b=c) <br/> &amp; <|not a token|>",
    "astral": "𝒳𝓎𝓏 𝄞 𐍈 🀄 \U0001f9d1\u200d\U0001f680 \U000e0041",
}
"""Each with what its script makes hard: no spaces, joined letters, marks, digits of its own."""
