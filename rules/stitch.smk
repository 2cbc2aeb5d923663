"""Blocks to one volume, streamed."""


rule stitch:
    input:
        groups=block_groups,
    output:
        volume=RUN.stitched("{realisation}"),
    log:
        RUN.log("stitch-realisation{realisation}"),
    benchmark:
        RUN.benchmark("stitch-realisation{realisation}")
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **stated(
            lambda wildcards: work(wildcards).stitch_memory,
            lambda wildcards: work(wildcards).stitch_seconds,
        ),
    params:
        values=values(),
        source=source_digest("octolith.steps.stitch"),
    message:
        "{wildcards.sample}: stitching realisation {wildcards.realisation}"
    shell:
        "step stitch {params.values:q} --threads {threads} --groups {input.groups:q}"
        " --out {output.volume:q} &> {log:q}"
