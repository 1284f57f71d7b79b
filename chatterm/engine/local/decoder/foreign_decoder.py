"""Architectures that chatterm's own decoder cannot compute, run by transformers behind the same face.

Only here is transformers imported, only from a folder of safetensors files, and never with code from the
folder. Keys and values lie in the engine's own slabs, so prefixes, samples, batches, cancelling and seeds
work as with any other model; it is slower, and nothing stays packed.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.utils import logging as transformers_logging

from chatterm.engine.local.decoder.layers import Segment, empty_cache
from chatterm.engine.local.decoder.linear import Placement
from chatterm.errors import BadModelFile

_Model = Any  # transformers has no types


@dataclass(frozen=True, slots=True)
class ForeignShape:
    """The sizes of a token's keys and values, the largest of all layers."""

    num_layers: int
    num_kv_heads: int
    head_length: int


class ForeignDecoder:
    """A causal model of transformers: AnyDecoder."""

    def __init__(self, model: _Model, shape: ForeignShape, placement: Placement) -> None:
        """Use `open`."""
        self.shape = shape
        self.placement = placement
        self._model = model
        self._can_keep_last = "logits_to_keep" in signature(model.forward).parameters

    @classmethod
    @torch.inference_mode()
    def open(cls, folder: Path, placement: Placement) -> "ForeignDecoder":
        """Load the folder in the placement's dtype.

        Raises BadModelFile where transformers does not know the architecture, misses weights, or keeps
        something else than keys and values of what it has read.
        """
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model, found = AutoModelForCausalLM.from_pretrained(
                    folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    dtype=placement.dtype,
                    output_loading_info=True,
                )
        except (ValueError, KeyError, OSError, ImportError, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BadModelFile(f"{folder} cannot be run by transformers either: {reason}") from error
        for trouble in ("missing_keys", "mismatched_keys", "error_msgs"):
            if names := sorted(map(str, found.get(trouble) or ())):
                raise BadModelFile(
                    f"{folder} lacks {len(names)} of the model's tensors or has them in other shapes "
                    f"(the first is {names[0][:80]!r}); fetch it again"
                )
        model = model.eval().to(placement.device)
        return cls(model, _shape_of(model, folder), placement)

    @property
    def cache_dtype(self) -> torch.dtype:
        return self.placement.dtype

    def empty_cache(self, capacity: int) -> list[Tensor]:
        return empty_cache(self.shape, capacity, self.cache_dtype, self.placement.device)

    @property
    def identical_rows(self) -> int:
        """torch's products and attention promise no more."""
        return 1

    def forward(self, ids: Tensor, segments: Sequence[Segment], *, is_last_only: bool = True) -> Tensor:
        logits, first = [], 0
        for segment in segments:
            logits.append(self._read(ids[first : first + segment.num_tokens], segment, is_last_only))
            first += segment.num_tokens
        return torch.cat(logits).float()

    def _read(self, ids: Tensor, segment: Segment, is_last_only: bool) -> Tensor:
        """Read one segment: (1 or n, vocabulary)."""
        layers = [_SlabLayer(segment, index) for index in range(self.shape.num_layers)]
        options = {"logits_to_keep": 1} if is_last_only and self._can_keep_last else {}
        output = self._model(
            input_ids=ids.unsqueeze(0).to(self.placement.device),
            past_key_values=Cache(layers=layers),
            use_cache=True,
            **options,
        )
        found: Tensor = output.logits[0]
        return found[-1:] if is_last_only else found


class _SlabLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers has no types
    """One layer's keys and values in a slab of the engine's."""

    is_sliding = False
    """All are kept; the mask hides those beyond a window."""

    def __init__(self, segment: Segment, index: int) -> None:
        super().__init__()
        self._segment = segment
        self._index = index
        self._length = segment.start

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the slab is there."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write what is new, (1, heads, n, length) each, and return all."""
        start = self._segment.start
        self._length = end = start + key_states.shape[2]
        slab = self._segment.keys_values[self._index]
        seen = []
        for part, new in zip(slab, (key_states, value_states), strict=True):
            mine = part[: new.shape[1], :end, : new.shape[3]]
            mine[:, start:] = new[0]
            seen.append(mine.unsqueeze(0))
        return seen[0], seen[1]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._segment.start + query_length, 0

    def get_seq_length(self) -> int:
        return self._length

    def get_max_length(self) -> int:
        return -1


def _shape_of(model: _Model, folder: Path) -> ForeignShape:
    """Let the model read one token, and see what it keeps of it."""
    cache = DynamicCache(config=model.config)
    try:
        model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device), past_key_values=cache)
    except (ValueError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise _strange_memory(folder, str(error)) from error
    parts: list[Any] = [getattr(layer, name, None) for layer in cache.layers for name in ("keys", "values")]
    if not parts or any(part is None or part.dim() != 4 or part.shape[2] != 1 for part in parts):
        raise _strange_memory(folder, "not keys and values for each token")
    if any(hasattr(layer, name) for layer in cache.layers for name in ("conv_states", "recurrent_states")):
        raise _strange_memory(folder, "a running state")
    return ForeignShape(
        len(cache.layers), max(part.shape[1] for part in parts), max(part.shape[3] for part in parts)
    )


def _strange_memory(folder: Path, what: str) -> BadModelFile:
    reason = " ".join(what.split())[:120]
    return BadModelFile(
        f"{folder}: what the model keeps of what it has read is of another kind ({reason}) than chatterm can "
        "go on from; use a GGUF file of a family it knows"
    )
