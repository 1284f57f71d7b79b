"""Statements about real texts, written by hand before the bounds were chosen: true ones, and false ones.

True ones say in other words what the text says; each names a phrase of the line that it rests on. False ones
change a fact, deny what is said, or invent. Texts that Debian systems have, and two short ones of numbers.
"""

from pathlib import Path
from typing import Literal, NamedTuple

Sort = Literal["number", "word", "denied", "invented"]

_LICENSES = Path("/usr/share/common-licenses")

REPORT = """Quarterly report of Meridian Foods plc

Revenue by region (in millions of euros)
| Region  | Q1 2024 | Q1 2023 |
|---------|---------|---------|
| Europe  | 412.6   | 398.1   |
| Asia    | 187.3   | 201.9   |
| America | 96.4    | 88.0    |

Group revenue rose to 696.3 million euros, mainly thanks to higher prices for dairy products in Europe.
Sales in Asia fell because a distributor in Vietnam ended its contract in January.
The gross margin improved from 31.2 % to 33.0 %.
The group employed 4,812 people at the end of March, 140 fewer than a year before.
In February the board closed the bakery in Ghent; the 65 employees were offered other posts.
The dividend of 0.42 euros a share was paid on 14 March 2024.
For the full year the management expects revenue of about 2.8 billion euros.
"""
ANNUAL = """明河生物科技股份有限公司2023年年度报告摘要

一、主要财务数据
报告期内，公司实现营业收入12.6亿元，较上年增长18.4%；归属于上市公司股东的净利润2.31亿元，同比下降6.5%。
净利润下降的主要原因是研发投入增加以及海外市场推广费用上升。
经营活动产生的现金流量净额为3.05亿元。
二、业务情况
公司主要从事血液制品和疫苗的研发、生产与销售。报告期内，新一代流感疫苗获得药品注册证书，并于十月上市。
公司在成都的生产基地完成扩建，年产能由500万支提高到800万支。
截至报告期末，公司共有员工1,926人，其中研发人员占三分之一。
三、风险提示
原料血浆供应不足可能影响血液制品的产量。公司产品须通过国家批签发，批签发周期延长会推迟产品上市。
四、利润分配
公司拟向全体股东每10股派发现金红利3.2元（含税），不送红股，不以公积金转增股本。
"""


def texts() -> dict[str, str]:
    """Return the texts by name; those that the machine lacks are left out."""
    files = {
        "apache": _LICENSES / "Apache-2.0",
        "gpl": _LICENSES / "GPL-3",
        "mpl": _LICENSES / "MPL-2.0",
        "cc0": _LICENSES / "CC0-1.0",
        "gnupg": Path("/usr/share/gnupg/help.zh_CN.txt"),
        "systemd": Path("/usr/lib/systemd/catalog/systemd.zh_CN.catalog"),
    }
    found = {name: path.read_text(encoding="utf-8") for name, path in files.items() if path.is_file()}
    return {**found, "report": REPORT, "annual": ANNUAL}


class TrueOne(NamedTuple):
    """A statement that its text supports."""

    text: str
    anchor: str
    """Stands on the line that it rests on, or on one of them."""
    statement: str


class FalseOne(NamedTuple):
    """A statement that its text does not support."""

    text: str
    sort: Sort
    statement: str


TRUE = (
    TrueOne(
        "apache",
        "institute patent litigation",
        "Whoever sues over patents in the work loses the patent licenses it granted.",
    ),
    TrueOne(
        "apache",
        "carry prominent notices",
        "Changed files have to carry prominent notices that they were changed.",
    ),
    TrueOne("apache", "copy of this License; and", "Recipients must be given a copy of the license."),
    TrueOne(
        "apache",
        "agreed to in writing, Licensor provides the Work",
        "The work is provided as is, without any warranties or conditions.",
    ),
    TrueOne(
        "apache",
        "does not grant permission to use the trade",
        "The license gives no permission to use the licensor's trademarks or product names.",
    ),
    TrueOne(
        "apache",
        "charge a fee for, acceptance of support",
        "You may charge a fee for offering support or a warranty.",
    ),
    TrueOne(
        "apache",
        "liable to You for damages",
        "Contributors are not liable for damages that arise from using the work.",
    ),
    TrueOne(
        "apache",
        "Grant of Copyright License. Subject",
        "Each contributor grants a perpetual, worldwide and royalty-free copyright license.",
    ),
    TrueOne(
        "apache",
        "copyright statement to Your modifications",
        "You can put your own copyright statement on your modifications.",
    ),
    TrueOne(
        "apache",
        "for informational purposes only",
        "What the NOTICE file contains is informational and does not modify the license.",
    ),
    TrueOne(
        "apache",
        "intentionally submitted for inclusion",
        "Contributions submitted for inclusion come under the same terms unless stated otherwise.",
    ),
    TrueOne(
        "gpl",
        "You may charge any price or no price",
        "Copies may be sold at any price or given away for no price.",
    ),
    TrueOne(
        "gpl",
        "valid for at least three years",
        "A written offer for the source must be valid for at least three years.",
    ),
    TrueOne(
        "gpl",
        "11 of the WIPO copyright treaty",
        "It refers to the WIPO copyright treaty of 20 December 1996.",
    ),
    TrueOne(
        "gpl",
        "stating that you modified",
        "A modified work must say prominently that you modified it, with a date.",
    ),
    TrueOne(
        "gpl",
        "peer-to-peer transmission, provided",
        "Object code may be conveyed by peer-to-peer transmission if peers are told where the source is.",
    ),
    TrueOne(
        "gpl",
        "prior to 60 days after the cessation",
        "The license is reinstated permanently if the holder does not notify you within 60 days"
        " after the violation ceased.",
    ),
    TrueOne(
        "gpl",
        "does not cause this License to apply to the other",
        "Including a covered work in an aggregate does not put the other parts under the license.",
    ),
    TrueOne(
        "gpl",
        "No covered work shall be deemed part of an effective technological",
        "Covered works are never deemed part of an effective technological measure.",
    ),
    TrueOne(
        "gpl",
        "need not make them do so",
        "Interactive interfaces of the work need not display legal notices if those of the program do not.",
    ),
    TrueOne(
        "gpl",
        "not impose a license fee",
        "No license fee or royalty may be imposed for exercising the rights granted.",
    ),
    TrueOne(
        "gpl",
        "publish revised and/or new versions",
        "The Free Software Foundation may publish revised versions of the license.",
    ),
    TrueOne(
        "gpl",
        "Everyone is permitted to copy and distribute verbatim copies",
        "Everyone may copy and distribute the license verbatim, but changing it is not allowed.",
    ),
    TrueOne(
        "gpl",
        "normally used for personal, family",
        "A consumer product is property normally used for personal, family or household purposes.",
    ),
    TrueOne(
        "gpl",
        "results from an entity transaction",
        "Whoever receives the work in an entity transaction also gets the licenses of the predecessor.",
    ),
    TrueOne(
        "mpl",
        "fifty percent (50%)",
        "Control means owning more than 50% of the outstanding shares, among other things.",
    ),
    TrueOne(
        "mpl",
        "will terminate automatically",
        "Your rights terminate automatically if you fail to comply with the terms.",
    ),
    TrueOne(
        "mpl",
        "prior to 30 days after",
        "A first-time violator is reinstated by becoming compliant within 30 days of the notice.",
    ),
    TrueOne(
        "mpl",
        "The entire risk as to the",
        "The user bears the entire risk of the software's quality and performance.",
    ),
    TrueOne(
        "mpl",
        "place of business and such litigation",
        "Litigation has to be brought where the defendant has its principal place of business.",
    ),
    TrueOne(
        "mpl",
        "Mozilla Foundation is the license steward",
        "The Mozilla Foundation is the steward of the license.",
    ),
    TrueOne(
        "mpl",
        "remedy known factual inaccuracies",
        "License notices may be altered only to remedy known factual inaccuracies.",
    ),
    TrueOne(
        "mpl",
        "distributes such Contribution",
        "The license for a contribution becomes effective on the date it is first distributed.",
    ),
    TrueOne(
        "mpl",
        "than the cost of distribution to the recipient",
        "The source code must be available at a charge of no more than the cost of distribution.",
    ),
    TrueOne(
        "mpl",
        "shall survive termination",
        "End user agreements that were validly granted survive the termination.",
    ),
    TrueOne(
        "mpl", "doctrines of fair use", "Rights of fair use or fair dealing are not limited by the license."
    ),
    TrueOne(
        "mpl",
        "construed against the drafter",
        "Laws by which a contract is construed against its drafter are not used against a contributor.",
    ),
    TrueOne(
        "mpl",
        "describe the limitations and the code they affect",
        "If statute makes compliance impossible, the limitations and the code affected must be described.",
    ),
    TrueOne(
        "cc0",
        "waives, abandons, and surrenders",
        "The affirmer waives, abandons and surrenders all copyright and related rights in the work.",
    ),
    TrueOne(
        "cc0", "No trademark or patent rights", "Trademark and patent rights of the affirmer are not waived."
    ),
    TrueOne(
        "cc0",
        "acknowledges that Creative Commons",
        "Creative Commons is no party to the document and has no obligations under it.",
    ),
    TrueOne(
        "report",
        "Group revenue rose",
        "Total revenue grew to 696.3 million euros because dairy products became more expensive in Europe.",
    ),
    TrueOne("report", "| Asia", "In Asia, revenue went from 201.9 million to 187.3 million euros."),
    TrueOne("report", "gross margin", "Gross margin went up by reaching 33%, from 31.2%."),
    TrueOne(
        "report",
        "4,812 people",
        "At the end of March there were 4,812 employees, 140 fewer than the year before.",
    ),
    TrueOne(
        "report", "closed the bakery", "The bakery in Ghent was closed in February, affecting 65 employees."
    ),
    TrueOne("report", "dividend of 0.42", "Shareholders received a dividend of €0.42 per share in March."),
    TrueOne(
        "report", "about 2.8 billion", "Management forecasts full-year revenue of around 2,800 million euros."
    ),
    TrueOne(
        "report",
        "distributor in Vietnam",
        "The end of a distribution contract in Vietnam caused lower sales in Asia.",
    ),
    TrueOne("report", "| America", "America brought in 96.4 million euros in the first quarter of 2024."),
    TrueOne("annual", "营业收入12.6亿元", "公司2023年营业收入为12.6亿元，比上年增长18.4%。"),
    TrueOne("annual", "净利润下降的主要原因", "研发投入和海外推广费用增加导致净利润下降。"),
    TrueOne("annual", "现金流量净额", "经营活动现金流量净额为30500万元。"),
    TrueOne("annual", "获得药品注册证书", "新一代流感疫苗取得注册证书，10月上市销售。"),
    TrueOne("annual", "年产能由500万支", "成都生产基地扩建后，年产能达到800万支。"),
    TrueOne("annual", "员工1,926人", "公司员工共1926人，三分之一是研发人员。"),
    TrueOne("annual", "原料血浆供应不足", "如果原料血浆供应不足，血液制品产量会受影响。"),
    TrueOne("annual", "批签发周期延长", "批签发周期变长可能推迟产品上市时间。"),
    TrueOne("annual", "每10股派发", "公司计划每10股派发3.2元现金红利，不送红股。"),
    TrueOne("annual", "血液制品和疫苗的研发", "公司从事疫苗和血液制品的研发、生产和销售业务。"),
    TrueOne("gnupg", "只能用作加密的算法", "Elgamal算法只能用于加密。"),
    TrueOne("gnupg", "只能够用作签名", "DSA是美国国家标准的数字签名算法，只能用来签名。"),
    TrueOne("gnupg", "必须具有签名的能力", "主钥必须能够签名。"),
    TrueOne("gnupg", "并不是个好主意", "用同一把密钥既签名又加密通常不是好主意。"),
    TrueOne("gnupg", "永远不会被输出给任何第三方", "信任度数值不会输出给第三方，由用户自己决定。"),
    TrueOne("gnupg", "可选项，但强烈推荐使用", "电子邮件地址是可选的，但强烈推荐填写。"),
    TrueOne("systemd", "系统日志进程已终止", "系统日志进程终止后，所有活动的日志文件都被关闭。"),
    TrueOne("systemd", "记录了太多消息", "服务在一段时间内记录的消息太多时，其消息会被丢弃。"),
    TrueOne("systemd", "意味着崩溃程序中存在编程错误", "核心转储通常说明程序存在编程错误，应向开发者报告。"),
    TrueOne("systemd", "内核消息的处理速度不够快", "日志系统处理内核消息不够快，所以部分信息遗失了。"),
    TrueOne("systemd", "均已成功启动", "启动时需要的所有系统服务都已经成功启动。"),
)

FALSE = (
    FalseOne("apache", "number", "The patent license ends 90 days after the litigation is filed."),
    FalseOne("apache", "number", "Changed files must carry notices for at least five years."),
    FalseOne(
        "apache", "word", "Recipients must be given a printed manual and the build scripts of the work."
    ),
    FalseOne(
        "apache",
        "denied",
        "The license grants permission to use the licensor's trademarks and product names.",
    ),
    FalseOne("apache", "denied", "You may not charge a fee for offering support or a warranty."),
    FalseOne("apache", "denied", "The contents of the NOTICE file modify the license."),
    FalseOne(
        "apache", "word", "Every contributor must pay royalties to the Apache Foundation for commercial use."
    ),
    FalseOne("apache", "invented", "Disputes are settled by arbitration in Delaware."),
    FalseOne("apache", "invented", "The software collects usage statistics and sends them to its authors."),
    FalseOne(
        "apache", "invented", "Derivative works must be reviewed by a security team before their release."
    ),
    FalseOne("gpl", "number", "A written offer for the source must be valid for at least five years."),
    FalseOne("gpl", "number", "It refers to the WIPO copyright treaty of 20 December 1998."),
    FalseOne("gpl", "number", "The holder has 90 days to notify you of the violation after it ceased."),
    FalseOne(
        "gpl",
        "denied",
        "You may impose a license fee or royalty for exercising the rights granted under this license.",
    ),
    FalseOne("gpl", "denied", "Covered works are deemed part of an effective technological measure."),
    FalseOne("gpl", "denied", "You may not charge any price for the copies that you convey."),
    FalseOne(
        "gpl",
        "denied",
        "Including a covered work in an aggregate causes this license to apply to the other parts.",
    ),
    FalseOne(
        "gpl",
        "word",
        "The Free Software Foundation must approve modified versions before they are published in Boston.",
    ),
    FalseOne("gpl", "invented", "Schools and universities receive a discount on the source code."),
    FalseOne("gpl", "invented", "The program must run on computers without a network connection."),
    FalseOne("gpl", "invented", "Users under sixteen need the consent of their parents."),
    FalseOne("mpl", "number", "Control means owning more than 75% of the outstanding shares."),
    FalseOne("mpl", "number", "A violator is reinstated by becoming compliant within 45 days of the notice."),
    FalseOne("mpl", "denied", "License notices may be removed from the source code form."),
    FalseOne(
        "mpl", "denied", "End user agreements that were validly granted do not survive the termination."
    ),
    FalseOne(
        "mpl", "word", "Litigation has to be brought in the courts of California by the plaintiff's lawyers."
    ),
    FalseOne("mpl", "word", "The Eclipse Foundation is the steward of the license."),
    FalseOne(
        "mpl", "word", "The source code must be delivered by courier at the expense of the contributor."
    ),
    FalseOne("mpl", "invented", "Contributors receive a share of the profits once a year."),
    FalseOne("mpl", "invented", "The license was translated into several languages by volunteers."),
    FalseOne("cc0", "denied", "Trademark and patent rights of the affirmer are waived by this document."),
    FalseOne("cc0", "invented", "The author must be named whenever the work is shown in public."),
    FalseOne("report", "number", "Group revenue rose to 769.3 million euros."),
    FalseOne("report", "number", "The gross margin improved to 35.0 %."),
    FalseOne("report", "number", "The dividend was paid on 14 April 2024."),
    FalseOne("report", "number", "The group employed 4,182 people at the end of March."),
    FalseOne("report", "word", "The bakery in Antwerp was closed in February."),
    FalseOne("report", "word", "Sales in Asia fell because a factory in Thailand burned down."),
    FalseOne("report", "denied", "The employees of the bakery were not offered other posts."),
    FalseOne("report", "invented", "The chief executive will retire in summer."),
    FalseOne("report", "invented", "The company plans to buy a competitor for organic snacks."),
    FalseOne("annual", "number", "公司2023年营业收入为16.2亿元。"),
    FalseOne("annual", "number", "归属于上市公司股东的净利润同比下降8.5%。"),
    FalseOne("annual", "number", "公司员工共1,296人。"),
    FalseOne("annual", "number", "成都生产基地年产能提高到900万支。"),
    FalseOne("annual", "word", "公司主要从事新能源汽车电池的研发与销售。"),
    FalseOne("annual", "word", "净利润下降是因为汇率波动和法律诉讼。"),
    FalseOne("annual", "denied", "公司将以公积金转增股本。"),
    FalseOne("annual", "denied", "原料血浆供应不足不会影响血液制品的产量。"),
    FalseOne("annual", "invented", "董事长因个人原因辞职。"),
    FalseOne("annual", "invented", "公司计划在香港发行债券筹集资金。"),
    FalseOne("gnupg", "word", "Elgamal算法可以用作签名。"),
    FalseOne("gnupg", "denied", "信任度数值会被输出给第三方。"),
    FalseOne("gnupg", "denied", "第一把密钥不必具有签名的能力。"),
    FalseOne("gnupg", "invented", "密钥每年必须到银行重新登记。"),
    FalseOne("systemd", "denied", "其它服务的消息也会受到影响。"),
    FalseOne("systemd", "word", "系统日志进程已重新启动并打开了新的数据库。"),
    FalseOne("systemd", "invented", "用户的照片已经上传到云端相册。"),
    FalseOne("systemd", "number", "内核启动使用了35秒。"),
)
