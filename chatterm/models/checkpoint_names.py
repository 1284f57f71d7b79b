"""Names of a checkpoint's tensors: transformers' own, and GGUF's, which the decoder's loader asks for.

Sources: the `state_dict`s of transformers' models; llama.cpp's `gguf-py/gguf/tensor_mapping.py`.
"""

import re
from collections.abc import Iterable, Mapping

from chatterm.models.arch_spec import ArchSpec, NormPlacement

_PREFIX = re.compile(r"^(?:model\.language_model\.|language_model\.model\.|language_model\.|model\.)")
"""What stands before a name; of gemma3 with eyes, more than one form."""
_LAYER = re.compile(r"layers\.(0|[1-9][0-9]{0,3})\.(.+)\.([a-z_]+)")

_TOP = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
_PRODUCTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""phi3 keeps the gate above `up` in one matrix, which GGUF calls `ffn_up` there."""
_NORMS: Mapping[NormPlacement, Mapping[str, str]] = {
    "before": {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"},
    "both": {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "post_attention_norm",
        "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    },
    "after": {
        "post_attention_layernorm": "post_attention_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    },
}
_EYES = re.compile(r"(?:^|\.)(?:vision_tower|vision_model|multi_modal_projector)\.")


def gguf_name(name: str, spec: ArchSpec) -> str | None:
    """Return GGUF's name of a tensor (`blk.0.attn_q.weight`); None for one that GGUF has no name for.

    The last part stays: `weight`, `bias`, or a part of a packed matrix (`qweight`).
    """
    bare = _PREFIX.sub("", name)
    top, _, part = bare.rpartition(".")
    if top in _TOP:
        return f"{_TOP[top]}.{part}"
    found = _LAYER.fullmatch(bare)
    if found is None:
        return None
    known = {**_PRODUCTS, **_NORMS[spec.norm_placement]}
    return f"blk.{found[1]}.{known[found[2]]}.{found[3]}" if found[2] in known else None


def is_left_out(name: str, spec: ArchSpec) -> bool:
    """Whether a tensor may be left out: eyes, angles that old files store, a head that is tied anyway."""
    if spec.is_head_tied and _PREFIX.sub("", name) == "lm_head.weight":
        return True
    return name.endswith("rotary_emb.inv_freq") or bool(_EYES.search(name))


def has_eyes(names: Iterable[str]) -> bool:
    """Whether some tensors belong to a part that sees."""
    return any(_EYES.search(name) for name in names)


def is_norm_less_one(name: str, spec: ArchSpec) -> bool:
    """Whether the stored vector, by GGUF's name, is a norm's weight less 1, as gemma's models keep them."""
    return spec.architecture.startswith("gemma") and name.endswith("norm.weight")
