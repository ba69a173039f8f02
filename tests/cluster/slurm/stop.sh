#!/usr/bin/env bash
# End what start.sh started in FOLDER: the jobs, the daemons by their process ids, and the link to the configuration.
# Usage: stop.sh FOLDER
set -u
folder=$(cd "${1:?folder}" && pwd) || exit 0
conf=/etc/slurm/slurm.conf

# Returns the daemons of FOLDER that are alive.
alive() {
    for file in "$folder"/pid/*; do
        pid=$(cat "$file" 2>/dev/null) || continue
        case $(ps -o comm= -p "$pid") in munged | slurmctld | slurmd) echo "$pid" ;; esac
    done
}

# Calls a command until it prints nothing, 10 s at most.
until_empty() {
    for _ in $(seq 40); do
        [ -z "$("$@" 2>/dev/null)" ] && break
        sleep 0.25
    done
}

if [ "$(readlink "$conf")" = "$folder/slurm.conf" ]; then
    scancel --quiet --user=root
    until_empty squeue --noheader --states=running,completing
    rm "$conf"
fi
"$(dirname "$0")/clear.sh" "$folder"
for signal in TERM KILL; do
    alive | xargs --no-run-if-empty kill "-$signal"
    until_empty alive
done
