# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Measuring: how a program is started in a role, one measurement, and a row of them in turn. Sourced by run.sh.
#
# A way is CLIENT:SERVER[:NAME=VALUE,...], what follows overriding the row's words. Who can be either:
#
#	xtcp			xtcp bench, never sleeping (--wait latency); with +balanced +power waiting so, with +generic,
#				+native in that mode, with +bulk opened with --prefer bulk, with +engines=N on N queues and
#				the processors of both ends, with +core on the first processor, whichever end it is
#	raw			raw_xsk: the same frames without any protocol
#	kernel[-spin|-direct]	kernel_tcp, sleeping in epoll, asking it without sleeping, reading without it
#	api[-zc]		api.c, which makes and looks at every byte; by peek/consume and reserve/commit
#	wrk			client of the kind web; feed: of the kind fed
#	peer			server of the kind web: the command given with --peer
#
# Kinds: rr, crr, hold (the client measures) | bulk, fed (the server does) | web (wrk asks for a small file).
# Words of a row: conns size ports seconds rate inflight active sources patience (seconds to open the connections) path (that wrk asks
# for) rps=1 (each_receives)

declare -A want=()	# words of this measurement
declare -A results=()	# way -> lines of JSON, one a round
declare -A reasons=()	# way -> why it could not be measured
declare -A modes=()	# what xtcp said it ran in
port=7000

# --- The processors ---

# The first two that we may run on, as "0 1".
allowed_cpus() {
	sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' '\n' |
		awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2) && n < 2; i++) { print i; n++ } }'
}

# --- Command lines ---

# What `xtcp COMMAND` knows: has bench --prefer
has() {
	"$XTCP" "$1" --help 2>/dev/null | grep -qE -- "(^|[ ,])$2( |\$)"
}

# xtcp_options WHO COMMAND: into the array opts; 1 with $reason when this xtcp has no such option.
xtcp_options() {
	local word wait=latency how=$mode
	opts=()
	for word in ${1//+/ }; do
		case $word in
		xtcp) ;;
		balanced | power) wait=$word ;;
		native | generic) how=$word ;;
		bulk) opts+=(--prefer bulk) ;;
		core) ;;
		engines=*) opts+=(--queues "${word#*=}" --cpus "$cpu_a,$cpu_b") ;;
		*) reason="no such way to run xtcp: $word" && return 1 ;;
		esac
	done
	opts+=(--mode "$how")
	[ "$2" != bench ] && ! has "$2" --wait || opts+=(--wait "$wait")
	for word in "${opts[@]}"; do
		[ "${word#--}" = "$word" ] || has "$2" "$word" || { reason="xtcp $2 has no option $word"; return 1; }
	done
}

# The options of xtcp bench that stand for the row's words.
words_of() {
	local pair
	words=()
	for pair in conns:connections size:size ports:ports rate:rate inflight:in-flight active:active; do
		[ -z "${want[${pair%:*}]:-}" ] || words+=("--${pair#*:}" "${want[${pair%:*}]}")
	done
}

# xtcp_command WHO ROLE DEV CPU
xtcp_command() {
	local opts words to=$addr_b on=$4
	[ "$family" = 4 ] || to="[$addr_b]"
	# Several engines have processors of their own.
	[[ $1 != *+engines=* ]] || on=$cpu_a,$cpu_b
	[[ $1 != *+core* ]] || on=$cpu_a
	if [ "$2" = web ]; then
		xtcp_options "$1" serve || return 1
		cmd=(taskset -c "$on" "$XTCP" serve -i "$3" -p "$port" "${opts[@]}" "$LOGS/www")
		return
	fi
	xtcp_options "$1" bench || return 1
	words_of
	cmd=("$XTCP" bench -i "$3" --json --verbose "${opts[@]}" --limit "$limit")
	[[ $1 == *+engines=* ]] || cmd+=(--cpu "$on")
	case $2 in
	# The bulk roles know these words only. The source lives until its sink has seen enough.
	source) cmd+=(source "$to:$port" --connections "${want[conns]}" --warmup 0 --seconds "$limit") ;;
	sink) cmd+=(sink -p "$port" --seconds "${want[seconds]}" --warmup "$warmup") ;;
	serve) cmd+=(serve -p "$port" --connections "${want[conns]}" --size "${want[size]}" --ports "${want[ports]:-1}") ;;
	*)
		cmd+=("$2" "$to:$port" "${words[@]}" --seconds "${want[seconds]}" --warmup "$warmup")
		[ -z "${want[sources]:-}" ] || cmd+=(--source "$(sources "${want[sources]}")")
		;;
	esac
}

# command_of WHO ROLE va|vb: the command line, in the array cmd.
command_of() {
	local who=$1 role=$2 dev=$3 cpu=$cpu_a limit=$limit spin=() at host=$addr_b
	# The server outlives its client, which has the better reason to tell.
	[ "$dev" = va ] || cpu=$cpu_b limit=$((limit + 5))
	at=(--addr "$addr_b" --port "$port" --conns "${want[conns]}" --size "${want[size]}" --ports "${want[ports]:-1}"
		--cpu "$cpu" --limit "$limit" --seconds "${want[seconds]}" --warmup "$warmup")
	[[ $who != kernel-* ]] || spin=("--${who#kernel-}")
	case $who:$role in
	xtcp*) xtcp_command "$who" "$role" "$dev" "$cpu" || return 1 ;;
	raw:serve)
		role='echo'
		[ "$kind" != crr ] || role=answer
		[ "$kind" != echo ] || role=tcp
		cmd=("$BIN/raw_xsk" "$role" --iface "$dev" --mode "$mode" "${at[@]}")
		;;
	raw:nginx | raw:redis) cmd=("$BIN/raw_xsk" tcp --iface "$dev" --mode "$mode" "${at[@]}") ;;
	raw:rr) cmd=("$BIN/raw_xsk" ping --iface "$dev" --mode "$mode" "${at[@]}") ;;
	raw:*) cmd=("$BIN/raw_xsk" "$role" --iface "$dev" --mode "$mode" "${at[@]}") ;;
	kernel*:web) cmd=("$BIN/kernel_http" serve "${spin[@]}" "${at[@]}") ;;
	kernel*) cmd=("$BIN/kernel_tcp" "$role" "${spin[@]}" "${at[@]}") ;;
	api*)
		[ -x "$BIN/api" ] || { reason="$BIN/api is not there"; return 1; }
		[ "$who" = api ] || spin=(--zero-copy)
		cmd=("$BIN/api" "$role" --iface "$dev" --mode "$mode" "${spin[@]}" "${at[@]}")
		# Its source must not be done before the sink.
		[ "$role" = sink ] || cmd+=(--seconds "$limit")
		;;
	feed:*) cmd=("$BIN/kernel_tcp" feed "${at[@]}") ;;
	run:* | plain:*) app_command "$who" "$role" "$dev" "$cpu" || return 1 ;;
	redis:* | iperf:* | ask:*) app_client "$who" "$cpu" "$kind" || return 1 ;;
	peer:web) cmd=(env "ADDR=$addr_b" "PORT=$port" "DIR=$LOGS/www" taskset -c "$cpu" sh -c "$peer") ;;
	wrk:*)
		[ "$family" = 4 ] || host="[$addr_b]"
		cmd=(taskset -c "$cpu" wrk -t 1 -c "${want[conns]}" -d "$(awk -v s="${want[seconds]}" 'BEGIN {
			printf "%d", s < 1 ? 1 : s + 0.999 }')s" "http://$host:$port/${want[path]:-}")
		;;
	*) reason="$who has no role $role" && return 1 ;;
	esac
	cmd=(timeout -k 2 $((limit + 2)) "${cmd[@]}")
}

# --- One measurement ---

# The reason why a measurement failed: what each end said last, but for what is news and no complaint.
why() {
	local text
	text=$(for i in cli srv; do
		grep -avE '^(xdp|engine) | XDP|super-segments|^xtcp: listening|^ |^$' "$LOGS/$i.err" 2>/dev/null | tr -cd '\11\12\40-\176' | tail -n 1
	done | paste -sd ';')
	echo "${text:-no result}"
}

# An XDP program left behind would take the kernel's offloads away.
clean_links() {
	wait_for '! { in_a ip link show va; in_b ip link show vb; } | grep -q "prog/xdp"' 3
}

# is_ready SERVER: bench programs say `ready`, xtcp serve that it listens, another program listens in the kernel.
is_ready() {
	case $1 in
	peer) in_b ss -Hltn "sport = :$port" | grep -q . ;;
	run | plain) app_ready ;;
	*) grep -qs '^ready' "$LOGS/srv.out" || { [ "$kind" = web ] && grep -qs 'listening on' "$LOGS/srv.err"; } ;;
	esac
}

# start_server SERVER ROLE
start_server() {
	local cmd
	command_of "$1" "$2" vb || return 1
	: >"$LOGS/cli.err"
	: >"$LOGS/cli.out"
	spawn srv in_b "${cmd[@]}"
	wait_for "is_ready $1 || ! ps -o stat= -p ${pids[srv]} | grep -qv Z" 8
	is_ready "$1" && return
	reason="$1 $2: $(why)"
	stop srv
	return 1
}

# wrk's words as JSON; nothing when an answer was missing or bad.
wrk_json() {
	awk '/^Requests\/sec:/ { rate = $2 }
		/Socket errors|Non-2xx/ { bad = bad $0 ";"; sub(/^ +/, "", bad) }
		END { if (bad) print "wrk: " bad >"/dev/stderr"; else if (rate > 0) printf "{\"rate\":%s}\n", rate }' "$LOGS/cli.out" 2>>"$LOGS/cli.err"
}

# run_both KIND CLIENT SERVER: who measures is done first, or nothing was measured.
run_both() {
	local ask=$1 serve=serve by=cli first cmd told
	case $1 in
	bulk) serve=sink ask=source by=srv ;;
	fed) serve=drain ask=feed by=srv ;;
	web) serve=web ;;
	nginx | redis | memcached | iperf) serve=$1 ;;
	esac
	start_server "$3" $serve || return 1
	command_of "$2" "$ask" va || { stop srv; return 1; }
	spawn cli in_a "${cmd[@]}"
	[ -z "${watch:-}" ] || $watch
	# Not wait_exit: it would look every 20 ms, on the processors that are measured.
	wait -n -p first "${pids[cli]}" "${pids[srv]}"
	if [ "${first:-}" != "${pids[$by]}" ]; then
		sleep 0.3
		stop $by
	fi
	told=out
	case $2 in
	wrk) told=json && wrk_json >"$LOGS/cli.json" ;;
	redis | iperf) told=json && app_json "$2" >"$LOGS/cli.json" ;;
	esac
	result=$(grep -ah '^{' "$LOGS/$by.$told")
	stop cli
	stop srv
	[ -z "$result" ] || result=$(jq -c --slurpfile s <(grep -ah '^{' "$LOGS/srv.out") ". + ${watched:-{\}} + { server: \$s[0] }" <<<"$result")
	[ -n "$result" ] || { reason="$2 to $3: $(why)"; return 1; }
}

# measure KIND WAY WORD...: one line of JSON in $result, or the reason in $reason and 1. The client is in A.
measure() {
	local kind=$1 way=$2 client server word limit mode_got
	shift 2
	IFS=: read -r client server word <<<"$way"
	want=([conns]=1 [size]=64 [seconds]=$seconds)
	for word in "$@" ${word//,/ }; do
		want[${word%%=*}]=${word#*=}
	done
	limit=$(awk -v s="${want[seconds]}" -v w="$warmup" -v p="${want[patience]:-0}" 'BEGIN { printf "%d", s + w + p + 6 }')
	result='' reason='' watched=''
	clean_links || { reason="an XDP program is left on va or vb"; return 1; }
	# The kernel may still hold connections to the last server's port.
	port=$((port >= 9000 ? 7000 : port + 16))
	run_both "$kind" "$client" "$server" || return 1
	[ -z "$verbose" ] || grep -hE '^(xdp|engine) ' "$LOGS"/{cli,srv}.err >&2
	while read -r mode_got; do
		modes[$mode_got]=1
	done < <(sed -nE 's/^xtcp: .*: ([a-z]+ XDP, .*), MTU.*/\1/p' "$LOGS"/{cli,srv}.err | sort -u)
}

# --- Rows ---

ns_drop() {
	local ns pid
	for ns in "${namespaces[@]}"; do
		# What a peer left running.
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns delete "$ns"
	done
	namespaces=()
}

# ADDR,ADDR... of A, as many as asked for.
sources() {
	local i
	for ((i = 1; i <= $1; i++)); do
		[ "$i" = 1 ] || printf ,
		if [ "$family" = 4 ]; then printf '10.9.0.%d' $((100 + i)); else printf 'fd09::1:%x' "$i"; fi
	done
}

# What an end receives is work for its own processor, from the kernel's IP on, as between two machines (RPS). A veth alone does it on the
# sender's.
each_receives() {
	ip netns exec "$NS_A" sh -c "printf %x $((1 << cpu_a)) >/sys/class/net/va/queues/rx-0/rps_cpus" 2>/dev/null &&
		ip netns exec "$NS_B" sh -c "printf %x $((1 << cpu_b)) >/sys/class/net/vb/queues/rx-0/rps_cpus" 2>/dev/null
}

# prepare MTU [SOURCES] [QUEUES]
prepare() {
	local i batch=$LOGS/addresses
	QUEUES=${3:-1} ns_pair "$1"
	for i in in_a in_b; do
		# A connection's port is free again after one second, with xtcp bench too.
		$i sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.tcp_max_tw_buckets=262144 net.ipv4.ip_local_port_range='10000 65535'
	done
	addr_b=$B4
	[ "$family" = 4 ] || addr_b=$B6
	sources "${2:-0}" | tr ',' '\n' | sed -E "/./s,(.*),address add \\1/$([ "$family" = 4 ] && echo 24 || echo '64 nodad') dev va," |
		sed 's/\(.*\) nodad dev va/\1 dev va nodad/' >"$batch"
	[ ! -s "$batch" ] || in_a ip -batch "$batch"
}

progress() {
	[ ! -t 2 ] && [ -z "$verbose" ] || printf '  %-14s round %d  %-30s %s\n' "$@" >&2
}

# wanted NAME: is the row asked for? With --list its name is all.
wanted() {
	grep -qE -- "$filter" <<<"$1" || return 1
	shown=1
	[ -n "$list" ] || return 0
	echo "$1"
	return 1
}

# row NAME MTU KIND 'WORDS' WAY...: measures them in turn. 1: the row is not wanted.
row() {
	local name=$1 mtu=$2 kind=$3 words=$4 way r
	shift 4
	wanted "$name" || return 1
	results=() reasons=()
	prepare "$mtu" "$(sed -nE 's/.*sources=([0-9]+).*/\1/p' <<<"$words $*")" "$(sed -nE 's/.*engines=([0-9]+).*/\1/p' <<<"$words $*")"
	if [[ " $words " == *' rps=1 '* ]] && ! each_receives; then
		for way in "$@"; do reasons[$way]="RPS cannot be set here"; done
	fi
	for ((r = 1; r <= rounds; r++)); do
		for way in "$@"; do
			[ -z "${reasons[$way]:-}" ] || continue
			# shellcheck disable=SC2086 # words are words
			if measure "$(kind_of "$way" "$kind")" "$way" $words; then
				results[$way]+=$result$'\n'
				progress "$name" "$r" "$way" "$(jq -c '{rate, gbps, p50_us} | with_entries(select(.value))' <<<"$result")"
			else
				reasons[$way]=$reason
				progress "$name" "$r" "$way" "$reason"
			fi
		done
	done
	ns_drop
}

# What a way of its own makes of the row's kind.
kind_of() {
	case $1 in
	feed:*) echo fed ;;
	*:kind=* | *,kind=*) sed -E 's/.*[:,]kind=([a-z]+).*/\1/' <<<"$1" ;;
	*) echo "$2" ;;
	esac
}
