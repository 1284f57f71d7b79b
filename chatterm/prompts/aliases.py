"""Other words for shipped prompts, in English and Chinese. They resolve to ids after all real names."""

from collections.abc import Mapping
from types import MappingProxyType

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "summarise": "general/summarize",
        "summary": "general/summarize",
        "tldr": "general/summarize",
        "总结": "general/summarize",
        "摘要": "general/summarize",
        "translate": "general/translate",
        "翻译": "general/translate",
        "sentiment": "general/sentiment",
        "情感": "general/sentiment",
        "分类": "general/classify",
        "实体": "general/entities",
        "提取": "general/extract",
        "关键词": "general/keywords",
        "问答": "general/answer",
        "条款": "legal/clauses",
        "义务": "legal/obligations",
        "病历": "medical/note-extract",
        "出题": "education/quiz",
        "化验单": "medical/lab-explain",
        "指标": "finance/kpi-extract",
        "评价": "assistant/feedback",
        "故事": "writing/story",
        "explain": "education/explain",
        "讲解": "education/explain",
        "chat": "assistant/chat",
        "聊天": "assistant/chat",
    }
)
