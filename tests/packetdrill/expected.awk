# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A run of run.sh beside expected.tsv. -v prefix: folder of the scripts within packetdrill's net/tcp, with its slash.
# Judges the run, the last line says how it was; exit code 1 when something failed that is not listed.
# With -v update=1 it prints the list anew instead: what still does not pass with the reason it had, what is new with what
# packetdrill said, nothing that passed. Lines of scripts that did not run stay.
BEGIN { FS = "\t" }

FNR == NR {
	if (/^#/ || !NF) {
		head = head $0 "\n"
		next
	}
	n = split($1, family, ",")
	for (i = 1; i <= n; i++) {
		key = family[i] SUBSEP $2
		kind[key] = $3
		why[key] = $4
		keys[++nkeys] = key
	}
	next
}

{
	split($0, word, " +")
	script = word[3]
	sub(/:$/, "", script)
	key = word[2] SUBSEP prefix script
	said = $0
	sub(/^[^:]*:? ?/, "", said)
	gsub(/[a-zA-Z0-9_-]+\.pkt:/, "line ", said)
	ran[key] = 1
	all++
	if (word[1] == "passed") {
		passed++
		if (key in kind)
			print "listed, but passed: " word[2] " " prefix script > "/dev/stderr"
		delete kind[key]
	} else if (!(key in kind)) {
		word[1] == "failed" ? failed++ : unsupported++
		if (!update)
			print "unexpected: " $0
		unexpected++
		kind[key] = word[1]
		why[key] = said
		keys[++nkeys] = key
	} else if (kind[key] == "unsupported")
		unsupported++
	else
		failed++
}

# Families of one script with one reason share a line.
function list(   i, at, part, line) {
	printf "%s", head
	for (i = 1; i <= nkeys; i++) {
		if (!(keys[i] in kind))
			continue
		split(keys[i], part, SUBSEP)
		line = part[2] "\t" kind[keys[i]] "\t" why[keys[i]]
		if (!(line in families))
			order[++lines] = line
		families[line] = families[line] (line in families && families[line] != "" ? "," : "") part[1]
	}
	for (i = 1; i <= lines; i++)
		print families[order[i]] "\t" order[i] | "LC_ALL=C sort -t '\t' -k2,2 -k1,1"
	close("LC_ALL=C sort -t '\t' -k2,2 -k1,1")
}

END {
	if (update) {
		list()
		exit 0
	}
	printf "%d passed, %d failed, %d unsupported of %d", passed, failed, unsupported, all
	print unexpected ? "; " unexpected " of them not as listed" : "; all others as listed"
	exit unexpected > 0
}
