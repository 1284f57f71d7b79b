"""What transformers makes of a GGUF file, and GGUF files with tensors changed."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGUFReader, GGUFValueType, GGUFWriter


def transformers_model(path: Path, rope: Mapping[str, object] | None = None) -> Any:  # no types there
    """Load the file dequantised to fp32; `rope` replaces the configuration's `rope_parameters`."""
    from transformers import AutoModelForCausalLM, LlamaForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    if rope is None:
        return model.eval()
    config = model.config
    config.rope_parameters = dict(rope)
    config.quantization_config = None
    other = LlamaForCausalLM(config).float()
    other.load_state_dict(model.state_dict())
    return other.eval()


@torch.inference_mode()
def transformers_logits(model: Any, ids: Sequence[int]) -> torch.Tensor:
    """Return fp32 (tokens, vocabulary)."""
    logits: torch.Tensor = model(torch.tensor([list(ids)])).logits[0]
    return logits


def rewrite_gguf(
    source: Path,
    target: Path,
    *,
    without: Collection[str] = (),
    tensors: Mapping[str, npt.NDArray[np.float32]] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Copy a GGUF file, leaving tensors out, adding or replacing fp32 ones, and replacing text keys."""
    reader = GGUFReader(source)
    metadata, tensors = metadata or {}, tensors or {}
    architecture = metadata.get("general.architecture", reader.fields["general.architecture"].contents())
    writer = GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            sub_type = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
            value = metadata.get(field.name, field.contents())
            writer.add_key_value(field.name, value, field.types[0], sub_type=sub_type)
    for tensor in reader.tensors:
        if tensor.name not in {*without, *tensors}:
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
