#!/bin/sh
# Fetches a list as a Slurm job array: each task of the array takes one shard of the list. DIR is on a file system
# that all nodes share, and gets a report file and a journal for each part. Was a task killed, requeued or
# cancelled, the same command (or `scontrol requeue`) goes on from there.
#
#     sbatch --array=1-8 slurm-array.sh LIST DIR [PFETCH-OPTION...]
#
# When the array has ended, reports and journals merge, in any order of the parts:
#
#     tac DIR/*.jsonl | awk -F'[:,]' '!seen[$4]++' >reports.jsonl
#     cat DIR/*.journal >journal
#
# (Where nothing was interrupted, cat does for the reports, too. A target that was cancelled, or reported and not yet
# journalled, has had another report since: of those with the same index, the fourth field, the last one counts.)
#
# To do only some parts again, say into how many the list is cut, since the array no longer does:
#
#     SHARDS=8 sbatch --array=3,5 slurm-array.sh LIST DIR [PFETCH-OPTION...]
#
# PFETCH    the program's name on the nodes, pfetch by default
#
#SBATCH --job-name=pfetch
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --cpus-per-task=1
set -eu

[ $# -ge 2 ] || {
    echo "usage: sbatch --array=1-N slurm-array.sh LIST DIR [PFETCH-OPTION...]" >&2
    exit 2
}
list=$1
dir=$2
shift 2
shards=${SHARDS:-$SLURM_ARRAY_TASK_COUNT}
part=$dir/$SLURM_ARRAY_TASK_ID-of-$shards
mkdir -p "$dir"

# The parts of another cut are not these parts.
for other in "$dir"/*-of-*.journal; do
    case $other in
    *-of-"$shards".journal | "$dir/*-of-*.journal") ;;
    *)
        echo "$other is of another cut than into $shards: set SHARDS, or take another DIR" >&2
        exit 2
        ;;
    esac
done

# exec, so that the signals which Slurm sends to a batch script reach pfetch; --exit-zero, so that a task counts as
# failed when it did not get through its list, not when a host did not answer.
exec "${PFETCH:-pfetch}" -i "$list" --shard "$SLURM_ARRAY_TASK_ID/$shards" -f json -o "$part.jsonl" \
    --joblog "$part.journal" --resume --no-progress --exit-zero "$@"
