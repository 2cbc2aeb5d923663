"""Any file format to one chunked HDF5 volume."""


rule ingest:
    input:
        source=lambda wildcards: ancient(volume_files(wildcards)),
    output:
        volume=RUN.image("{image}"),
    log:
        RUN.log("ingest-{image}"),
    benchmark:
        RUN.benchmark("ingest-{image}")
    wildcard_constraints:
        image="lr|truth",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **stated(
            lambda wildcards: LIBRARIES + 4.2 * itemsize(wildcards) * slab(shape(wildcards)),
            lambda wildcards: 0.2e-6 * prod(shape(wildcards)),
        ),
    params:
        values=values(sample=lambda wildcards: volume(wildcards.sample, wildcards.image)),
        content=fingerprint(volume_files),
        source=source_digest("octolith.steps.ingest"),
    message:
        "{wildcards.sample}: reading the {wildcards.image} volume"
    shell:
        "step ingest {params.values:q} --out {output.volume:q} &> {log:q}"
