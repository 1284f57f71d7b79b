"""Chat formats of many model families: short templates of the same form, and their control strings.

The templates are written for these tests after the formats' descriptions; what is odd about a family is in
them: trimming, folding, raising, a text of their own, names built of pieces, thoughts left out.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Family:
    """One chat format. The first control string opens a prompt; the last ends a reply."""

    template: str
    control: tuple[str, ...]
    has_system_role: bool = True
    builtin: str = ""
    """The system text that the template writes by itself."""
    user_defined: tuple[str, ...] = field(default=())
    """Control strings that files mark as user-defined."""


def _loop(user: str, assistant: str, system: str, before: str = "", after: str = "") -> str:
    return (
        f"{before}{{% for m in messages %}}{{% if m.role == 'user' %}}{user}"
        f"{{% elif m.role == 'assistant' %}}{assistant}{{% else %}}{system}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{after}{{% endif %}}"
    )


def _same(turn: str, before: str = "", after: str = "") -> str:
    return _loop(turn, turn, turn, before, after)


_CHATML_TURN = "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}"
_CHATML_REPLY = "{{ '<|im_start|>assistant\\n' }}"
_REFUSED = "{{ raise_exception('System role not supported') }}"
_ALTERNATE = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}{% endfor %}"
)

FAMILIES = {
    "chatml": Family(
        _same(_CHATML_TURN, after=_CHATML_REPLY),
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    ),
    "smollm2": Family(
        _same(
            "{% if loop.first and m.role != 'system' %}"
            "{{ '<|im_start|>system\\nYou are a parrot of the sea<|im_end|>\\n' }}{% endif %}" + _CHATML_TURN,
            after=_CHATML_REPLY,
        ),
        ("<|endoftext|>", "<|im_start|>", "<repo_name>", "<|im_end|>"),
        builtin="You are a parrot of the sea",
    ),
    "llama2": Family(
        "{% set ns = namespace(sys='') %}"
        + _loop(
            "{{ bos_token + '[INST] ' + ns.sys + m.content.strip() + ' [/INST]' }}{% set ns.sys = '' %}",
            "{{ ' ' + m.content.strip() + ' ' + eos_token }}",
            "{% set ns.sys = '<<SYS>>\\n' + m.content + '\\n<</SYS>>\\n\\n' %}",
        ),
        ("<s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "</s>"),
    ),
    "llama3": Family(
        _same(
            "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' }}"
            "{{ m.content | trim + '<|eot_id|>' }}",
            "{{ bos_token }}",
            "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}",
        ),
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>"),
    ),
    "gemma": Family(
        _ALTERNATE
        + _loop(
            "{{ '<start_of_turn>user\\n' + m.content | trim + '<end_of_turn>\\n' }}",
            "{{ '<start_of_turn>model\\n' + m.content | trim + '<end_of_turn>\\n' }}",
            _REFUSED,
            "{{ bos_token }}",
            "{{ '<start_of_turn>model\\n' }}",
        ),
        ("<bos>", "<start_of_turn>", "<eos>", "<end_of_turn>"),
        has_system_role=False,
    ),
    "phi3": Family(
        _same(
            "{{ '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' }}",
            after="{{ '<|assistant|>\\n' }}",
        ),
        ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
    ),
    "mistral": Family(
        _ALTERNATE
        + _loop(
            "{{ '[INST] ' + m.content + ' [/INST]' }}",
            "{{ ' ' + m.content + eos_token }}",
            _REFUSED,
            "{{ bos_token }}",
        ),
        ("<s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[TOOL_CALLS]", "</s>"),
        has_system_role=False,
    ),
    "qwen3": Family(
        _loop(
            _CHATML_TURN,
            "{% set said = m.content %}{% if '</think>' in said %}"
            "{% set said = said.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
            "{{ '<|im_start|>assistant\\n' + said + '<|im_end|>\\n' }}",
            _CHATML_TURN,
            after=_CHATML_REPLY,
        ),
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        user_defined=("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>"),
    ),
    "deepseek": Family(
        _loop(
            "{{ '<｜User｜>' + m.content }}",
            "{{ '<｜Assistant｜>' + m.content + '<｜end▁of▁sentence｜>' }}",
            "{{ m.content }}",
            "{{ '<｜begin▁of▁sentence｜>' }}",
            "{{ '<｜Assistant｜>' }}",
        ),
        ("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
        user_defined=("<｜tool▁calls▁begin｜>",),
    ),
    "command-r": Family(
        _loop(
            "{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + m.content.strip() + '<|END_OF_TURN_TOKEN|>' }}",
            "{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' + m.content.strip() + '<|END_OF_TURN_TOKEN|>' }}",
            "{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + m.content + '<|END_OF_TURN_TOKEN|>' }}",
            "{{ bos_token }}",
            "{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}",
        ),
        (
            "<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
            "<|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>",
        ),
    ),
    "granite": Family(
        "{% if messages[0].role != 'system' %}{{ '<|start_of_role|>system<|end_of_role|>"
        "Today is ' + strftime_now('%Y') + '. You are a lighthouse.<|end_of_text|>\\n' }}{% endif %}"
        + _same(
            "{{ '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\\n' }}",
            after="{{ '<|start_of_role|>assistant<|end_of_role|>' }}",
        ),
        ("<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>", "<|end_of_text|>"),
        builtin="You are a lighthouse.",
    ),
    "olmo2": Family(
        _loop(
            "{{ '<|user|>\\n' + m.content + '\\n' }}",
            "{{ '<|assistant|>\\n' + m.content + eos_token + '\\n' }}",
            "{{ '<|system|>\\n' + m.content + '\\n' }}",
            "{{ bos_token }}",
            "{{ '<|assistant|>\\n' }}",
        ),
        ("<|user|>", "<|assistant|>", "<|system|>", "|||PHONE_NUMBER|||", "<|endoftext|>"),
    ),
    "smollm3": Family(
        _loop(
            _CHATML_TURN,
            "{% generation %}" + _CHATML_TURN + "{% endgeneration %}",
            "{% set s = m.content.replace('/no_think', '').rstrip() %}"
            "{{ '<|im_start|>system\\n' + s + '<|im_end|>\\n' }}",
            after="{{ '<|im_start|>assistant\\n' }}"
            "{% if '/no_think' in messages[0].content %}{{ '<think>\\n\\n</think>\\n' }}{% endif %}",
        ),
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        user_defined=("<think>", "</think>"),
    ),
    "harmony": Family(
        _loop(
            "{{ '<|start|>user<|message|>' + m.content + '<|end|>' }}",
            "{{ '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' }}",
            "{{ '<|start|>developer<|message|># Instructions\\n\\n' + m.content + '<|end|>' }}",
            "{{ '<|start|>system<|message|>Knowledge cutoff: 2024-06<|end|>' }}",
            "{{ '<|start|>assistant' }}",
        ),
        ("<|start|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>", "<|return|>", "<|end|>"),
    ),
    "glm4": Family(
        _same(
            "{{ '<|' + m.role + '|>\\n' + m.content }}",
            "{{ '[gMASK]<sop>' }}",
            "{{ '<|assistant|>\\n' }}",
        ),
        ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|system|>", "<|endoftext|>"),
    ),
}  # fmt: skip
