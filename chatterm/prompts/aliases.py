"""Other words for shipped prompts, in English and Chinese. They resolve to ids after all real names."""

from collections.abc import Mapping
from types import MappingProxyType

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "general/summarize": "summarise summary tldr tl;dr 总结 摘要 概括",
        "general/translate": "翻译 译",
        "general/answer": "qa 问答 回答",
        "general/sentiment": "polarity 情感",
        "general/classify": "label 分类",
        "general/entities": "ner names 实体",
        "general/extract": "fields 提取",
        "general/keywords": "tags 关键词",
        "general/rewrite": "paraphrase rephrase 改写 润色",
        "general/proofread": "spelling grammar 校对",
        "general/compare": "versus 对比 比较",
        "general/check-claims": "fact-check 核查",
        "education/tutor": "socratic 辅导",
        "education/explain": "explain 讲解",
        "education/lesson-plan": "lesson 教案",
        "education/quiz": "questions 出题",
        "education/grade": "mark 批改 评分",
        "education/study-plan": "学习计划",
        "education/writing-feedback": "作文点评",
        "medical/note-extract": "病历",
        "medical/lab-explain": "lab 化验单",
        "medical/plain-summary": "出院小结",
        "medical/case-brief": "病例摘要",
        "medical/follow-up": "随访",
        "medical/paper-pico": "pico 论文要点",
        "legal/clauses": "条款",
        "legal/plain-terms": "合同解读",
        "legal/obligations": "duties 义务",
        "legal/case-brief": "判例摘要",
        "legal/statute-explain": "statute 法条",
        "legal/draft": "起草",
        "finance/kpi-extract": "kpi 指标",
        "finance/report-draft": "写报告",
        "finance/risk-register": "risks 风险",
        "finance/invest-brief": "投资",
        "finance/news-tags": "财经新闻",
        "finance/statement-explain": "报表",
        "code/write": "code 写代码",
        "code/explain": "解释代码",
        "code/improve": "code-review 改代码",
        "assistant/chat": "聊天",
        "assistant/plan": "todo tasks 任务 计划",
        "assistant/support-reply": "客服",
        "assistant/feedback": "reviews 评价",
        "writing/draft": "写作",
        "writing/news-brief": "news 新闻",
        "writing/marketing-copy": "copy 文案",
        "writing/story": "fiction 故事",
    }
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {word: prompt_id for prompt_id, words in _WORDS.items() for word in words.split()}
)
"""By the other word. `explain` is a name of two prompts; the alias decides for the concept."""
