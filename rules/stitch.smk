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
        mem_mb=scaled(2000),
        runtime=scaled(15, sr_voxels=0.01),
    params:
        values=values(),
        source=source_digest("octolith.steps.stitch"),
    message:
        "{wildcards.sample}: stitching realisation {wildcards.realisation}"
    shell:
        "step stitch {params.values:q} --groups {input.groups:q} --out {output.volume:q} &> {log:q}"
