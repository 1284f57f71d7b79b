"""Pure functions on what was asked and answered. Knows no model, no prompt file, no terminal."""

from chatterm.checks.guards import PACKS, Pack, footer, notices_before

__all__ = ["PACKS", "Pack", "footer", "notices_before"]
