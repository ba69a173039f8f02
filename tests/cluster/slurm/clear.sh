#!/usr/bin/env bash
# End what cancelled jobs of the Slurm in FOLDER left. Without cgroups, which are not needed here, Slurm loses sight of a
# process whose parent it ended first. Jobs carry the name of their cluster in their environment.
# Usage: clear.sh FOLDER
set -u
name=$(sed -n 's/^ClusterName=//p' "${1:?folder}/slurm.conf" 2>/dev/null)
[ -n "$name" ] || exit 0
grep --files-with-matches --null-data --line-regexp "SLURM_CLUSTER_NAME=$name" /proc/[0-9]*/environ 2>/dev/null |
    cut -d / -f 3 | xargs --no-run-if-empty kill -KILL 2>/dev/null
exit 0
