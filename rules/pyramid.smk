"""HR images to the dense and mixed classes of every stage."""


rule pyramid:
    input:
        hr=RUN.hr_labels,
    output:
        classes=RUN.pyramid("{stage}"),
    log:
        RUN.log("pyramid-stage{stage}"),
    benchmark:
        RUN.benchmark("pyramid-stage{stage}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        values=values(stage=stage, stages=CONFIG.stages, settings=CONFIG.pyramid),
        source=source_digest("octolith.steps.pyramid"),
    message:
        "{wildcards.sample}: pyramid of the HR images, stage {wildcards.stage} of {CONFIG.stages}"
    shell:
        "step pyramid {params.values:q} --hr_h5 {input.hr:q} --out_h5 {output.classes:q} &> {log:q}"


rule pyramid_figure:
    input:
        hr=RUN.hr_labels,
    output:
        figure=multiext(RUN.figure("pyramid", "pyramid"), ".svg", ".png"),
    log:
        RUN.log("pyramid-figure"),
    benchmark:
        RUN.benchmark("pyramid-figure")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        values=values(stages=CONFIG.stages, settings=CONFIG.pyramid),
        source=source_digest("octolith.steps.pyramid"),
        figure=RUN.figure("pyramid", "pyramid"),
    message:
        "{wildcards.sample}: picture of the pyramid"
    shell:
        "step pyramid.pyramid_figure {params.values:q} --hr_h5 {input.hr:q}"
        " --figure_stem {params.figure:q} &> {log:q}"
