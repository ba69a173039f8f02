#!/usr/bin/env bash
# Start a throw-away Slurm on loopback: munged, slurmctld and two nodes of this machine, n1 and n2.
# All its files lie in FOLDER, but for the link /etc/slurm/slurm.conf: Snakemake's Slurm plugin takes every SLURM_*
# variable out of a job, SLURM_CONF too, so that only the default place is left.
# Usage: start.sh FOLDER. End it with stop.sh FOLDER.
set -euo pipefail
folder=${1:?folder}
here=$(cd "$(dirname "$0")" && pwd)
conf=/etc/slurm/slurm.conf
port=26817
first_line="# Throw-away Slurm of connect's tests"

refuse() {
    echo "start.sh: $1" >&2
    exit 2
}

[ "$(id -u)" = 0 ] || refuse "must be root"
for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || refuse "needs $program (packages slurm-wlm and munge)"
done
# A link that a killed run left behind, with no Slurm behind it, may go. Anything else belongs to the machine.
if [ -L "$conf" ] && ! sinfo >/dev/null 2>&1; then
    [ "$(head -n 1 "$conf" 2>/dev/null)" = "$first_line" ] && rm "$conf"
fi
if [ -e "$conf" ] || [ -L "$conf" ] || [ -n "${SLURM_CONF:-}" ] || sinfo >/dev/null 2>&1; then
    refuse "there is a Slurm here already ($(readlink "$conf" || echo "$conf")); one of ours is ended by stop.sh FOLDER"
fi

mkdir -p "$folder"/{log,pid,state,munge}
folder=$(cd "$folder" && pwd)
trap '"$here/stop.sh" "$folder"' ERR
# munged wants that nobody else may write where its socket and its key are.
chmod 755 "$folder"
chmod 711 "$folder/munge"
(umask 077 && head -c 128 /dev/urandom >"$folder/munge/key")
munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/pid/munged" \
    --log-file="$folder/log/munged" --seed-file="$folder/munge/seed"

host=$(hostname -s)
cat >"$folder/slurm.conf" <<CONF
$first_line
ClusterName=connect$$
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that is requeued waits until its old credential has expired.
AuthInfo=socket=$folder/munge/socket,cred_expire=10
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/pid/slurmctld
SlurmdPidFile=$folder/pid/slurmd-%n
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
# Without accounting, squeue is asked what became of a job: it must not forget.
AccountingStorageType=accounting_storage/none
MinJobAge=3600
# Memory is watched without cgroups: a job above what it asked for is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
# Jobs go to the node with the least to do, so that both have some.
SelectTypeParameters=CR_Core_Memory,CR_LLN
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
# More cores and memory are promised than there may be: jobs here mostly wait.
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=16 RealMemory=16000 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=16 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 DefMemPerCPU=200 State=UP
CONF
mkdir -p /etc/slurm
ln -s "$folder/slurm.conf" "$conf"
slurmctld
for node in n1 n2; do
    mkdir -p "$folder/spool-$node"
    slurmd -N "$node"
done
for _ in $(seq 60); do
    [ "$(sinfo --noheader --states idle --format %D 2>/dev/null)" = 2 ] && exit 0
    sleep 0.5
done
"$here/stop.sh" "$folder"
refuse "the nodes did not come up: see $folder/log"
