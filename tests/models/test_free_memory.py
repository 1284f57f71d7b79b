"""What is free is read from the system's own files, as they stand on real machines."""

from pathlib import Path

import pytest

from chatterm.models.free_memory import free_memory, parse_vm_stat

MEMINFO = "MemTotal:       24683656 kB\nMemFree:        22972984 kB\nMemAvailable:   24000000 kB\n"
AVAILABLE = 24_000_000 * 1024
V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/meminfo": MEMINFO}, AVAILABLE),
        ({"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"}, AVAILABLE),
        pytest.param(
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/a/b\n",
                f"{V2}/a/b/memory.max": "max\n",
                f"{V2}/a/b/memory.current": "5\n",
                f"{V2}/a/memory.max": "1000000\n",
                f"{V2}/a/memory.current": "700000\n",
                f"{V2}/a/memory.stat": "anon 5\ninactive_file 50000\n",
            },
            350_000,
            id="v2, the limit of a group above",
        ),
        pytest.param(
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/a/b\n",
                f"{V2}/memory.max": "1000000\n",
                f"{V2}/memory.current": "1700000\n",
            },
            0,
            id="v2 within a container, over its limit",
        ),
        pytest.param(
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "9:name=systemd:/\n4:memory:/job\n0::/\n",
                f"{V1}/job/memory.limit_in_bytes": "2000000",
                f"{V1}/job/memory.usage_in_bytes": "500000",
                f"{V1}/job/memory.stat": "inactive_file 1\ntotal_inactive_file 100000\n",
                f"{V1}/memory.limit_in_bytes": "9223372036854771712",
                f"{V1}/memory.usage_in_bytes": "600000",
            },
            1_600_000,
            id="v1",
        ),
    ],
)
def test_the_least_of_all_limits_counts(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    assert free_memory(write(tmp_path, files)) == expected


def test_this_machine_tells() -> None:
    found = free_memory()
    assert found is not None
    assert 2**20 < found < 2**50


def test_the_pages_of_a_mac_are_added_up() -> None:
    text = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                               10.\nPages active:                            500.\n"
        "Pages inactive:                          200.\nPages speculative:                         3.\n"
        "Pages wired down:                        900.\nPages purgeable:                           4.\n"
    )
    assert parse_vm_stat(text) == 217 * 16384
    assert parse_vm_stat("") is None
