"""The look of a report: the colours and sizes of the project's pages, written out, since a report is alone."""

STYLE = """
:root{color-scheme:light dark;--paper:light-dark(#f5f6f8,#0d1116);--surface:light-dark(#fff,#171c23);
--line:light-dark(#d5dae1,#2b333e);--ink:light-dark(#12161c,#f1f4f8);--ink-2:light-dark(#4a5462,#a9b4c2);
--good:light-dark(#0b6b3a,#6fdc9d);--good-soft:light-dark(#dff5e7,#0f3322);--warn:light-dark(#8a4b00,#ffc266);
--warn-soft:light-dark(#fff0d6,#3d2a08);--bad:light-dark(#b3161b,#ff9a94);--bad-soft:light-dark(#ffe4e3,#481618);
--s0:light-dark(#1d4fd8,#8cb0ff);--s1:light-dark(#b4530a,#ffb070);--s2:light-dark(#0b7a5b,#5fd6b0);
--s3:light-dark(#9b2fae,#e39af0);--s4:light-dark(#5b6472,#aab3c0);--s5:light-dark(#a11d4b,#ff93b6);
--s6:light-dark(#4d6b00,#b6d65a);--s7:light-dark(#006a8e,#6fcbee)}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Liberation Sans",sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:28px;line-height:1.2;margin:0}
h2{font-size:20px;margin:40px 0 12px}
p{margin:8px 0}
.quiet{color:var(--ink-2);font-size:14px}
.word{display:inline-block;padding:4px 16px;border-radius:8px;font-size:20px;font-weight:700;margin:16px 0 8px}
.passed{color:var(--good);background:var(--good-soft)}
.failed{color:var(--bad);background:var(--bad-soft)}
.reasons{background:var(--bad-soft);border-radius:12px;padding:12px 16px 12px 36px;margin:8px 0}
.notes{background:var(--warn-soft);border-radius:12px;padding:12px 16px 12px 36px;margin:8px 0}
.reasons li,.notes li{overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:12px;margin:16px 0}
.tile,figure,.wide{background:var(--surface);border:1px solid var(--line);border-radius:12px}
.tile{padding:12px 16px}
.tile b{display:block;font-size:24px;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tile span{color:var(--ink-2);font-size:14px}
figure{margin:12px 0;padding:12px 16px}
figure{overflow-x:auto}svg{display:block;width:100%;min-width:640px;height:auto}
.grid{stroke:var(--line);stroke-width:1}
.tick{fill:var(--ink-2);font-size:11px}
.mark{stroke:var(--ink-2);stroke-width:1;stroke-dasharray:2 4}
.shade{fill:var(--ink-2);opacity:.08}
.limit{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:6 4}
.limit-word{fill:var(--bad);font-size:11px;paint-order:stroke;stroke:var(--surface);stroke-width:4px}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}
.dashed{stroke-dasharray:4 3}
path.s0{stroke:var(--s0)}path.s1{stroke:var(--s1)}path.s2{stroke:var(--s2)}path.s3{stroke:var(--s3)}
path.s4{stroke:var(--s4)}path.s5{stroke:var(--s5)}path.s6{stroke:var(--s6)}path.s7{stroke:var(--s7)}
.dot.s0,i.s0{fill:var(--s0);background:var(--s0)}.dot.s1,i.s1{fill:var(--s1);background:var(--s1)}
.dot.s2,i.s2{fill:var(--s2);background:var(--s2)}.dot.s3,i.s3{fill:var(--s3);background:var(--s3)}
.dot.s4,i.s4{fill:var(--s4);background:var(--s4)}.dot.s5,i.s5{fill:var(--s5);background:var(--s5)}
.dot.s6,i.s6{fill:var(--s6);background:var(--s6)}.dot.s7,i.s7{fill:var(--s7);background:var(--s7)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;margin:4px 0 8px;padding:0;font-size:14px}
.legend i{display:inline-block;width:18px;height:3px;margin:0 6px 4px 0;vertical-align:middle}
.legend i.dashed{height:3px;mask:repeating-linear-gradient(90deg,#000 0 5px,transparent 5px 8px)}
.wide{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:6px 12px;border-bottom:1px solid var(--line);text-align:start;white-space:nowrap}
tr:last-child td{border-bottom:0}
.n{text-align:end}
td.t{white-space:normal;overflow-wrap:anywhere;min-width:220px}
.ok{color:var(--good)}.no{color:var(--bad);font-weight:700}
@media print{body{background:#fff}figure,.tile{break-inside:avoid}}
"""
