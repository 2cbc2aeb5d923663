#!/usr/bin/env bash
# ranks.sh RANKS NODES THREADS STEP VALUES --NAME PATH...
# Run a step in RANKS processes that share its work: one, several on this machine, or on all NODES
# of a Slurm job (whose profile says `mpi: srun`), each with so many THREADS.
set -euo pipefail
script=$(dirname "${BASH_SOURCE[0]}")/step.py
ranks=$1 nodes=$2 threads=$3 step=$4 values=$5
shift 5
if ((ranks % nodes)); then
    echo "octolith: train.ranks is $ranks, which $nodes nodes cannot share evenly" >&2
    exit 1
fi
set -- "$step" "$values" --threads $((threads * nodes / ranks)) "$@"
if [ "$ranks" = 1 ]; then
    exec python "$script" "$@"
elif [ "$nodes" = 1 ]; then
    exec python -m torch.distributed.run --standalone --nproc-per-node "$ranks" "$script" "$@"
else
    # Jobs may share a node: each meets at a port of its own.
    port=$((20000 + SLURM_JOB_ID % 10000))
    # A task has one CPU unless it asks, and outlives those of other nodes unless it is killed.
    exec srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
        --cpus-per-task="$threads" --kill-on-bad-exit=1 \
        python -m torch.distributed.run --nnodes "$nodes" --nproc-per-node $((ranks / nodes)) \
        --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$(hostname):$port" \
        "$script" "$@"
fi
