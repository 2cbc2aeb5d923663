"""The page of a sample, and the page over all."""

# How a run computes, which is no part of what it found.
UNSEEN = {
    "samples": True,
    "gpu": True,
    "train": {"jobs": True, "all": APART, "stages": {"__all__": APART}},
}


rule report:
    input:
        lr=RUN.lr_labels,
        hr=reference,
        sr=[RUN.sr_labels(realisation) for realisation in REALISATIONS],
        truth=truth,
        logs=[RUN.training_log(stage) for stage in STAGES],
        counts=block_counts,
        descriptors=[RUN.descriptor(name) for name in CONFIG.describe.descriptors],
        comparison=RUN.comparison,
        networks=networks,
        segmented=[RUN.figure("segment", image) + ".svg" for image in ("lr", "hr")],
        pyramid=RUN.figure("pyramid", "pyramid") + ".svg",
    output:
        page=report(
            RUN.report,
            caption="../workflow/report/page.rst",
            category="Rocks",
            labels={"rock": "{sample}", "what": "the page"},
        ),
    log:
        RUN.log("report"),
    benchmark:
        RUN.benchmark("report")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **stated(
            lambda wildcards: 2e9
            + 3 * slab(fine_shape(wildcards))
            + 8 * prod(lr_shape(wildcards.sample)),
            lambda wildcards: 600 + 0.1e-6 * prod(fine_shape(wildcards)),
        ),
    params:
        values=values(
            config=CONFIG.model_dump(exclude=UNSEEN),
            sample=lambda wildcards: SAMPLES[wildcards.sample],
        ),
        source=source_digest("octolith.steps.report", but=()),
    message:
        "{wildcards.sample}: the report"
    shell:
        "step report {params.values:q} --out_html {output.page:q} &> {log:q}"


rule index:
    input:
        pages=[Layout(CONFIG.results, name).report for name in SAMPLES],
    output:
        page=report(
            index(CONFIG.results),
            caption="../workflow/report/index.rst",
            category="All rocks",
            labels={"rock": "all", "what": "side by side"},
        ),
    log:
        f"{CONFIG.results}/logs/index.log",
    benchmark:
        f"{CONFIG.results}/benchmarks/index.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        values=values(),
        source=source_digest("octolith.steps.report", but=()),
    message:
        "the page over all samples"
    shell:
        "step report.index {params.values:q} --pages {input.pages:q} --out_html {output.page:q}"
        " &> {log:q}"
