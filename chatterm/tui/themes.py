"""chatterm's own themes: high contrast, dark and light. Every text of them has 7:1 or more on its ground.

The ratio is that of WCAG 2.2 (AAA for text of any size). What widgets derive by blending is set outright,
here and at the end of chatterm.tcss, so that nothing greys out.
"""

from textual.theme import Theme

_VARIABLES = {
    "text": "ink",
    "text-muted": "ink",
    "text-disabled": "ink",
    "text-primary": "strong",
    "text-secondary": "strong",
    "text-accent": "warm",
    "text-warning": "warm",
    "text-error": "red",
    "text-success": "green",
    "foreground-muted": "ink",
    "border": "strong",
    "border-blurred": "ink",
    "block-cursor-foreground": "paper",
    "block-cursor-background": "ink",
    "block-cursor-blurred-foreground": "ink",
    "block-cursor-blurred-background": "paper",
    "block-hover-background": "paper",
    "input-cursor-background": "ink",
    "input-cursor-foreground": "paper",
    "input-selection-background": "ink",
    "input-selection-foreground": "paper",
    "screen-selection-background": "ink",
    "screen-selection-foreground": "paper",
    "scrollbar": "ink",
    "scrollbar-hover": "strong",
    "scrollbar-active": "strong",
    "scrollbar-background": "paper",
    "scrollbar-background-hover": "paper",
    "scrollbar-background-active": "paper",
    "scrollbar-corner-color": "paper",
    "link-color": "strong",
    "link-background-hover": "ink",
    "link-color-hover": "paper",
    "footer-key-foreground": "strong",
    "button-foreground": "ink",
    "button-color-foreground": "paper",
    **{f"markdown-h{level}-color": "ink" for level in range(1, 7)},
}
"""By Textual's variable, which of a theme's colours it has."""
_STYLES = {
    "block-cursor-text-style": "bold",
    "block-cursor-blurred-text-style": "bold underline",
    "link-style": "underline",
}


def _contrasting(  # noqa: PLR0913  # keyword-only
    name: str, *, ink: str, paper: str, strong: str, warm: str, red: str, green: str, is_dark: bool
) -> Theme:
    """Return a theme of plain colours: `ink` on `paper`, and four colours that both read as text."""
    colours = {"ink": ink, "paper": paper, "strong": strong, "warm": warm, "red": red, "green": green}
    return Theme(
        name=name,
        primary=strong,
        secondary=strong,
        accent=warm,
        warning=warm,
        error=red,
        success=green,
        foreground=ink,
        background=paper,
        surface=paper,
        panel=paper,
        dark=is_dark,
        text_alpha=1.0,
        variables={variable: colours[role] for variable, role in _VARIABLES.items()} | _STYLES,
    )


HIGH_CONTRAST = _contrasting(
    "high-contrast",
    ink="#ffffff",
    paper="#000000",
    strong="#7fdbff",
    warm="#ffd75f",
    red="#ff9c9c",
    green="#87ff87",
    is_dark=True,
)
HIGH_CONTRAST_LIGHT = _contrasting(
    "high-contrast-light",
    ink="#000000",
    paper="#ffffff",
    strong="#00378a",
    warm="#6b3a00",
    red="#8a0000",
    green="#004d1a",
    is_dark=False,
)

OWN_THEMES = (HIGH_CONTRAST, HIGH_CONTRAST_LIGHT)
