# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# build/bench.json as a chart: jq -r --arg about TEXT --arg ran TEXT -f chart.jq bench.json >bench.svg
#
# A bar for each comparison, on a logarithmic scale, from 1 (as fast as the other) to the right where xtcp is better and to the
# left where it is worse; so the ratio of what should be small is turned round. A thin line is the range over the rounds, an upright
# mark the goal. Its colours follow the reader's preference for light or dark.

def lesser_is_better: .unit as $u | ["us", "ns", "bytes", "instructions", "% of a core"] | any(. == $u);
def escape: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");
def r1: . * 10 | round / 10;
def figure: if . == null then "-" elif . >= 1000000 then "\(. / 10000 | round / 100) M" elif . >= 10000 then "\(. / 100 | round / 10) k"
	elif . >= 100 then round | tostring elif . >= 0.1 then . * 100 | round / 100 | tostring else . * 10000 | round / 10000 | tostring end;
# A ratio as "how many times as good".
def good($x; $lesser): if $lesser then (if $x > 0 then 1 / $x else infinite end) else $x end;

{ left: 400, plot: 380, width: 1180, row: 36, top: 92, low: 0.1, high: 16 } as $g |
def x($v): ([([$v, $g.low] | max), $g.high] | min) as $c |
	$g.left + $g.plot * (($c | log10) - ($g.low | log10)) / (($g.high | log10) - ($g.low | log10)) | r1;
def text($x; $y; $class; $s): "<text x=\"\($x)\" y=\"\($y)\" class=\"\($class)\">\($s | escape)</text>";

def row($i):
	($g.top + $i * $g.row) as $y | lesser_is_better as $l |
	(if .skipped then "skipped: \(.skipped)" elif .why then "not measured: \(.why)" else null end) as $none |
	text($g.left - 14; $y + 13; "name"; .row),
	text($g.left - 14; $y + 27; "small end"; if .against then "against \(.against)" else "" end),
	if $none then text($g.left + 6; $y + 19; "small"; if ($none | length) > 130 then $none[:127] + "..." else $none end)
	elif .ratio == null then text($g.left + $g.plot + 14; $y + 19; "value"; "\(.xtcp | figure) \(.unit)")
	else
		good(.ratio; $l) as $v | (x(1)) as $one | (x($v)) as $to | (if .met == null then "plain" elif .met then "met" else "missed" end) as $class |
		"<rect x=\"\([$one, $to] | min)\" y=\"\($y + 6)\" width=\"\($to - $one | fabs | r1)\" height=\"16\" class=\"\($class)\"/>",
		"<path d=\"M\(x(good(.ratios | min; $l))) \($y + 14)H\(x(good(.ratios | max; $l)))\" class=\"range\"/>",
		(if .goal then (.goal | split(" ")[1] | tonumber) as $n |
			"<path d=\"M\(x(good($n; $l))) \($y + 1)v26\" class=\"goal\"/>" else empty end),
		text($g.left + $g.plot + 14; $y + 13; "value"; "\(.xtcp | figure) \(.unit), ratio \(.ratio | figure)"),
		text($g.left + $g.plot + 14; $y + 27; "small"; "other: \(.other | figure)" +
			if .goal then ", goal \(.goal): \(if .met then "met" else "missed" end)" else "" end)
	end;

length as $n | ($g.top + $n * $g.row) as $bottom |
"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \($g.width) \($bottom + 62)\" width=\"\($g.width)\" height=\"\($bottom + 62)\" role=\"img\">",
"<title>xtcp beside raw AF_XDP and the kernel's TCP</title>",
"<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 17px; font-weight: 600 }
.small { font-size: 11px; fill: #59636e } .name, .end { text-anchor: end } .axis { font-size: 11px; text-anchor: middle; fill: #59636e }
.back { fill: #ffffff } .grid { stroke: #d1d9e0 } .one { stroke: #59636e; stroke-width: 1.5 }
.met { fill: #2da44e } .missed { fill: #d1752b } .plain { fill: #7a9cc6 } .range { stroke: #1f2328; stroke-width: 1.5 }
.goal { stroke: #8250df; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small, .axis { fill: #9198a1 } .back { fill: #0d1117 } .grid { stroke: #3d444d } .one { stroke: #9198a1 }
.met { fill: #3fb950 } .missed { fill: #db8b4a } .plain { fill: #5580b5 } .range { stroke: #f0f6fc } .goal { stroke: #bc8cff } }
</style>",
"<rect width=\"100%\" height=\"100%\" class=\"back\"/>",
text(20; 28; "title"; "xtcp beside raw AF_XDP and the kernel's TCP: how many times as good"),
text(20; 48; "small"; "to the right of 1: better; bar: median; thin line: range over the rounds; upright mark: goal; green: met, orange: missed, blue: no goal"),
([0.1, 0.25, 0.5, 1, 2, 4, 8, 16][] | text(x(.); $g.top - 14; "axis"; "\(.) x"),
	"<path d=\"M\(x(.)) \($g.top - 8)V\($bottom)\" class=\"\(if . == 1 then "one" else "grid" end)\"/>"),
(to_entries[] | .key as $i | .value | row($i)),
($about | split("\n") | to_entries[] | text(20; $bottom + 22 + .key * 16; "small"; .value)),
text(20; $bottom + 54; "small"; if $ran == "" then "" else "xtcp ran in: \($ran)" end),
"</svg>"
