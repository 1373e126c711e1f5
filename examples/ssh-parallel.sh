#!/bin/sh
# Fetches a list with several machines: each takes its shard of the list and keeps its reports and its journal
# in a folder of its own; at the end both are gathered here, in DIR/reports.jsonl and DIR/journal. Whatever was
# interrupted, and on whatever side, the same command goes on from there.
#
#     ssh-parallel.sh LIST DIR HOST... [-- PFETCH-OPTION...]
#     ssh-parallel.sh hosts run1 alpha beta gamma -- --workers 64 --timeout 5
#
# Needs GNU parallel and ssh here, pfetch on each host, and keys that log in without a question. The place of a
# host among the others says which part it has: give the same hosts in the same order when you go on, or work is
# done twice. A host may stand there twice; then it does two parts. Paths in options are those over there.
#
# SSH       the command that reaches a host, ssh by default: SSH='ssh -F config'
# PFETCH    the program's name over there, pfetch by default
# THERE     the folder over there, pfetch-NAME by default, where NAME is the last part of DIR
#
# The exit status is 0 when every line of the list has its report, whatever is in it; else run it again.
# shellcheck disable=SC2016,SC2089,SC2090 # what stands in single quotes is for the shells that parallel starts
set -eu

usage() {
    sed -n 's/^#     //p' "$0" | head -n 1 >&2
    exit 2
}

# A word as a shell reads it.
quoted() {
    printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

[ $# -ge 3 ] || usage
list=$1
dir=$2
shift 2
hosts=$(mktemp)
trap 'rm -f "$hosts"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    printf '%s\n' "$1" >>"$hosts"
    shift
done
[ $# -eq 0 ] || shift
[ -s "$hosts" ] || usage

SHARDS=$(wc -l <"$hosts" | tr -d ' ')
SIZE=$(wc -c <"$list" | tr -d ' ')
LIST=$list
SSH=${SSH:-ssh}
PFETCH=${PFETCH:-pfetch}
THERE=${THERE:-pfetch-$(basename "$dir")}
OPTIONS=$(for option; do quoted "$option"; done)
export SHARDS SIZE LIST SSH PFETCH THERE OPTIONS
mkdir -p "$dir"

# each OPTION... COMMAND: the command for each host {1} and its part {2}, all at once.
each() {
    parallel --will-cite --no-notice -j0 --link "$@" :::: "$hosts" ::: $(seq "$SHARDS")
}

# 1. The list, whole or not at all; a host that has it keeps it.
each --tag 'F="$THERE/{2}-of-$SHARDS"
    $SSH {1} "mkdir -p \"$F\" && cat >\"$F/list.new\" && [ \$(wc -c <\"$F/list.new\") -eq $SIZE ] &&
        mv \"$F/list.new\" \"$F/list\"" <"$LIST"'

# 2. The work. A terminal (-tt) ties the run to this connection: when it ends, the run over there ends in good
# order, so that it can be taken up. A run that still ends holds its journal: then this one is refused.
status=0
each --tag --line-buffer 'F="$THERE/{2}-of-$SHARDS"
    $SSH -tt {1} "cd \"$F\" && exec $PFETCH -i list --shard {2}/$SHARDS -f json -o reports.jsonl --joblog journal \
        --resume --no-progress --exit-zero $OPTIONS" </dev/null' || status=$?

# 3. What there is, also when it is not all. A target that was cancelled, or reported and not yet journalled, has had
# another report since: of those with the same index (the fourth field) the last one counts.
ONCE="awk -F'[:,]' '!seen[\$4]++'"
export ONCE
each --keep-order '$SSH {1} "tac \"$THERE/{2}-of-$SHARDS/reports.jsonl\" | $ONCE" </dev/null' \
    >"$dir/reports.jsonl.new" || status=$?
each --keep-order '$SSH {1} "cat \"$THERE/{2}-of-$SHARDS/journal\"" </dev/null' >"$dir/journal.new" || status=$?
mv "$dir/reports.jsonl.new" "$dir/reports.jsonl"
mv "$dir/journal.new" "$dir/journal"
[ "$status" -eq 0 ] || echo "not all of it is done: run the same command again" >&2
[ "$status" -eq 0 ]
