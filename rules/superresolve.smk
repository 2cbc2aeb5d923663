"""Many independent jobs, each a group of the volume's blocks."""


rule superresolve:
    input:
        labels=RUN.lr_labels,
        weights=RUN.weights(CONFIG.stages),
    output:
        octrees=RUN.block_group("{realisation}", "{group}"),
        counts=RUN.block_counts("{realisation}", "{group}"),
    log:
        RUN.log("superresolve-realisation{realisation}-group{group}"),
    benchmark:
        RUN.benchmark("superresolve-realisation{realisation}-group{group}")
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **stated(
            lambda wildcards: work(wildcards).memory,
            lambda wildcards: work(wildcards).job_seconds,
        ),
        gpu=int(CONFIG.gpu),
    params:
        values=values(
            group=lambda wildcards: int(wildcards.group),
            settings=CONFIG.superresolve.model_dump(exclude={"realisations"}),
            phases=CONFIG.rock,
            stages=CONFIG.stages,
            seed=lambda wildcards: CONFIG.seed + int(wildcards.realisation),
        ),
        source=source_digest("octolith.steps.superresolve"),
    message:
        "{wildcards.sample}: realisation {wildcards.realisation}, block group {wildcards.group}"
    shell:
        "step superresolve {params.values:q} --threads {threads} --labels {input.labels:q}"
        " --trained {input.weights:q} --out {output.octrees:q} &> {log:q}"
