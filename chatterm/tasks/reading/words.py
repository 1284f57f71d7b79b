"""How reading in parts is told to people, in one line each."""

from chatterm.tasks.reading.events import NotRead, PartsProgress

_MAX_PLACES = 6


def progress_text(progress: PartsProgress) -> str:
    """Return `part 7/31 · 42 tokens/s · 2m left`, or `combining 2/3 · ...`."""
    number = min(progress.done + 1, progress.total)
    texts = [f"{'combining' if progress.step == 'reduce' else 'part'} {number:,}/{progress.total:,}"]
    if progress.tokens_per_s:
        texts.append(f"{progress.tokens_per_s:,.0f} tokens/s")
    if progress.seconds_left is not None:
        texts.append(f"{duration_text(progress.seconds_left)} left")
    return " · ".join(texts)


def duration_text(seconds: float) -> str:
    """Return `40s`, `2m` or `1h 5m`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(round(seconds), 1)}s"
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"


def unread_text(unread: NotRead) -> str:
    """Say what the answer does not rest on, and what to do for it."""
    places = "; ".join(unread.places[:_MAX_PLACES])
    if num_more := len(unread.places) - _MAX_PLACES:
        places += f"; and {num_more:,} more" if num_more > 0 else ""
    if unread.is_failure:
        return f"not read: {places}; the same command reads only what is missing"
    num_read = unread.total_lines - unread.num_lines
    return (
        f"read {num_read:,} of {unread.total_lines:,} lines; not read: {places}; "
        "ask for a summary, or --in-parts, to have all of it read"
    )
