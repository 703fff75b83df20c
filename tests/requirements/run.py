#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every MUST, SHOULD and MAY of RFC 9293 with the test that shows it.

run.py [--logs DIR] [--unit DIR]

The requirements are rfc9293.tsv beside this file. A test says what it shows in a comment of its own,
"RFC 9293: MUST-13, SHLD-4": in C right before the test's function or within it, in a script of
tests/netns anywhere (it then counts for the whole script). What does not apply to a stack like this has a
written reason in reasons.tsv.

The tagged unit tests are run; a script of tests/netns too, as root. With --logs the results of a run
just made by tests/check.sh are read instead. A requirement is shown when all tests tagged with it pass.
Exit code 1: a MUST or SHOULD (NOT) is neither shown nor has a reason, a tag or a reason names no requirement, or a reason
stands where a test shows the thing after all.
"""

import argparse
import csv
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "requirements")
TAG = re.compile(r"RFC 9293:((?:\s*,?\s*(?:MUST|SHLD|MAY|REC)-\d+)+)")
ID = re.compile(r"(?:MUST|SHLD|MAY|REC)-\d+")
FUNCTION = re.compile(r"^static void (test_\w+)\(", re.M)
SECONDS = 180  # for one program


def table(name):
    with open(os.path.join(HERE, name), newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def tags_of_c(path):
    """(id, function) for each tag: the function that it stands in, or right before."""
    text = open(path, encoding="utf-8").read()
    begins = [(m.start(), m.group(1)) for m in FUNCTION.finditer(text)]
    for m in TAG.finditer(text):
        before = [b for b in begins if b[0] <= m.start()]
        after = [b for b in begins if b[0] > m.start()]
        # Between the end of one function (a brace in the first column) and the next it belongs to the next.
        inside = before and "\n}" not in text[before[-1][0] : m.start()]
        owner = before[-1] if inside else after[0] if after else None
        for name in ID.findall(m.group(1)):
            yield name, owner[1] if owner else None


def collect():
    """id -> list of (program, test or None)."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "unit", "test_*.c"))):
        program = "unit/" + os.path.basename(path)[len("test_") : -len(".c")]
        for name, test in tags_of_c(path):
            if test is None:
                sys.exit(f"requirements: {path}: a tag that belongs to no test: {name}")
            found.setdefault(name, []).append((program, test))
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "netns", "test_*.sh"))):
        program = "netns/" + os.path.basename(path)[len("test_") : -len(".sh")]
        text = open(path, encoding="utf-8").read()
        for m in TAG.finditer(text):
            for name in ID.findall(m.group(1)):
                found.setdefault(name, []).append((program, None))
    return found


def results_of(text):
    """test -> passed, from TAP; None -> all of it passed."""
    seen = {}
    for m in re.finditer(r"^(not )?ok\b(?: \d+)?(?: -)? ?(.*)$", text, re.M):
        name = m.group(2).split(" ", 1)[0]
        seen[name] = seen.get(name, True) and not m.group(1)
    seen[None] = bool(seen) and all(seen.values())
    return seen


def run(program, args):
    """What a program says; its exit code counts for None."""
    group, name = program.split("/")
    if args.logs:
        path = os.path.join(args.logs, program.replace("/", "-") + ".log")
        return results_of(open(path, encoding="utf-8", errors="replace").read()) if os.path.exists(path) else {}
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    command = [os.path.join(args.unit, "test_" + name)] if group == "unit" else ["bash", f"{ROOT}/tests/netns/test_{name}.sh"]
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        print(f"# {program}: {e}", file=sys.stderr)
        return {}
    seen = results_of(done.stdout)
    seen[None] = seen[None] and done.returncode == 0
    return seen


def main():
    parser = argparse.ArgumentParser(description="RFC 9293's requirements and the tests that show them")
    parser.add_argument("--logs", help="results of tests/check.sh, instead of running the tests")
    parser.add_argument("--unit", default=os.path.join(ROOT, "build", "tests", "unit"), help="where the unit tests are")
    args = parser.parse_args()

    rows = table("rfc9293.tsv")
    reasons = {r["id"]: r["reason"] for r in table("reasons.tsv")}
    tests = collect()
    known = {r["id"] for r in rows}
    results, bad = {}, []
    for name in sorted((set(tests) | set(reasons)) - known):
        bad.append(f"{name}: there is no such requirement")
    for program in sorted({p for list_ in tests.values() for p, _ in list_}):
        results[program] = run(program, args)

    counts = {"shown": 0, "reason": 0, "none": 0}
    for r in rows:
        name, shown = r["id"], tests.get(r["id"], [])
        failed = [f"{p} {t or ''}".strip() for p, t in shown if not results[p].get(t, False)]
        title = f"{name:8} {r['level']:10} {r['text'].lstrip('* ')}"
        if failed:
            bad.append(f"{name}: does not pass: {', '.join(failed)}")
            print(f"FAILED   {title}\n         {', '.join(failed)}")
        elif shown:
            counts["shown"] += 1
            print(f"shown    {title}\n         " + ", ".join(f"{p} {t or ''}".strip() for p, t in shown))
            if name in reasons:
                bad.append(f"{name}: has a test and a reason why it needs none")
        elif name in reasons:
            counts["reason"] += 1
            print(f"reason   {title}\n         {reasons[name]}")
        else:
            counts["none"] += 1
            print(f"-        {title}")
            if r["level"] != "MAY":
                bad.append(f"{name} ({r['level']}): neither a test nor a reason")
    print(f"\n{len(rows)} requirements: {counts['shown']} shown by tests, {counts['reason']} with a reason why not, "
          f"{counts['none']} options (MAY) not taken")
    for line in bad:
        print(f"not ok {line}")
    if not bad:
        print("ok requirements of RFC 9293")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
