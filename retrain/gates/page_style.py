"""How a verdict's page looks: one style sheet for light and dark, that loads nothing."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #52606d; --line: #e1e6eb; --paper: #ffffff; --ground: #f5f7f9; --good: #0b7285; --bad: #b7410e;
  --open: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --soft: #9fadba; --line: #2c3844; --paper: #18212a; --ground: #10171e; --good: #4fc3d9;
  --bad: #ff9466; --open: #e6b84d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55
  system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 36px 24px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 10px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 8px; }
h3 { font-size: 15px; margin: 0 0 10px; color: var(--soft); }
p { margin: 0 0 10px; max-width: 96ch; overflow-wrap: anywhere; }
.soft, caption { color: var(--soft); }
.kind { text-transform: uppercase; letter-spacing: .08em; font-size: 12.5px; font-weight: 600; color: var(--soft); }
.kind span { text-transform: none; letter-spacing: 0; }
.pass { color: var(--good); } .fail { color: var(--bad); } .inconclusive { color: var(--open); }
b.pass, b.fail, b.inconclusive { white-space: nowrap; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 16px 20px; overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 14px 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 14.5px; padding-bottom: 8px; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
thead th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
.name { white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 14px; }
figure { margin: 0; }
figure img, figure .none { width: 100%; aspect-ratio: 1; object-fit: contain; display: block; border-radius: 6px; background: var(--ground); }
figure .none { display: grid; place-items: center; color: var(--soft); font-size: 12.5px; text-align: center; }
figcaption { font-size: 12.5px; line-height: 1.45; color: var(--soft); overflow-wrap: anywhere; margin-top: 4px; }
figcaption strong { color: var(--ink); }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
details summary { cursor: pointer; color: var(--soft); }
""".strip()
