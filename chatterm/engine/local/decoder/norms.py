"""Root-mean-square norms (Zhang and Sennrich 2019, arXiv 1910.07467), of the residual stream and of heads.

x w / sqrt(mean(x^2) + e) = x (w sqrt(d)) / hypot(|x|, sqrt(d e)): four cheap ops, where `F.rms_norm`
takes eight on the CPU.
"""

import math
from typing import Protocol

import torch
from torch import Tensor


class RMSNorm:
    """A norm over the last dimension, in fp32."""

    def __init__(self, weight: Tensor, epsilon: float) -> None:
        """Take `weight` as fp32 (d,), on the device where it is used."""
        self.weight = weight
        self.scaled_weight = weight * math.sqrt(len(weight))
        self.floor = torch.tensor(math.sqrt(len(weight) * epsilon), device=weight.device)

    def __call__(self, x: Tensor) -> Tensor:
        """Return fp32 of the shape of `x`, which is fp32 (..., d) and is left as it was."""
        length = torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), self.floor)
        return (x / length).mul_(self.scaled_weight)


class QKNorm(Protocol):
    """A norm of queries and keys."""

    query: RMSNorm
    key: RMSNorm

    def apply(self, heads: Tensor) -> None:
        """Norm fp32 (n, heads + kv heads, head_length) in place."""
        ...


class HeadNorm:
    """Each head by itself; all queries share their weights, and so do all keys."""

    def __init__(self, query: RMSNorm, key: RMSNorm, num_heads: int, num_kv_heads: int) -> None:
        self.query, self.key = query, key
        of_heads = [query.weight.expand(num_heads, -1), key.weight.expand(num_kv_heads, -1)]
        self._scaled = torch.cat(of_heads) * math.sqrt(len(query.weight))

    def apply(self, heads: Tensor) -> None:
        length = torch.hypot(torch.linalg.vector_norm(heads, dim=-1, keepdim=True), self.query.floor)
        heads.div_(length).mul_(self._scaled)


class FullNorm:
    """All heads of the queries at once, and all of the keys."""

    def __init__(self, query: RMSNorm, key: RMSNorm, num_heads: int) -> None:
        self.query, self.key = query, key
        self._num_heads = num_heads

    def apply(self, heads: Tensor) -> None:
        for norm, part in (self.query, heads[:, : self._num_heads]), (self.key, heads[:, self._num_heads :]):
            part.copy_(norm(part.flatten(1)).view(part.shape))
