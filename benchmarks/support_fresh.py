"""More statements, about other texts, written after all bounds and rules were fixed, and looked at once."""

from pathlib import Path

from benchmarks.support_set import FalseOne, TrueOne

LETTER = """Dear Ms Okafor,

Thank you for attending the clinic on 12 June. Your blood pressure was 148/92, which is higher than we would
like, although the readings that you took at home were lower. The kidney function is stable with an eGFR
of 61. We have increased the amlodipine from 5 mg to 10 mg once a day. Please go on taking atorvastatin
20 mg at night.
Swollen ankles are a common side effect of the higher dose and usually harmless.
We did not start a second medicine. The echocardiogram showed no sign of heart failure.
A nurse will ring you in four weeks, and we would like to see you again in six months.
Please bring the list of your home readings. You need not fast before the next blood test.
"""

FILES = {
    "artistic": Path("/usr/share/common-licenses/Artistic"),
    "tutor": Path("/usr/share/vim/vim90/tutor/tutor.zh_cn.utf-8"),
}

TRUE = (
    TrueOne(
        "artistic",
        "You may charge a reasonable copying fee",
        "A reasonable fee may be charged for copying the package.",
    ),
    TrueOne(
        "artistic",
        "Package.  You may not charge a fee for this Package",
        "It is forbidden to charge a fee for the package itself.",
    ),
    TrueOne(
        "artistic",
        "you may distribute this Package in aggregate",
        "The package may be distributed together with commercial programs.",
    ),
    TrueOne(
        "artistic",
        "when you changed that file",
        "Every changed file needs a notice of how and when it was changed.",
    ),
    TrueOne(
        "artistic",
        "9. The name of the Copyright Holder",
        "Using the copyright holder's name for promotion requires written permission.",
    ),
    TrueOne(
        "artistic",
        "only within your corporation",
        "One option is to use the modified version only inside your own organization.",
    ),
    TrueOne("artistic", "2. You may apply bug fixes", "Applying bug fixes or portability fixes is allowed."),
    TrueOne(
        "artistic",
        "under the copyright of this Package, but belong",
        "Output produced by the programs belongs to whoever generated it.",
    ),
    TrueOne(
        "artistic",
        "may redistribute it",
        "Recipients of freely available items can redistribute them under the same conditions.",
    ),
    TrueOne(
        "artistic",
        "semblance of artistic control",
        "The copyright holder should keep some artistic control over the package's development.",
    ),
    TrueOne(
        "artistic",
        "a separate manual page",
        "Each non-standard executable must have its own manual page documenting the differences.",
    ),
    TrueOne("artistic", "IMPLIED WARRANTIES", "No express or implied warranties are given."),
    TrueOne("tutor", "每次按下就会向左移动", "按h键光标向左移动。"),
    TrueOne("tutor", "会丢弃您进入编辑器以来所做的改动", "用:q!退出会丢弃进入编辑器以来的所有改动。"),
    TrueOne("tutor", "可以按下 x 键来删除", "在正常模式下按x键可以删除光标处的字符。"),
    TrueOne("tutor", "可以按下 i 键来插入文本", "按i键可以插入文本。"),
    TrueOne("tutor", "不要强行记忆", "教程建议在使用中学习，而不是强行记忆。"),
    TrueOne("tutor", "习惯之后您就能够更快", "习惯使用hjkl键之后，移动光标会更快。"),
    TrueOne("tutor", "请按下<ESC>键回到正常", "不确定按了什么字母时，可以按ESC键回到正常模式。"),
    TrueOne("tutor", "按 A 键以添加文本", "添加文本要按A键。"),
    TrueOne("letter", "blood pressure was 148/92", "Her blood pressure was 148/92 at the clinic."),
    TrueOne("letter", "increased the amlodipine", "The dose of amlodipine was raised to 10 mg daily."),
    TrueOne("letter", "no sign of heart failure", "The echocardiogram did not show heart failure."),
    TrueOne("letter", "A nurse will ring", "A nurse will call in four weeks."),
    TrueOne("letter", "need not fast", "Fasting is not needed before the next blood test."),
    TrueOne("letter", "The kidney function is stable", "Kidney function remains stable."),
    TrueOne("letter", "Swollen ankles", "A common side effect of the higher dose is swollen ankles."),
    TrueOne(
        "letter",
        "readings that you took at home",
        "The readings taken at home were lower than those at the clinic.",
    ),
)

FALSE = (
    FalseOne("artistic", "word", "The package may only be copied by universities and their students."),
    FalseOne("artistic", "denied", "You may charge a fee for the package itself."),
    FalseOne("artistic", "denied", "The package may not be distributed with commercial programs."),
    FalseOne("artistic", "number", "A changed file must be published within 14 days."),
    FalseOne("artistic", "word", "Modifications must be sent to the Perl Foundation."),
    FalseOne(
        "artistic", "denied", "Output of the programs falls automatically under the copyright of the package."
    ),
    FalseOne("artistic", "invented", "Users must register their copy on a web site."),
    FalseOne("artistic", "invented", "The license ends when its owner dies."),
    FalseOne(
        "artistic",
        "denied",
        "The copyright holder's name may be used to promote derived products without permission.",
    ),
    FalseOne("artistic", "number", "Paragraph 12 forbids advertising."),
    FalseOne("artistic", "word", "You may apply bug fixes only after the court has agreed."),
    FalseOne("artistic", "invented", "Patents are licensed to all contributors."),
    FalseOne("tutor", "word", "按h键光标向上移动到文件开头。"),
    FalseOne("tutor", "denied", "用:q!退出不会丢弃所做的改动。"),
    FalseOne("tutor", "word", "按x键可以复制整个段落到剪贴板。"),
    FalseOne("tutor", "invented", "本教程需要付费订阅才能继续学习。"),
    FalseOne("tutor", "invented", "编辑器支持语音输入和自动翻译。"),
    FalseOne("tutor", "word", "按ESC键会关闭电脑。"),
    FalseOne("letter", "number", "Her blood pressure was 158/92 at the clinic."),
    FalseOne("letter", "number", "The dose of amlodipine was raised to 20 mg daily."),
    FalseOne("letter", "denied", "The echocardiogram showed signs of heart failure."),
    FalseOne("letter", "number", "A nurse will call in two weeks."),
    FalseOne("letter", "denied", "A second medicine was started."),
    FalseOne("letter", "denied", "You need to fast before the next blood test."),
    FalseOne("letter", "word", "The dose of atorvastatin was doubled because of swollen hands."),
    FalseOne("letter", "invented", "The patient was advised to lose weight and stop smoking."),
    FalseOne("letter", "invented", "An appointment with a surgeon was made."),
    FalseOne("letter", "word", "Rare side effects of the lower dose are headaches and often dangerous."),
)
