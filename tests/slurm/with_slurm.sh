#!/usr/bin/env bash
# with_slurm.sh COMMAND...
# Run COMMAND against a private Slurm of two nodes, with two pretend GPUs each, that are both this
# machine. It listens on 127.0.0.1 alone, lives in one temporary folder and dies with this script, whose mount and process
# namespaces are its own: nothing of the machine's is changed.
# Needs root and the Debian packages slurm-wlm and munge.
set -euo pipefail
if [ -z "${WITH_SLURM:-}" ]; then
    exec env WITH_SLURM=1 unshare --mount --propagation private \
        --pid --fork --mount-proc --kill-child "$0" "$@"
fi

home=$(mktemp -d "${TMPDIR:-/tmp}/slurm.XXXXXX")
chmod 755 "$home"
trap 'status=$?; rm -rf "$home"; exit $status' EXIT
nodes=(one two)
mkdir -p "$home"/{etc,log,run,state} "$home"/spool/{one,two}
port=$(shuf -i 20000-29999 -n 1) # another Slurm of another test may be running

die() {
    echo "with_slurm: $*" >&2
    tail -n 5 "$home"/log/*.log >&2 || true
    exit 1
}
until_true() {
    for _ in $(seq 150); do
        if "$@" > /dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}

install -d -o munge -g munge -m 755 "$home/munge"
head -c 1024 /dev/urandom > "$home/munge/key"
chown munge:munge "$home/munge/key"
chmod 400 "$home/munge/key"
runuser -u munge -- munged --key-file="$home/munge/key" --socket="$home/munge/socket" \
    --pid-file="$home/munge/pid" --log-file="$home/munge/log" --seed-file="$home/munge/seed"

# No accounting: its resource types would need slurmdbd, without which slurmctld dies.
# No cgroups: memory is watched by sampling (OverMemoryKill).
cat > "$home/etc/slurm.conf" << EOF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge/socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool/%n
SlurmctldPidFile=$home/run/slurmctld.pid
SlurmdPidFile=$home/run/slurmd.%n.pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd.%n.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
JobCompType=jobcomp/filetxt
JobCompLoc=$home/log/completed
MinJobAge=3600
KillWait=${SLURM_KILL_WAIT:-5}
NodeName=one NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=16 RealMemory=64000 Gres=gpu:h200:2 State=UNKNOWN
NodeName=two NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=16 RealMemory=64000 Gres=gpu:h200:2 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=1440 DefMemPerCPU=100 State=UP
PartitionName=gpu Nodes=ALL MaxTime=1440 DefMemPerCPU=100 State=UP
EOF
# Any device file serves as a pretend GPU.
cat > "$home/etc/gres.conf" << EOF
AutoDetect=off
Name=gpu Type=h200 File=/dev/null
Name=gpu Type=h200 File=/dev/zero
EOF
echo "CgroupAutomount=no" > "$home/etc/cgroup.conf"
# Snakemake's job step drops SLURM_CONF: the default place has to work.
mkdir -p /etc/slurm
mount --bind "$home/etc" /etc/slurm

slurmctld
for node in "${nodes[@]}"; do slurmd -N "$node"; done
until_true test -s "$home/run/slurmctld.pid" || die "slurmctld did not start"
idle() { [ "$(timeout 5 sinfo -h -N -p cpu -o %T | sort -u)" = idle ]; }
until_true idle || die "the nodes are not idle: $(timeout 5 sinfo -h -o '%T %E' || true)"

status=0
"$@" || status=$?
exit "$status"
