"""How well a reply's slips are found: precision and recall of the checks on the generated set.

    python benchmarks/checks.py [--seeds 20260 1 2 3 4]

The set's categories and its maker stand in tests/checks/generated_*.py; they were committed before the
checks were tuned on them. The first seed is the one that tuning looked at, the others were not. Positive is
a wrong claim; precision counts marks, recall counts wrong claims, `seen` is the share of right claims that
were looked at. Exits 1 where either is below 0.95 for a kind.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import write_table
from tests.checks.generated_set import MAKERS, NUM_CASES, SEED, generated_set
from tests.checks.verification import Score, measure

BOUND = 0.95
KINDS = ("all", *MAKERS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[SEED, 1, 2, 3, 4])
    seeds = parser.parse_args().seeds
    measured = {seed: measure(generated_set(seed)) for seed in seeds}
    cells = [
        _cells(f"seed {seed}: {kind}", scores[kind]) for seed, scores in measured.items() for kind in KINDS
    ]
    categories = [name for makers in MAKERS.values() for name in makers]
    cells += [_cells(name, _sum([scores[name] for scores in measured.values()])) for name in categories]
    facts = {"command": "python benchmarks/checks.py", "cases per seed": f"{NUM_CASES:,}"}
    write_table("checks", "Checks on the generated set", cells, cells, facts)
    sys.exit(not all(_is_met(scores) for scores in measured.values()))


def _is_met(scores: Mapping[str, Score]) -> bool:
    return all(min(scores[kind].precision, scores[kind].recall) >= BOUND for kind in KINDS)


def _sum(scores: Sequence[Score]) -> Score:
    """Return the counts of one category over all seeds."""
    total = Score()
    for one in scores:
        for name in ("num_wrong", "num_caught", "num_right", "num_seen", "num_to_see"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.num_true_marks += one.num_true_marks
        total.num_false_marks += one.num_false_marks
    return total


def _cells(name: str, score: Score) -> dict[str, str]:
    return {
        "category": name,
        "wrong": f"{score.num_wrong:,}",
        "right": f"{score.num_right:,}",
        "false marks": f"{score.num_false_marks:,}",
        "precision": f"{score.precision:.3f}",
        "recall": f"{score.recall:.3f}",
        "seen": f"{score.seen:.3f}",
    }


if __name__ == "__main__":
    main()
