"""Compiles every GPU kernel to machine code for one GPU, which need not be there: argv[1] is its capability.

Run as a program of its own, for a process's kernels are either compiled or interpreted. Prints, for each
kernel, how many loads of 16 bytes it has, and the shared memory that it takes, in bytes.
"""

import sys
from collections.abc import Mapping
from typing import Any  # Triton has no types

import triton.language as tl
from triton import compile as compile_kernel
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from chatterm.engine.local.gpu import attention_kernels, code_kernels, product_kernels
from chatterm.engine.local.gpu.products import form_flags
from chatterm.engine.local.gpu.tuning import Tuning
from chatterm.engine.local.weights.packed_types import CODE_FORMATS
from chatterm.models.block_types import BlockType

CODES = {"codes": "*u8", "planes": "*i32", "scales": "*fp16", "minima": "*fp16"}
SIZES = {"num_rows": "i32", "num_groups": "i32"}
PRODUCT = {
    "x": "*fp32", "norm": "*fp32", **CODES, "bias": "*fp32", "out": "*fp32", **SIZES,
    "num_outputs": "i32", "epsilon": "fp32", "factor": "fp32", "cap": "fp32",
}  # fmt: skip
TYPES = {"Q4_K": "*u8", "Q6_K": "*u8", "Q8_0": "*i8", "BF16": "*bf16", "F32": "*fp32"}
"""Block types, each of another layout of codes, and what its codes are."""
TUNING = Tuning(132)
AROUND = {"NORM": True, "BIAS": True, "CAP": True, "ADD": True}
ATTENTION = {
    "qkv": "*fp32", "addresses": "*i64", "capacities": "*i32", "positions": "*i32", "firsts": "*i32",
    "starts": "*i32", "turns": "*fp32", "query_norm": "*fp32", "key_norm": "*fp32", "sums": "*fp32",
    "stats": "*fp32", "epsilon": "fp32", "query_scale": "fp32", "cap": "fp32", "num_pairs": "i32",
    "most_splits": "i32",
}  # fmt: skip
HEADS = {"NUM_HEADS": 32, "HEAD_LENGTH": 128, "HEAD": 128, "SPLIT": 256}


def compiled(
    kernel: Any, capability: int, types: Mapping[str, str], constants: Mapping[str, Any], **options: int
) -> None:
    names = kernel.arg_names
    aligned = [name for name in types if types[name].startswith("*") or name in SIZES]
    source = ASTSource(
        kernel,
        {name: types.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    made = compile_kernel(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert made.asm["cubin"]
    code = made.asm["ptx"]
    wide = code.count("ld.global.v4") + code.count("cp.async.cg")
    sys.stdout.write(f"{kernel.__name__} {wide} {made.metadata.shared}\n")


def main(capability: int) -> None:
    for name, code in TYPES.items():
        form = form_flags(CODE_FORMATS[BlockType[name]])
        types = {**PRODUCT, "codes": code}
        for gate in (0, 1):
            flags = {**form, **AROUND, "GATE": gate}
            rows, groups, warps, stages = TUNING.one_row(4096, 4096, CODE_FORMATS[BlockType[name]])
            shape = {"BLOCK_ROWS": rows, "BLOCK_GROUPS": groups, "STAGES": stages}
            compiled(product_kernels.one_row, capability, types, flags | shape, num_warps=warps)
            many = types | {"num_x": "i32", "out_stride": "i32"}
            rows, groups, warps, stages = TUNING.few_rows(4096, 4096, CODE_FORMATS[BlockType[name]])
            shape = {"BLOCK_ROWS": rows, "BLOCK_GROUPS": groups, "DOT": tl.bfloat16}
            how = {"num_warps": warps, "num_stages": stages}
            compiled(product_kernels.few_rows, capability, many, flags | shape, **how)
        codes = {**CODES, "codes": code, **SIZES}
        some = codes | {"out": "*bf16", "first_row": "i32", "end_row": "i32"}
        compiled(code_kernels.unpack, capability, some, form | {"BLOCK_ROWS": 16, "BLOCK_GROUPS": 16})
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
    for norm_kind, window, cap, head in ((0, 0, False, 128), (1, 512, True, 256), (2, 0, False, 128)):
        what = {"NORM": norm_kind, "WINDOW": window, "CAP": cap, "TURNS": True, "SHARING": 16}
        what |= {"HEAD_LENGTH": head, "HEAD": head, "BLOCK": 8192 // head}
        types_of = {"CACHE": tl.bfloat16, "DOT": tl.bfloat16, "NUM_KV_HEADS": 8}
        stages = 3 if head == 128 else 2
        compiled(attention_kernels.attend, capability, ATTENTION, HEADS | what | types_of, num_stages=stages)
    added = {"sums": "*fp32", "stats": "*fp32", "positions": "*i32", "out": "*fp32", "most_splits": "i32"}
    compiled(attention_kernels.combine, capability, added, HEADS | {"WINDOW": 0, "TOGETHER": 16})


if __name__ == "__main__":
    main(int(sys.argv[1]))
