#!/usr/bin/env bash
# ranks.sh RANKS NODES STEP VALUES --NAME PATH...
# Run a step in RANKS processes that share its work: one, several on this machine, or on all NODES
# of a Slurm job (whose profile says `mpi: srun`).
set -euo pipefail
script=$(dirname "${BASH_SOURCE[0]}")/step.py
ranks=$1 nodes=$2
shift 2
if [ "$ranks" = 1 ]; then
    exec python "$script" "$@"
elif [ "$nodes" = 1 ]; then
    exec python -m torch.distributed.run --standalone --nproc-per-node "$ranks" "$script" "$@"
else
    # Jobs may share a node: each meets at a port of its own.
    port=$((20000 + SLURM_JOB_ID % 10000))
    exec srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
        python -m torch.distributed.run --nnodes "$nodes" --nproc-per-node $((ranks / nodes)) \
        --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$(hostname):$port" \
        "$script" "$@"
fi
