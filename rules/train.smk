"""One stage of the generator after the other; a job goes on where the one before stopped."""


rule train:
    input:
        labels=RUN.lr_labels,
        pyramid=RUN.pyramid("{stage}"),
        previous=previous_weights,
    output:
        weights=RUN.weights("{stage}"),
        log=RUN.training_log("{stage}"),
    log:
        RUN.log("train-stage{stage}"),
    benchmark:
        RUN.benchmark("train-stage{stage}")
    # A cluster's job has a Snakemake of its own, which must not try again within that job.
    retries: (CONFIG.train.jobs - 1) * workflow.is_main_process
    conda:
        ENVIRONMENT
    threads: 4 * CONFIG.train.ranks
    resources:
        # A stage that takes many jobs must not ask for many times the memory.
        mem_mb=lambda wildcards, attempt: ceil(
            CONFIG.train.ranks * train_memory(lr_shape(wildcards.sample)) / 1e6 * min(attempt, 2)
        ),
        runtime=TRAIN_MINUTES,
        gpu=CONFIG.gpu * CONFIG.train.ranks,
        nodes=1,
        # Not among the params: nothing is trained again for them.
        checkpoint_minutes=lambda wildcards: str(of_stage(wildcards).checkpoint_minutes),
        tensorboard=lambda wildcards: str(of_stage(wildcards).tensorboard),
    params:
        values=values(
            stage=stage,
            stages=CONFIG.stages,
            settings=lambda wildcards: CONFIG.train.only(int(wildcards.stage)),
            phases=CONFIG.rock,
            seed=CONFIG.seed,
        ),
        source=source_digest("octolith.steps.train"),
        ranks=CONFIG.train.ranks,
    message:
        "{wildcards.sample}: training stage {wildcards.stage} of {CONFIG.stages}"
    shell:
        "OCTOLITH_MINUTES={resources.runtime} ranks {params.ranks} {resources.nodes} {threads}"
        " train {params.values:q}"
        " --checkpoint_minutes {resources.checkpoint_minutes}"
        " --tensorboard {resources.tensorboard}"
        " --labels {input.labels:q} --pyramid {input.pyramid:q} --previous {input.previous:q}"
        " --out {output.weights:q} 2>&1 | tee -i {log:q}"
