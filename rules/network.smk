"""The pore network, connectivity and transport of each image."""


rule network:
    input:
        labels=network_labels,
    output:
        properties=RUN.network("{image}", "properties.csv"),
    log:
        RUN.log("network-{image}"),
    benchmark:
        RUN.benchmark("network-{image}")
    wildcard_constraints:
        image="lr|sr|truth",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(120),
    params:
        values=values(
            edge_um=lambda wildcards: (
                CONFIG.network.subvolume_um
                or CONFIG.network.max_voxels ** (1 / 3) * fine_um(wildcards.sample)
            ),
            phases=CONFIG.rock,
        ),
        source=source_digest("octolith.steps.network"),
    message:
        "{wildcards.sample}: pore network of the {wildcards.image} volume"
    shell:
        "step network {params.values:q} --labels {input.labels:q}"
        " --out_csv {output.properties:q} &> {log:q}"
