"""The iterative 3D median filter, streamed."""


rule smooth:
    input:
        volume=RUN.stitched("{realisation}"),
    output:
        volume=RUN.sr_labels("{realisation}"),
    log:
        RUN.log("smooth-realisation{realisation}"),
    benchmark:
        RUN.benchmark("smooth-realisation{realisation}")
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **stated(
            lambda wildcards: smooth_memory(fine_shape(wildcards), CONFIG.smooth),
            lambda wildcards: smooth_seconds(fine_shape(wildcards), CONFIG.smooth),
        ),
    params:
        values=values(settings=CONFIG.smooth),
        source=source_digest("octolith.steps.smooth"),
    message:
        "{wildcards.sample}: smoothing realisation {wildcards.realisation}"
    shell:
        "step smooth {params.values:q} --threads {threads} --source {input.volume:q}"
        " --out {output.volume:q} &> {log:q}"
