#!/bin/sh
# Say what became of a Slurm job: running, success or failed. Usage: status.sh JOB
# squeue knows jobs that wait, run or have just ended; the accounting, where there is one, knows older ones.
if ! state=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1); then
    case $state in
    *"Invalid job id"*) state=$(sacct --noheader --allocations --parsable2 --format=State --jobs="$1" 2>/dev/null) ;;
    *) state=UNREACHABLE ;;
    esac
fi
case $state in
COMPLETED) echo success ;;
PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | STOPPED | REQUEUE* | RESIZING | SIGNALING | STAGE_OUT | UNREACHABLE)
    echo running
    ;;
# A job that nobody knows any more counts as failed, so that it is submitted again and not waited for without end.
*) echo failed ;;
esac
