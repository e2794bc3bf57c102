"""How the pages of reports look: one style sheet, that loads nothing."""

from typing import Final

STYLE: Final = """
:root { --ink: #1f2933; --soft: #52606d; --line: #e1e6eb; --paper: #ffffff; --ground: #f5f7f9; --good: #0b7285; --bad: #b7410e; }
@media (prefers-color-scheme: dark) { :root { color-scheme: dark; --ink: #e7ecf1; --soft: #a3b2c0; --line: #2c3743; --paper: #1a222b; --ground: #11171d;
  --good: #62c6d6; --bad: #f29d74; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55
  system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 36px 24px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 10px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 8px; }
p { margin: 0 0 10px; max-width: 96ch; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.kind { text-transform: uppercase; letter-spacing: .08em; font-size: 12.5px; font-weight: 600; color: var(--soft); }
.kind b { color: var(--bad); }
.kind span { text-transform: none; letter-spacing: 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 16px 20px; overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 14px 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
h3 { font-size: 15px; margin: 0 0 10px; color: var(--soft); }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(110px, 1fr)); gap: 12px; }
figure { margin: 0; } figure img { width: 100%; display: block; border-radius: 6px; }
figcaption { font-size: 12.5px; color: var(--soft); overflow-wrap: anywhere; }
iframe { width: 100%; height: 900px; border: 0; display: block; background: var(--paper); }
a { color: var(--good); }
""".strip()
