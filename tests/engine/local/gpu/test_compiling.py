"""The kernels become machine code for the GPUs they are for, whether one is here or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is not to be had for this platform")


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
def test_every_kernel_compiles(capability: int, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_DEFAULT_FP_FUSION": "1"}
    command = [sys.executable, "-m", "tests.support.kernel_compiler", str(capability)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    made = [line.split() for line in done.stdout.splitlines()]
    wide = {name for name, loads, _ in made if int(loads) > 0}
    assert wide >= {"one_row", "few_rows", "attend"}, "codes, keys and values are loaded 16 bytes at a time"
    assert max(int(shared) for _, _, shared in made) <= 99 * 1024, "what many cards have"
