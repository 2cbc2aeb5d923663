"""Every descriptor of every image, one job each, and one table that says what came closer."""


rule describe:
    input:
        lr=RUN.lr_labels,
        sr=[RUN.sr_labels(realisation) for realisation in REALISATIONS],
        hr=reference,
        truth=truth,
    output:
        table=RUN.descriptor("{descriptor}"),
    log:
        RUN.log("describe-{descriptor}"),
    benchmark:
        RUN.benchmark("describe-{descriptor}")
    wildcard_constraints:
        descriptor="|".join(CONFIG.describe.descriptors),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=scaled(4000, lr_voxels=8),
        runtime=scaled(60),
    params:
        values=values(
            name=lambda wildcards: wildcards.descriptor,
            settings=lambda wildcards: CONFIG.describe.only(wildcards.descriptor),
            seed=CONFIG.seed,
        ),
        source=source_digest("octolith.steps.describe"),
    message:
        "{wildcards.sample}: measuring {wildcards.descriptor}"
    shell:
        "step describe {params.values:q} --lr {input.lr:q} --sr {input.sr:q} --hr {input.hr:q}"
        " --truth {input.truth:q} --out_csv {output.table:q} &> {log:q}"


rule compare:
    input:
        tables=[RUN.descriptor(name) for name in CONFIG.describe.descriptors],
    output:
        table=report(
            RUN.comparison,
            caption="../workflow/report/comparison.rst",
            category="Rocks",
            labels={"rock": "{sample}", "what": "did SR come closer?"},
        ),
    log:
        RUN.log("describe-compare"),
    benchmark:
        RUN.benchmark("describe-compare")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        values=values(seed=CONFIG.seed),
        source=source_digest("octolith.steps.describe"),
    message:
        "{wildcards.sample}: comparing LR and SR with HR"
    shell:
        "step describe.compare {params.values:q} --tables {input.tables:q}"
        " --out_csv {output.table:q} &> {log:q}"
