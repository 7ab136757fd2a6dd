/** The page's style: two colour schemes, one ramp, a palette of six; readable from a phone to a wide screen. */
export const style = `
:root { color-scheme: light dark; --paper: #fbfaf7; --surface: #fff; --ink: #1d2129; --soft: #5b6270; --rule: #e3e1db; --heat: #1f5fa8; --on-heat: #fff;
  --s0: #7b818c; --s1: #2468b4; --s2: #c4571d; --s3: #1a8272; --s4: #7c4fc0; --s5: #b03a6f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --surface: #1c1f25; --ink: #e8e9ec; --soft: #a0a6b1; --rule: #31353d; --heat: #7db4f0; --on-heat: #10151c;
  --s0: #969ca8; --s1: #6aa9ec; --s2: #ee9360; --s3: #4dbfac; --s4: #b395ea; --s5: #e383ae; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 20px 80px; }
header p, .note, .lead { color: var(--soft); }
.eyebrow { margin: 0; font-size: 13px; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); }
h1 { margin: 4px 0 6px; font-size: clamp(28px, 5vw, 42px); line-height: 1.12; letter-spacing: -.02em; overflow-wrap: anywhere; }
header p { margin: 0; }
.warning { margin-top: 14px; padding: 10px 14px; border-left: 3px solid var(--s2); background: var(--surface); color: var(--ink); }
.suite { margin-top: 56px; padding-top: 20px; border-top: 2px solid var(--ink); }
h2 { margin: 0; font-size: 26px; letter-spacing: -.01em; line-height: 1.2; }
.lead { margin: 4px 0 0; }
h3 { margin: 0 0 2px; font-size: 16px; line-height: 1.35; }
.note { margin: 0 0 12px; font-size: 14px; line-height: 1.45; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 22px 0 8px; }
.card { padding: 14px 16px; background: var(--surface); border: 1px solid var(--rule); border-radius: 10px; }
.card strong { display: block; font-size: 28px; line-height: 1.15; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.card span { display: block; margin-top: 3px; font-size: 13.5px; line-height: 1.35; color: var(--soft); }
.blocks { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 34px 40px; margin-top: 30px; align-items: start; }
.block { min-width: 0; }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; padding-bottom: 2px; }
table { border-collapse: collapse; min-width: 100%; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; text-align: right; vertical-align: top; white-space: nowrap; line-height: 1.3; }
th:first-child, th.left, td.left { text-align: left; }
th:first-child { padding-left: 0; position: sticky; left: 0; background: var(--paper); }
td:last-child, th:last-child { padding-right: 2px; }
thead th { font-weight: 600; font-size: 13.5px; color: var(--soft); border-bottom: 1px solid var(--ink); vertical-align: bottom; }
thead th.group { text-align: left; border-bottom: 1px solid var(--rule); color: var(--ink); }
thead tr:has(.group) th:first-child { border-bottom: 0; }
th.start, td.start { padding-left: 30px; }
tbody th { font-weight: 600; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
tbody tr:not(.first) > th:empty { border-top-color: transparent; }
td b { font-weight: 700; }
td small, th small { display: block; font-size: 12px; font-weight: 400; color: var(--soft); }
td.aside { color: var(--soft); }
svg { display: block; font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
svg text { fill: var(--ink); }
svg .tick, svg .muted { fill: var(--soft); }
svg .axis { fill: var(--soft); font-size: 12px; }
svg .group, svg .name { font-weight: 600; }
svg .value { font-size: 11.5px; }
.chart .value { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.chart { width: 100%; max-width: 500px; height: auto; overflow: visible; }
.heat { max-width: none; }
.grid { stroke: var(--rule); stroke-width: 1; }
.level { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.dot { stroke: var(--paper); stroke-width: 1.5; }
.cell { fill: color-mix(in oklab, var(--heat) var(--v), var(--surface)); stroke: var(--rule); stroke-width: .5; }
.cell.none { fill: none; stroke-dasharray: 2 3; }
svg .in { font-size: 11.5px; }
svg .on { fill: var(--on-heat); }
${[0, 1, 2, 3, 4, 5].map((n) => `.fill-${n} { fill: var(--s${n}); } .stroke-${n} { stroke: var(--s${n}); } svg .ink-${n} { fill: var(--s${n}); }`).join("\n")}
details summary { cursor: pointer; font-weight: 600; }
.misses { list-style: none; padding: 0; margin: 14px 0 0; display: grid; gap: 18px; }
.misses p { margin: 0; }
blockquote { margin: 6px 0; padding: 8px 12px; border-left: 3px solid var(--rule); background: var(--surface); white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14.5px; }
code, pre { font: 13.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre { margin: 16px 0; padding: 12px 14px; background: var(--surface); border: 1px solid var(--rule); border-radius: 8px; overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 22px; margin: 16px 0 0; font-size: 15px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 60px; color: var(--soft); font-size: 14px; }
@media (max-width: 560px) { main { padding: 26px 16px 60px; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 10px; } th, td { padding: 7px 9px; } .card { padding: 12px 14px; } .cards { grid-template-columns: 1fr 1fr; } }
@media print { body { background: #fff; } .suite { break-before: page; } }
`;
