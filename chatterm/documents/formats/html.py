"""HTML to text with Markdown's marks: headings, lists, tables, quotes, code; of a link its text.

Lexbor parses it as a browser does (in C: this runs in the child process), and nothing is fetched. Nothing is
escaped and emphasis is not marked, so that what is quoted from the text is found in the page.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from chatterm.documents.formats.extracted import Extracted, Unreadable, bounded, packed, packed_refusal
from chatterm.documents.formats.markdown_writer import MarkdownWriter

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_NO_TEXT = frozenset(
    {
        *("script", "style", "template", "noscript", "iframe", "object", "canvas", "svg", "audio"),
        *("video", "map", "head", "nav", "button", "select", "datalist", "input", "textarea"),
        *("progress", "meter", "dialog"),
    }
)
"""What shows no text to read, or only what leads elsewhere."""


def read_html(data: bytes) -> bytes:
    """Return the packed text of HTML in UTF-8, for the parent process."""
    try:
        return packed(Extracted(to_markdown(data.decode())))
    except Unreadable as refusal:
        return packed_refusal(str(refusal))


def to_markdown(html: str) -> str:
    """Return the text of a page. Raises Unreadable where it is too long."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    writer = MarkdownWriter()
    if (title := tree.css_first("head > title")) and not tree.css_first("h1"):
        writer.enter("h1", {})
        writer.add(title.text())
        writer.leave("h1")
    if tree.body is not None:
        _walk(tree.body, writer)
    return "".join(bounded(f"{line}\n" for line in writer.lines()))


def _walk(root: "LexborNode", writer: MarkdownWriter) -> None:
    """Go through the tree in document order, without recursion: it may be nested a million deep."""
    todo: list[LexborNode | str] = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, str):
            writer.leave(node)
        elif node.is_text_node:
            writer.add(node.text_content or "")
        elif node.is_element_node and (tag := node.tag) and tag not in _NO_TEXT:
            attributes = node.attributes
            if not _is_silent(attributes):
                writer.enter(tag, attributes)
                todo.append(tag)
                todo += reversed(list(_children(node)))


def _children(node: "LexborNode") -> Iterator["LexborNode"]:
    child = node.child
    while child is not None:
        yield child
        child = child.next


def _is_silent(attributes: Mapping[str, str | None]) -> bool:
    return "hidden" in attributes or attributes.get("role") == "navigation"
