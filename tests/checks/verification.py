"""Measures `verify` on the generated set: `python -m tests.checks.verification [SEED]` prints the table.

Positive is a wrong claim, marked positive a finding that is not verified. Precision counts findings, recall
counts claims. `seen` is the share of right claims that were checked at all: silence is no success.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chatterm.checks import Finding
from chatterm.checks.verify import Basis, verify
from tests.checks.generated_set import NUM_CASES, SEED, Case, Claim, generated_set
from tests.checks.generated_texts import EXAMPLES


@dataclass(slots=True)
class Score:
    """Counts of one category; marks are findings that are not verified."""

    num_wrong: int = 0
    num_caught: int = 0
    num_right: int = 0
    num_seen: int = 0
    num_to_see: int = 0
    """Of leaks and traps none: there is nothing to find."""
    num_true_marks: int = 0
    num_false_marks: int = 0
    mistakes: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.num_caught / self.num_wrong if self.num_wrong else 1.0

    @property
    def precision(self) -> float:
        marks = self.num_true_marks + self.num_false_marks
        return self.num_true_marks / marks if marks else 1.0

    @property
    def seen(self) -> float:
        return self.num_seen / self.num_to_see if self.num_to_see else 1.0


def measure(cases: Iterable[Case]) -> dict[str, Score]:
    """Return the scores by category; `all` is their sum, `elsewhere` marks that stand on no claim."""
    scores: dict[str, Score] = defaultdict(Score)
    for case in cases:
        report = verify(case.reply, Basis((case.source,), examples=EXAMPLES))
        for finding in report.unverified:
            _count_mark(scores, case, finding)
        for claim in case.claims:
            on_it = [one for one in report.findings if _touches(claim, one)]
            _count_claim(scores, case, claim, on_it)
    return dict(scores)


def _count_mark(scores: Mapping[str, Score], case: Case, finding: Finding) -> None:
    claim = next((one for one in case.claims if _touches(one, finding)), None)
    names = ("all", claim.kind, claim.category) if claim else ("all", "elsewhere")
    is_true = claim is not None and not claim.is_right
    for name in names:
        scores[name].num_true_marks += is_true
        scores[name].num_false_marks += not is_true
    if not is_true:
        mistake = f"FALSE {finding.kind} {finding.verdict} {finding.why} {finding.text!r} | {case.source!r}"
        scores[names[-1]].mistakes.append(mistake)


def _count_claim(scores: Mapping[str, Score], case: Case, claim: Claim, on_it: list[Finding]) -> None:
    is_to_see = claim.kind in ("number", "quote", "citation")
    is_caught = any(not finding.is_verified for finding in on_it)
    for name in ("all", claim.kind, claim.category):
        score = scores[name]
        if claim.is_right:
            score.num_right += 1
            score.num_seen += is_to_see and bool(on_it)
            score.num_to_see += is_to_see
        else:
            score.num_wrong += 1
            score.num_caught += is_caught
    text = case.reply[claim.start : claim.end]
    if not claim.is_right and not is_caught:
        scores[claim.category].mistakes.append(f"MISSED {text!r} | {case.source!r}")
    elif claim.is_right and is_to_see and not on_it:
        scores[claim.category].mistakes.append(f"UNSEEN {text!r} | {case.source!r}")


def _touches(claim: Claim, finding: Finding) -> bool:
    return finding.start < claim.end and finding.end > claim.start


_WIDTHS = (18, 8, 8, 8, 7, 11, 7, 5)


def table(scores: Mapping[str, Score]) -> str:
    names = ("category", "wrong", "caught", "recall", "false", "precision", "right", "seen")
    head = "".join(f"{name:<{width}}" for name, width in zip(names, _WIDTHS, strict=True)).rstrip()
    rows = [
        f"{name:<18}{one.num_wrong:<8}{one.num_caught:<8}{one.recall:<8.3f}{one.num_false_marks:<7}"
        f"{one.precision:<11.3f}{one.num_right:<7}{one.seen:.3f}"
        for name, one in sorted(scores.items())
    ]
    return "\n".join((head, *rows))


def main(arguments: list[str]) -> None:
    seed = int(arguments[0]) if arguments else SEED
    scores = measure(generated_set(seed, NUM_CASES))
    sys.stdout.write(f"{NUM_CASES} cases, seed {seed}\n{table(scores)}\n")
    for name, one in sorted(scores.items()):
        for mistake in one.mistakes[:3] if "-v" in arguments else ():
            sys.stdout.write(f"{name}: {mistake}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
