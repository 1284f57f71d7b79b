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
        "explain": "education/explain",
        "讲解": "education/explain",
        "chat": "assistant/chat",
        "聊天": "assistant/chat",
    }
)
