"""How well letters that were typed match a name: the ranking of searches by a few letters. Pure."""


def closeness(wanted: str, text: str) -> float:
    """Return how close the letters of `wanted` stand in `text`, in order: 1 side by side, 0 not at all.

    Linear: a title may be made to have very many ways of holding them (Textual's FuzzySearch tries all).
    """
    end = 0
    for letter in wanted:
        end = text.find(letter, end) + 1
        if end == 0:
            return 0.0
    # Backwards from where they end first, they stand as close as they can there.
    start = end
    for letter in reversed(wanted):
        start = text.rfind(letter, 0, start)
    return len(wanted) / (end - start) if end > start else 0.0
