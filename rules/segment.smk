"""Grey levels, or labels, to the phases of the configuration."""


rule segment:
    input:
        volume=RUN.image("{image}"),
    output:
        labels=RUN.labels("{image}"),
        figure=multiext(RUN.figure("segment", "{image}"), ".svg", ".png"),
    log:
        RUN.log("segment-{image}"),
    benchmark:
        RUN.benchmark("segment-{image}")
    wildcard_constraints:
        image="lr|truth",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **stated(
            lambda wildcards: LIBRARIES + segmenting(wildcards) * slab(shape(wildcards)),
            lambda wildcards: (20e-6 if filtered(wildcards) else 0.2e-6) * prod(shape(wildcards)),
        ),
    params:
        values=values(recipe=recipe(None), phases=CONFIG.rock),
        source=source_digest("octolith.steps.segment"),
        figure=RUN.figure("segment", "{image}"),
    message:
        "{wildcards.sample}: phases of the {wildcards.image} volume"
    shell:
        "step segment {params.values:q} --source_h5 {input.volume:q}"
        " --out_h5 {output.labels:q} --figure_stem {params.figure:q} &> {log:q}"


rule segment_images:
    input:
        images=lambda wildcards: ancient(hr_files(wildcards)),
    output:
        labels=RUN.labels("{images}"),
        figure=multiext(RUN.figure("segment", "{images}"), ".svg", ".png"),
    log:
        RUN.log("segment-{images}"),
    benchmark:
        RUN.benchmark("segment-{images}")
    wildcard_constraints:
        images="hr|hr_test",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(15),
    params:
        values=values(
            recipe=recipe("hr"),
            phases=CONFIG.rock,
            pixel_um_target=lambda wildcards: fine_um(wildcards.sample),
            pixel_um_given=lambda wildcards: SAMPLES[wildcards.sample].hr_voxel_um,
            axes=hr_axes,
            crop=CONFIG.train.cube * CONFIG.scale,
            learnt=lambda wildcards: wildcards.images == "hr",
        ),
        content=fingerprint(hr_files),
        source=source_digest("octolith.steps.segment"),
        figure=RUN.figure("segment", "{images}"),
    message:
        "{wildcards.sample}: phases of the {wildcards.images} images"
    shell:
        "step segment.segment_images {params.values:q} --paths {input.images:q}"
        " --out_h5 {output.labels:q} --figure_stem {params.figure:q} &> {log:q}"
