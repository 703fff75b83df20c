# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The table, build/bench.json and the chart. Sourced by run.sh.
#
#	compare WHAT UNIT FIGURE WAY AGAINST GOAL OTHER...	medians of two ways, and the ratio round by round
#	bound WHAT UNIT FIGURE WAY AGAINST GOAL NUMBER	a figure against a fixed number
#	bare WHAT UNIT FIGURE WAY			a figure beside which nothing stands
#	skip_row WHAT UNIT REASON			this machine cannot have it
#
# FIGURE is a filter of jq over what a way measured. GOAL is of the ratio: '<= 1.25', or ''.

objects=() unmeasured=0 missed=0 skipped=0

# numbers FIGURE WAY: of every round, as an array; 1: there is none, or something in it is no number.
numbers() {
	jq -ces "map($1) | if length > 0 and all(type == \"number\") then . else error(\"no figure\") end" <<<"${results[$2]:-}" 2>/dev/null
}

# The better of several ways, by the median: of times the smallest, of rates the largest.
better() {
	local unit=$1 figure=$2 way best='' best_value='' value sign='>'
	shift 2
	[ "$unit" != us ] || sign='<'
	for way in "$@"; do
		value=$(numbers "$figure" "$way" | jq "$median median") || return 1
		if [ -z "$best" ] || [ "$(jq -n "$value $sign $best_value")" = true ]; then
			best=$way best_value=$value
		fi
	done
	echo "$best"
}

median='def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;'

# emit WHAT UNIT AGAINST GOAL WHY X O: an object and a line of the table; X and O are arrays of numbers, round by round.
emit() {
	local object
	object=$(jq -cn --arg row "$1" --arg unit "$2" --arg against "$3" --arg goal "$4" --arg why "$5" \
		--argjson x "${6:-[]}" --argjson o "${7:-[]}" "$median"'
		def met($r): ($goal | split(" ")) as $g | ($g[1] | tonumber) as $n |
			if $g[0] == "<=" then $r <= $n elif $g[0] == ">=" then $r >= $n elif $g[0] == "<" then $r < $n else $r > $n end;
		def r4: . * 10000 | round / 10000;
		{ row: $row, unit: $unit, xtcp: null, against: (if $against == "" then null else $against end), other: null,
			ratio: null, goal: (if $goal == "" then null else $goal end), met: null, ratios: [] } |
		if $why != "" then . + { met: (if .goal then false else null end), why: $why }
		elif $against == "" then . + { xtcp: ($x | median | r4) }
		else ([$x, $o] | transpose | map(.[0] / .[1])) as $ratios | ($ratios | median) as $r |
			. + { xtcp: ($x | median | r4), other: ($o | median | r4), ratio: ($r | r4),
				met: (if .goal then met($r) else null end), ratios: ($ratios | map(r4)) }
		end')
	if [ -z "$object" ]; then
		echo "bench: no object for $1" >&2
		exit 1
	fi
	objects+=("$object")
	if [ -n "$5" ]; then
		unmeasured=$((unmeasured + 1))
		printf '%-46s not measured: %s\n' "$1" "$5"
		return
	fi
	line "$object"
}

line() {
	jq -r 'def f: if . == null then "-" elif . >= 1000 then round elif . >= 100 then . * 10 | round / 10
			elif . >= 0.1 then . * 100 | round / 100 else . * 10000 | round / 10000 end | tostring;
		[.row, .unit, (.xtcp | f), (.other | f), .against // "-", (.ratio | f),
			(if .ratio == null then "-" else "\(.ratios | min | f)..\(.ratios | max | f)" end),
			.goal // "-", if .met == null then "" elif .met then "met" else "MISSED" end] | @tsv' <<<"$1" |
		{
			IFS=$'\t' read -r a b c d e f g h i
			printf '%-46s %-13s %9s %9s  %-34s %6s  %-12s %-9s %s\n' "$a" "$b" "$c" "$d" "$e" "$f" "$g" "$h" "$i"
		}
	[ "$(jq .met <<<"$1")" != false ] || missed=$((missed + 1))
}

# Why one of these could not be measured.
why_not() {
	local way
	for way in "$@"; do
		[ -z "${reasons[$way]:-}" ] || { echo "${reasons[$way]}"; return; }
	done
}

# How the better of the yardsticks did it.
manner() {
	case $1 in
	kernel-spin:*) echo ' (spinning)' ;;
	kernel-direct:*) echo ' (spinning, no epoll)' ;;
	wrk:kernel-spin*) echo ' (spinning)' ;;
	kernel:* | wrk:kernel*) echo ' (blocking)' ;;
	esac
}

compare() {
	local what=$1 unit=$2 figure=$3 mine=$4 against=$5 goal=$6 other='' x='' o='' why
	shift 6
	why=$(why_not "$mine" "$@")
	if [ -z "$why" ]; then
		if other=$(better "$unit" "$figure" "$@") && x=$(numbers "$figure" "$mine") && o=$(numbers "$figure" "$other"); then
			[ $# = 1 ] || against+=$(manner "$other")
		else
			why="no figure ($figure) in what $mine or $* said"
		fi
	fi
	emit "$what" "$unit" "$against" "$goal" "$why" "$x" "$o"
}

bound() {
	local what=$1 unit=$2 figure=$3 way=$4 against=$5 goal=$6 number=$7 x='' why
	why=$(why_not "$way")
	[ -n "$why" ] || x=$(numbers "$figure" "$way") || why="no figure ($figure) in what $way said"
	emit "$what" "$unit" "$against" "$goal" "$why" "$x" "$(jq -c "map($number)" <<<"${x:-[]}")"
}

bare() {
	local x='' why
	why=$(why_not "$4")
	[ -n "$why" ] || x=$(numbers "$3" "$4") || why="no figure ($3) in what $4 said"
	emit "$1" "$2" '' '' "$why" "$x"
}

skip_row() {
	objects+=("$(jq -cn --arg row "$1" --arg unit "$2" --arg why "$3" '{ row: $row, unit: $unit, xtcp: null, against: null,
		other: null, ratio: null, goal: null, met: null, ratios: [], skipped: $why }')")
	skipped=$((skipped + 1))
	printf '%-46s skipped: %s\n' "$1" "$3"
}

# What this was: machine, kernel, options.
about() {
	local virt
	virt=$(systemd-detect-virt 2>/dev/null)
	echo "machine: $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) processors${virt:+, $virt}; kernel $(uname -r);" \
		"xtcp $(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo 'of unknown version')"
	echo "options: veth, IPv$family, XDP mode $mode, $rounds rounds of $seconds s after $warmup s, ends on processors $cpu_a and $cpu_b"
}

heading() {
	about
	echo "load before: $(cut -d' ' -f1 /proc/loadavg)"
	[ "$cpu_a" != "$cpu_b" ] || echo "warning: both ends share one processor; spinning costs the other end its time"
	awk '{ exit !($1 > 0.5) }' /proc/loadavg && echo "warning: other programs are running; figures will be noisy"
	echo
	printf '%-46s %-13s %9s %9s  %-34s %6s  %-12s %-9s\n' row unit xtcp other against ratio range goal
}

# How long processes waited for a processor so far, us; how much the host took of the processors, and all there was, ticks.
disturbance() {
	echo "${EPOCHREALTIME/./} $(stalled) $(awk '/^cpu / { print $9 + 0, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat)"
}

# disturbed BEFORE: what stood in the way of the measurements. Ends that are pinned to a processor each wait little by themselves.
disturbed() {
	echo "$1 $(disturbance)" | awk '{ printf "%s: some process waited for a processor in %.0f %% of the time, the host took %.1f %% of the processors\n",
		"disturbance", 100 * ($6 - $2) / ($5 - $1), 100 * ($7 - $3) / ($8 - $4) }'
}

# The two files, each at once or not at all.
write_files() {
	printf '%s\n' "${objects[@]}" | jq -s . >"$LOGS/json" && mv "$LOGS/json" "$JSON" || return 1
	jq -r --arg about "$(about)" --arg ran "$(IFS=';'; echo "${!modes[*]}")" -f "$here/chart.jq" "$JSON" >"$LOGS/svg" && mv "$LOGS/svg" "$SVG"
}
