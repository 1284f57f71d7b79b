"""How a folder packs its matrices: `quantization_config`, of the methods whose codes chatterm keeps.

Formats: those of AutoGPTQ (and GPTQModel) and AutoAWQ; what their tensors hold is `grouped_codes`' business.
"""

from dataclasses import dataclass
from typing import Literal

from chatterm.models.checkpoint_config import ConfigReader

PACKED = ".qweight"
"""Ends the name of a packed matrix's codes."""
BLOCK = 32
"""Columns of a Q4_1 block: groups of columns are made of whole ones."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a checkpoint packs its matrices."""

    method: Literal["gptq", "awq"]
    group_size: int
    """Inputs that share a scale; -1: all of them."""
    zero_offset: int
    """Added to the stored zeros: GPTQ's first version stores them less 1."""

    @classmethod
    def read(cls, config: ConfigReader | None) -> "Layout | None":
        """Read `quantization_config`. Raises BadModelFile for what is not packed in 4 bits as known here."""
        if config is None or not config.values:
            return None
        method = config.text("quant_method").lower()
        if method not in ("gptq", "awq"):
            config.refuse("quant_method", "gptq or awq (else use a GGUF file of the model)", method)
        if config.integer("bits", 1, 64, default=4) != 4:
            config.refuse("bits", "4 (else use a GGUF file of the model)", config.values["bits"])
        form, expected = (
            (config.text("checkpoint_format", "gptq"), ("gptq", "gptq_v2"))
            if method == "gptq"
            else (config.text("version", "gemm").lower(), ("gemm",))
        )
        if form not in expected:
            config.refuse("its format", " or ".join(expected), form)
        group_size = config.integer("group_size", -1, 2**20, default=128)
        if group_size != -1 and (group_size < BLOCK or group_size % BLOCK):
            config.refuse("group_size", f"-1 or a multiple of {BLOCK}", group_size)
        return cls("gptq" if method == "gptq" else "awq", group_size, int(form == "gptq"))
