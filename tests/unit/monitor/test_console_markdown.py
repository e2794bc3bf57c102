"""Runbooks' Markdown: what it knows becomes HTML, everything else is text, and nothing of it runs."""

import pytest

from monitor.console.markdown import html, title


def link(target: str) -> str:
    return f"/to/{target}" if target != "nowhere" else ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Title #\n\n## Below", "<h1>Title</h1>\n<h2>Below</h2>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("a **b** `c<d` [e](f) [g](nowhere)", '<p>a <b>b</b> <code>c&lt;d</code> <a href="/to/f">e</a> g</p>'),
        ("see KeepsightEventsLate.", '<p>see <a href="/to/KeepsightEventsLate">KeepsightEventsLate</a>.</p>'),
        ("**Meaning of `x`.** y", "<p><b>Meaning of <code>x</code>.</b> y</p>"),
        ("- one\n  goes on\n- two", "<ul><li>one goes on</li><li>two</li></ul>"),
        ("1. one\n2. two\n   - in\n   - out\n\nafter", "<ol><li>one</li><li><p>two</p>\n<ul><li>in</li><li>out</li></ul></li></ol>\n<p>after</p>"),
        ("1. do\n\n   ```\n   cmd --x\n   ```\n2. then", "<ol><li><p>do</p>\n\n<pre><code>cmd --x</code></pre></li><li>then</li></ol>"),
        ("```bash\na && b\n  c\n```\nd", "<pre><code>a &amp;&amp; b\n  c</code></pre>\n<p>d</p>"),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("    curl x\n\n    curl y\nz", "<pre><code>curl x\n\ncurl y</code></pre>\n<p>z</p>"),
        ("<script>alert(1)</script> & <b>", "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;</p>"),
        ("`` a`b ``", "<p><code>a`b</code></p>"),
        ("a | b, no table", "<p>a | b, no table</p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_known_becomes_html(text: str, expected: str) -> None:
    assert html(text, link).replace("\n\n", "\n") == expected.replace("\n\n", "\n")


def test_a_table_has_its_heads_at_each_cell() -> None:
    page = html("| seen | `do` |\n|---|:--:|\n| a \\| b | **c** |\n| short |\nafter", link)
    assert '<th scope="col">seen</th><th scope="col"><code>do</code></th>' in page
    assert '<td data-head="seen">a | b</td><td data-head="`do`"><b>c</b></td>' in page
    assert '<td data-head="seen">short</td><td data-head="`do`"></td>' in page
    assert page.endswith("<p>after</p>")


def test_headings_begin_where_they_are_told() -> None:
    assert html("# a\n### b", link, lowest=2) == "<h2>a</h2>\n<h4>b</h4>"
    assert (title("text\n## Two"), title("none")) == ("Two", "")
