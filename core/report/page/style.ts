import { paletteRules } from './palette.ts';

/** The style of the page. No file, no font and no picture comes from elsewhere. */
export function styleSheet(): string {
  return `${paletteRules()}${rules}`;
}

const rules = `
*{box-sizing:border-box}
html{scroll-padding-top:4rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:2px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
code,pre{font:0.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
pre{margin:.5rem 0;padding:.75rem 1rem;max-height:24rem;overflow:auto;background:var(--ground);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
bdi{unicode-bidi:isolate}
h1,h2,h3,h4,p,ul,ol,dl,figure{margin:0}
.unseen,.skip:not(:focus){position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip:focus{position:fixed;z-index:9;top:.5rem;left:.5rem;padding:.5rem 1rem;background:var(--panel);border:1px solid var(--line);border-radius:6px}
[hidden]{display:none!important}
.soft,.note,.kicker,dt,small{color:var(--soft)}
.note{margin-bottom:.75rem;max-width:72ch}
nav.page{position:sticky;z-index:5;top:0;background:var(--ground);border-bottom:1px solid var(--line)}
nav.page>div{display:flex;gap:.25rem 1.15rem;align-items:center;max-width:1360px;margin:auto;padding:.5rem 1.5rem;overflow-x:auto}
nav.page ul{display:flex;gap:1.15rem;flex:1;padding:0;list-style:none;white-space:nowrap}
nav.page li a{color:var(--soft);text-decoration:none;font-size:.93rem}
nav.page li a:hover{color:var(--ink);text-decoration:underline}
button,input,select{font:inherit;font-size:.9rem;color:var(--ink);background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.25rem .7rem}
button{cursor:pointer;white-space:nowrap}
button:hover{border-color:var(--soft)}
main,body>header,footer{max-width:1360px;margin:auto;padding:0 1.5rem}
#head{padding:1.75rem 0 .5rem}
.kicker{font-size:.85rem;letter-spacing:.02em}
h1{font-size:2rem;line-height:1.2;letter-spacing:-.01em;overflow-wrap:anywhere}
h1 .profile{font-weight:400;color:var(--soft)}
.outcome{margin:.6rem 0 1.1rem;font-size:1.1rem;font-weight:600}
.outcome.done{color:var(--good)}.outcome.failed{color:var(--bad)}.outcome.stopped{color:var(--warn)}.outcome.running{color:var(--busy)}
.pairs{display:flex;flex-wrap:wrap;gap:.5rem 2rem}
.pairs dt{font-size:.82rem}.pairs dd{margin:0;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.4rem;padding:0;list-style:none}
.tiles li{flex:0 1 auto;min-width:9rem;padding:.6rem 1rem;background:var(--panel);border:1px solid var(--line);border-radius:8px;color:var(--soft)}
.tiles strong{display:block;font-size:1.45rem;line-height:1.25;font-weight:600;color:var(--ink)}
.tiles small{display:block}
section{margin:1.5rem 0;padding:1.25rem 1.5rem 1.5rem;background:var(--panel);border:1px solid var(--line);border-radius:10px}
h2{font-size:1.25rem;margin-bottom:.6rem}
h3{font-size:1rem;margin:1.4rem 0 .5rem}
h4{font-size:.93rem;margin:.9rem 0 .35rem}
h2+h3,figcaption>h3{margin-top:0}
#problems{border-color:var(--bad);border-width:1px 1px 1px 4px}
.problems{padding:0;list-style:none}
.problem+.problem{margin-top:1.1rem;padding-top:1.1rem;border-top:1px solid var(--line)}
.diagnostic{margin:.5rem 0}
.diagnostic .message{font-weight:600;white-space:pre-wrap;overflow-wrap:anywhere}
.diagnostic .message code{font-weight:400;color:var(--bad)}
.hint{margin-top:.35rem;white-space:pre-wrap}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.93rem}
th,td{padding:.42rem .9rem .42rem 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line)}
thead th{font-weight:500;color:var(--soft);white-space:nowrap}
tbody th{font-weight:500;overflow-wrap:anywhere}
tbody tr:last-child>*{border-bottom:0}
tfoot>tr>*{border-top:1px solid var(--line);border-bottom:0;font-weight:400;color:var(--soft)}
td.number,.metrics td,.metrics thead th:not(:first-child){text-align:right}
.metrics{min-width:60%}
.metrics td,.metrics th{padding-left:.9rem}.metrics th:first-child{padding-left:0}
.value{white-space:nowrap}
.metrics .value{display:block;font-weight:600}
.change{white-space:nowrap}.change.better{color:var(--good)}.change.worse{color:var(--bad)}
ul.inline{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;list-style:none}
ul.plain{padding:0;list-style:none}
.badge{white-space:nowrap;font-size:.85rem;font-weight:600;color:var(--soft)}
.badge.done,.badge.pass{color:var(--good)}.badge.failed,.badge.fail{color:var(--bad)}.badge.warn,.badge.unapproved,.badge.paused,.badge.stopped{color:var(--warn)}
.badge.reused{color:var(--calm)}.badge.running,.badge.retrying,.badge.held{color:var(--busy)}
svg text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:var(--soft)}
.graph{max-height:80vh;overflow:auto;border:1px solid var(--line);border-radius:8px;background:var(--ground)}
.graph svg{display:block;margin:auto}.graph svg.fit{max-width:100%;height:auto;min-width:46rem}
.graph text{text-anchor:middle}.graph .label{font-weight:600;fill:var(--ink)}.graph .under{font-size:12px}
.node rect{fill:var(--panel);stroke:var(--soft);stroke-width:1.4}
.node.done rect{stroke:var(--good)}.node.reused rect{stroke:var(--calm)}.node.failed rect{stroke:var(--bad);stroke-width:2.6}
.node.stopped rect,.node.unapproved rect,.node.paused rect{stroke:var(--warn);stroke-width:2.2}.node.running rect,.node.retrying rect{stroke:var(--busy);stroke-width:2.6}
.node.held rect{stroke:var(--busy)}.node.skipped rect,.node.waiting rect,.node.absent rect{stroke-dasharray:3 3}
a.node:hover .label{text-decoration:underline}
a.node:focus-visible{outline:none}a.node:focus-visible rect{stroke:var(--accent);stroke-width:4}
.edge path{fill:none;stroke:var(--soft);stroke-width:1.2;opacity:.75}.edge.gate path{stroke-dasharray:5 4}
.edge text{font-size:11px;paint-order:stroke;stroke:var(--ground);stroke-width:4px}
#arrow path{fill:var(--soft)}
.timeline{width:100%;min-width:40rem;table-layout:fixed}
.timeline th,.timeline td{padding-top:.22rem;padding-bottom:.22rem;vertical-align:middle}
.timeline th:first-child{width:22%}.timeline th:last-child{width:8.5rem;text-align:right}
.timeline th a{color:var(--ink);text-decoration:none}.timeline th a:hover{text-decoration:underline}
.timeline td.number,.timeline th:last-child{padding-right:0}
.track{display:block;width:100%;overflow:visible}
.axis text{font-size:11.5px}
.bar{fill:var(--soft)}.bar.done{fill:var(--good)}.bar.failed{fill:var(--bad)}.bar.stopped{fill:var(--warn)}.bar.running{fill:var(--busy)}
.bar.done{opacity:.85}
.track .reused{fill:var(--panel);stroke:var(--calm);stroke-width:2}
.busy path{fill:var(--calm);opacity:.45}.busy th{font-weight:400;color:var(--soft)}
.plot .grid{stroke:var(--line);stroke-width:1}.plot .tick{font-size:12px}.plot .axis{font-weight:600;fill:var(--ink)}
.plot .disc{fill:var(--panel);stroke:var(--accent);stroke-width:2.2}.plot .disc.best{fill:var(--accent);fill-opacity:.8}
.plot .label{font-weight:600;fill:var(--ink);paint-order:stroke;stroke:var(--panel);stroke-width:4px}
.plot .trail{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:4 4}.plot .past{fill:var(--panel);stroke:var(--soft);stroke-width:1.5}
figure+figure,figure+h3{margin-top:1.4rem}
.side{display:flex;flex-wrap:wrap;gap:1.25rem 2.5rem}.side figure{margin:0;max-width:100%}
.matrix{font-size:.85rem}
.matrix td,.matrix th{padding:.3rem .5rem;border:1px solid var(--panel);text-align:right}
.matrix td{min-width:2.2rem}.matrix thead th:first-child span{display:block}.matrix thead th{white-space:nowrap;font-weight:500}.matrix td.none{color:var(--soft)}
details{margin:.5rem 0}summary{cursor:pointer}
.tools{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin-bottom:.9rem}.tools input{min-width:min(20rem,100%)}
.stage{margin:0;border-top:1px solid var(--line)}.stage:last-child{border-bottom:1px solid var(--line)}
.stage>summary{display:flex;flex-wrap:wrap;gap:.1rem .75rem;align-items:baseline;padding:.5rem .25rem}
.stage>summary:hover{background:var(--ground)}
.stage>summary .badge{min-width:8.5rem}
.stage .name{font-weight:600;overflow-wrap:anywhere}.right{margin-left:auto;color:var(--soft)}
.stage>.inner{padding:.25rem .25rem 1rem 9.5rem}.stage .pairs{display:block}
.stage .pairs>div{display:grid;grid-template-columns:7rem 1fr;padding:.15rem 0}
.facts td,.stage td code{overflow-wrap:anywhere}
:target>summary{background:var(--ground);box-shadow:inset 3px 0 var(--accent)}
.live-note{color:var(--busy);white-space:nowrap;font-size:.9rem}.live-note.lost{color:var(--warn)}
footer{padding-top:.5rem;padding-bottom:3rem;color:var(--soft);font-size:.88rem}
@media(max-width:760px){section{padding:1rem}.stage>.inner{padding-left:.25rem}.stage>summary .badge{min-width:0}.timeline th:first-child{width:34%}main,body>header,footer,nav.page>div{padding-left:1rem;padding-right:1rem}}
@media print{nav.page,.tools,.skip{display:none}body{background:#fff}section{border:0;padding:0;break-inside:auto}tr,figure,.tiles li,.stage{break-inside:avoid}.scroll,.graph,pre{overflow:visible;max-height:none}.graph svg,.plot{max-width:100%;height:auto}a{color:inherit}}
@media(prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`;
