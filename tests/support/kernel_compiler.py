"""Compiles every GPU kernel to machine code for one GPU, which need not be there: argv[1] is its capability.

Run as a program of its own, for a process's kernels are either compiled or interpreted. Prints, for each
kernel, how many loads of 16 bytes it has.
"""

import sys
from collections.abc import Mapping
from typing import Any  # Triton has no types

import triton.language as tl
from triton import compile as compile_kernel
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from chatterm.engine.local.gpu import attention_kernels, code_kernels, product_kernels

CODES = {"codes": "*u8", "planes": "*i32", "scales": "*fp16", "minima": "*fp16"}
SIZES = {"num_rows": "i32", "num_groups": "i32"}
PRODUCT = {
    "x": "*fp32", "norm": "*fp32", **CODES, "bias": "*fp32", "out": "*fp32", **SIZES,
    "num_outputs": "i32", "epsilon": "fp32", "factor": "fp32", "cap": "fp32",
}  # fmt: skip
FORMS = {
    "nibbles": {"BITS": 4, "PLANES": 0, "CENTRE": 0, "SCALES": 1, "MINIMA": True},
    "six bits": {"BITS": 4, "PLANES": 2, "CENTRE": 32, "SCALES": 2, "MINIMA": False},
    "bytes": {"BITS": 8, "PLANES": 0, "CENTRE": 0, "SCALES": 1, "MINIMA": False},
    "plain": {"BITS": 16, "PLANES": 0, "CENTRE": 0, "SCALES": 0, "MINIMA": False},
}
TYPES = {"nibbles": "*u8", "six bits": "*u8", "bytes": "*i8", "plain": "*bf16"}
AROUND = {"NORM": True, "BIAS": True, "CAP": True, "ADD": True}
ATTENTION = {
    "qkv": "*fp32", "addresses": "*i64", "capacities": "*i32", "positions": "*i32", "firsts": "*i32",
    "starts": "*i32", "turns": "*fp32", "query_norm": "*fp32", "key_norm": "*fp32", "sums": "*fp32",
    "stats": "*fp32", "epsilon": "fp32", "query_scale": "fp32", "cap": "fp32", "num_pairs": "i32",
    "most_splits": "i32",
}  # fmt: skip
HEADS = {"NUM_HEADS": 32, "HEAD_LENGTH": 128, "HEAD": 128, "SPLIT": 256}


def compiled(kernel: Any, capability: int, types: Mapping[str, str], constants: Mapping[str, Any]) -> None:
    names = kernel.arg_names
    aligned = [name for name in types if types[name].startswith("*") or name in SIZES]
    source = ASTSource(
        kernel,
        {name: types.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    made = compile_kernel(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 4})
    assert made.asm["cubin"]
    sys.stdout.write(f"{kernel.__name__} {made.asm['ptx'].count('ld.global.v4')}\n")


def main(capability: int) -> None:
    for name, form in FORMS.items():
        types = {**PRODUCT, "codes": TYPES[name]}
        for gate in (0, 1):
            flags = {**form, **AROUND, "GATE": gate}
            shape = {"BLOCK_ROWS": 16, "BLOCK_GROUPS": 32}
            compiled(product_kernels.one_row, capability, types, flags | shape)
            many = types | {"num_x": "i32", "out_stride": "i32"}
            shape = {"BLOCK_ROWS": 32, "DOT": tl.bfloat16}
            compiled(product_kernels.few_rows, capability, many, flags | shape)
        codes = {**CODES, "codes": TYPES[name], **SIZES}
        rows = codes | {"out": "*bf16", "first_row": "i32", "end_row": "i32"}
        compiled(code_kernels.unpack, capability, rows, form | {"BLOCK_ROWS": 16, "BLOCK_GROUPS": 16})
        embedding = codes | {"ids": "*i64", "out": "*fp32", "factor": "fp32"}
        compiled(code_kernels.embed, capability, embedding, form | {"BLOCK_GROUPS": 32})
    norm = {
        "y": "*fp32",
        "norm": "*fp32",
        "out": "*fp32",
        "width": "i32",
        "epsilon": "fp32",
        "factor": "fp32",
    }
    compiled(product_kernels.add_normed, capability, norm, {"BLOCK": 4096})
    gate_up = {"gate_up": "*fp32", "out": "*fp32", "width": "i32"}
    compiled(product_kernels.gated, capability, gate_up, {"GATE": 2, "BLOCK": 1024})
    for norm_kind, window, cap in ((0, 0, False), (1, 512, True), (2, 0, False)):
        what = {"NORM": norm_kind, "WINDOW": window, "CAP": cap, "TURNS": True, "BLOCK": 64, "SHARING": 16}
        types_of = {"CACHE": tl.bfloat16, "DOT": tl.bfloat16, "NUM_KV_HEADS": 8}
        compiled(attention_kernels.attend, capability, ATTENTION, HEADS | what | types_of)
    added = {"sums": "*fp32", "stats": "*fp32", "positions": "*i32", "out": "*fp32", "most_splits": "i32"}
    compiled(attention_kernels.combine, capability, added, HEADS | {"WINDOW": 0})


if __name__ == "__main__":
    main(int(sys.argv[1]))
