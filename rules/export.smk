"""The SR volume in the formats that people open."""

# The suffix of a file says its format.
FORMATS = {suffix: form for form, suffix in EXPORT_SUFFIXES.items()}
FOLDER = EXPORT_SUFFIXES["ome-zarr"]
# Colours are metadata of OME-Zarr.
COLOURLESS = [name for name in SPEAKING if name != "palette"]


rule export:
    input:
        volume=RUN.sr_labels("{realisation}"),
    output:
        file=RUN.path("export", "realisation{realisation}{suffix}"),
    log:
        RUN.log("export-realisation{realisation}{suffix}"),
    benchmark:
        RUN.benchmark("export-realisation{realisation}{suffix}")
    wildcard_constraints:
        suffix="|".join(re.escape(suffix) for suffix in FORMATS if suffix != FOLDER),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **stated(
            lambda wildcards: export_memory(fine_shape(wildcards)),
            lambda wildcards: export_seconds(fine_shape(wildcards)),
        ),
    params:
        values=values(form=lambda wildcards: FORMATS[wildcards.suffix]),
        source=source_digest("octolith.steps.export", but=COLOURLESS),
    message:
        "{wildcards.sample}: realisation {wildcards.realisation} as {wildcards.suffix}"
    shell:
        "step export {params.values:q} --source {input.volume:q} --out {output:q} &> {log:q}"


# A Zarr store is a folder.
use rule export as export_folder with:
    output:
        folder=directory(RUN.path("export", "realisation{realisation}{suffix}")),
    wildcard_constraints:
        suffix=re.escape(FOLDER),
