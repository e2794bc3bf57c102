"""Runbooks' Markdown as HTML: headings, paragraphs, lists, tables, code, bold and links, and nothing else. All text is escaped: what is not known here is shown
as it was written."""

import re
from collections.abc import Callable
from html import escape
from typing import Final

_HEADING: Final = re.compile(r"(#{1,4}) +(.+?) *#*")
_ITEM: Final = re.compile(r"(?:[-*+]|(\d{1,3})[.)]) +(.*)")
_RULE: Final = re.compile(r"\|? *:?-{2,}:? *(\| *:?-{2,}:? *)*\|?")
_SPAN: Final = re.compile(r"(`+)(.+?)\1|\*\*(.+?)\*\*|\[([^\]]+)\]\(([^)\s]+)\)|\b(Keepsight[A-Z]\w*)\b")
_CELL: Final = re.compile(r"(?<!\\)\|")
Link = Callable[[str], str]
"""Where a link's target lies, "" for nowhere."""


def html(text: str, link: Link, lowest: int = 1) -> str:
    """The text as HTML; its headings begin at level `lowest`."""
    lines, found = text.expandtabs(4).splitlines(), []
    at = 0
    while at < len(lines):
        block, at = _block(lines, at, link, lowest)
        found.append(block)
    return "\n".join(filter(None, found))


def title(text: str) -> str:
    """The first heading's text; "" without one."""
    return next((match[2] for line in text.splitlines() if (match := _HEADING.fullmatch(line.strip()))), "")


def _block(lines: list[str], at: int, link: Link, lowest: int) -> tuple[str, int]:
    """The block that begins at a line, and the line after it."""
    line = lines[at].strip()
    if not line:
        return "", at + 1
    if line.startswith("```"):
        end = next((i for i in range(at + 1, len(lines)) if lines[i].strip().startswith("```")), len(lines))
        return _code([one[len(lines[at]) - len(lines[at].lstrip()) :] for one in lines[at + 1 : end]]), end + 1
    if lines[at].startswith("    "):
        end = next((i for i in range(at, len(lines)) if lines[i].strip() and not lines[i].startswith("    ")), len(lines))
        return _code([one[4:] for one in lines[at:end]]), end
    if match := _HEADING.fullmatch(line):
        level = min(6, len(match[1]) + lowest - 1)
        return f"<h{level}>{_inline(match[2], link)}</h{level}>", at + 1
    if at + 1 < len(lines) and "|" in line and _RULE.fullmatch(lines[at + 1].strip()):
        return _table(lines, at, link)
    if _ITEM.fullmatch(line):
        return _list(lines, at, link)
    end = at + 1
    while end < len(lines) and _goes_on(lines[end]):
        end += 1
    return f"<p>{_inline(' '.join(one.strip() for one in lines[at:end]), link)}</p>", end


def _goes_on(line: str) -> bool:
    """Whether a line belongs to the paragraph before it."""
    words = line.strip()
    return bool(words) and not words.startswith("```") and not _HEADING.fullmatch(words) and not _ITEM.fullmatch(words)


def _code(lines: list[str]) -> str:
    return f"<pre><code>{escape(chr(10).join(lines).rstrip())}</code></pre>"


def _list(lines: list[str], at: int, link: Link) -> tuple[str, int]:
    """A list; what is indented below an item belongs to it."""
    first = _ITEM.fullmatch(lines[at].strip())
    assert first is not None  # else it were no list
    tag, indent = "ol" if first[1] else "ul", len(lines[at]) - len(lines[at].lstrip())
    items: list[list[str]] = []
    while at < len(lines):
        line = lines[at]
        depth = len(line) - len(line.lstrip())
        match = _ITEM.fullmatch(line.strip())
        if match and depth <= indent:
            items.append([match[2]])
        elif line.strip() and (depth > indent or _goes_on(line)):
            items[-1].append(line[min(depth, indent + 2) :])
        elif (
            not line.strip()
            and at + 1 < len(lines)
            and len(lines[at + 1]) - len(lines[at + 1].lstrip()) > indent
            and lines[at + 1].strip()
        ):
            items[-1].append("")
        else:
            break
        at += 1
    return f"<{tag}>{''.join(f'<li>{_item(one, link)}</li>' for one in items)}</{tag}>", at


def _item(lines: list[str], link: Link) -> str:
    inside = html("\n".join(lines), link)
    whole = re.fullmatch(r"<p>(.*?)</p>", inside, re.DOTALL)
    return whole[1] if whole and "<p>" not in whole[1] else inside


def _table(lines: list[str], at: int, link: Link) -> tuple[str, int]:
    head = _cells(lines[at])
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    top = "".join(f'<th scope="col">{_inline(cell, link)}</th>' for cell in head)
    body = ""
    for line in lines[at + 2 : end]:
        cells = (*_cells(line), *([""] * len(head)))[: len(head)]
        body += (
            "<tr>"
            + "".join(
                f'<td data-head="{escape(name, quote=True)}">{_inline(cell, link)}</td>'
                for name, cell in zip(head, cells, strict=True)
            )
            + "</tr>"
        )
    return f'<div class="card wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>', end


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip().removeprefix("|").removesuffix("|")))


def _inline(text: str, link: Link) -> str:
    """Code, bold, links and names of alerts inside a line."""
    parts, done = [], 0
    for match in _SPAN.finditer(text):
        parts += [escape(text[done : match.start()]), _span(match, link)]
        done = match.end()
    return "".join((*parts, escape(text[done:])))


def _span(match: re.Match[str], link: Link) -> str:
    if match[1]:
        return f"<code>{escape(match[2].strip())}</code>"
    if match[3]:
        return f"<b>{_inline(match[3], link)}</b>"
    inside = escape(match[6]) if match[6] else _inline(match[4], link)
    where = link(match[6] or match[5])
    return f'<a href="{escape(where, quote=True)}">{inside}</a>' if where else inside
