"""What of the GPU benchmark needs no GPU: shapes, rooflines, its clock, a table that is always written."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import measuring
from benchmarks.gpu import Bench, dense_rows, fill, int4_rows
from benchmarks.gpu_measures import DRY, Limits, cache_bytes, seconds
from benchmarks.gpu_shapes import SHAPES
from benchmarks.gpu_table import Clock, OutOfTime, Row, Table

ROOT = Path(__file__).parents[4]
CPU = torch.device("cpu")
LIMITS = Limits(bytes_per_s=4e12, operations_per_s=8e14)
BENCH = Bench(CPU, LIMITS, DRY)


@pytest.mark.parametrize(("name", "billions"), [("1B", 1.24), ("3B", 3.21), ("8B", 7.50), ("32B", 31.98)])
def test_shapes_are_those_of_the_models_they_are_called_after(name: str, billions: float) -> None:
    """Published parameter counts, without the embedding where the head is another matrix."""
    assert SHAPES[name].weights_read / 1e9 == pytest.approx(billions, rel=0.01)


def test_rooflines() -> None:
    shape = SHAPES["8B"]
    assert cache_bytes(shape, 1) == 2 * 2 * 32 * 8 * 128
    share = LIMITS.decode_share(shape, 4e9, count=8, context=1000, step_s=2e-3)
    assert share == pytest.approx((4e9 + 8 * 1000 * 131_072) / 4e12 / 2e-3)
    assert LIMITS.prefill_share(shape, 4096, 0.1) == pytest.approx(2 * 7.504e9 * 4096 / 8e14 / 0.1, rel=1e-3)


def test_a_measurement_ends_with_its_time() -> None:
    runs: list[int] = []
    seconds(lambda: runs.append(1), CPU, 50, Clock(0))
    assert len(runs) == 2, "a warm-up, and one that counts"


def test_baselines_run_or_say_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path / "results")

    def late() -> Iterator[Row]:
        yield Row("tiny", "decode", "late", 5.0, "tok/s", 0.25)
        raise OutOfTime

    table = Table()
    with torch.inference_mode():
        table.take("tiny", "bf16 cuBLAS + graph", dense_rows(BENCH, "tiny", Clock(60)))
        table.take("tiny", "torch int4 + graph", int4_rows(BENCH, "tiny", Clock(60)))
        table.take("32B", "bf16 cuBLAS + graph", dense_rows(BENCH, "32B", Clock(60)))
    table.take("tiny", "late", late())
    for _ in range(2):
        table.write({"gpu": "none"}, is_kept=True)
    rows = json.loads((tmp_path / "results" / "gpu.json").read_text())["rows"]
    assert [row["contender"] for row in rows] == [
        "bf16 cuBLAS + graph", "torch int4 + graph", "bf16 cuBLAS + graph", "late", "late",
    ]  # fmt: skip
    assert rows[0]["value"] > 0
    assert rows[0]["measure"] == "decode, n=1, context 20"
    assert "NotImplementedError: Could not run 'aten::_convert_weight_to_int4pack'" in rows[1]["note"]
    assert "64 GB in bf16" in rows[2]["note"]
    assert rows[4]["note"] == "no time left"
    text = (tmp_path / "results" / "gpu.md").read_text()
    assert "| tiny | decode | late | 5 tok/s | 25% |" in text
    assert "| tiny | the rest | late | none: no time left |  |" in text


def test_without_time_every_contender_has_a_line() -> None:
    table = Table()
    fill(table, BENCH, ["1B", "8B"], Clock(0))
    assert len(table.rows) == 8
    assert {row.note for row in table.rows} == {"no time left"}


def test_the_table_is_written_when_the_time_is_over_whatever_hangs(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from benchmarks import measuring, gpu_table as t\n"
        "measuring.RESULTS = Path(sys.argv[1]); table = t.Table()\n"
        "table.take('8B', 'chatterm', iter([t.Row('8B', 'decode', 'chatterm', 450.0, 'tok/s')]))\n"
        "t.end_after(0.1, lambda: table.write({}, is_kept=True)); time.sleep(60)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "450 tok/s" in done.stdout
    assert json.loads((tmp_path / "gpu.json").read_text())["rows"][0]["value"] == 450


def test_a_table_that_cannot_be_written_ends_the_program_too() -> None:
    program = (
        "import time; from benchmarks import gpu_table as t; t.end_after(0.1, lambda: 1 / 0); time.sleep(60)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.slow
def test_a_dry_run_in_the_interpreter() -> None:
    command = [sys.executable, "benchmarks/gpu.py", "--device", "cpu", "--shapes", "tiny", "--minutes", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for measure in "decode, n=1, context 20", "decode, n=2, context 20", "prefill 40":
        assert f"| tiny | {measure} | chatterm |" in done.stdout
