"""The pore network, connectivity and transport of each image.

One job finds the network of a subvolume, one solves for diffusion along each of its axes, one
makes the tables of an image, and one says what changed from LR to SR.
"""

from octolith.pores.planning import EXTRACTION, TRANSPORT

SUBVOLUMES = range(CONFIG.network.subvolumes)


rule network_subvolume:
    input:
        labels=network_labels,
    output:
        properties=RUN.network("{image}", "subvolume{subvolume}", "properties.csv"),
    log:
        RUN.log("network-{image}-subvolume{subvolume}"),
    benchmark:
        RUN.benchmark("network-{image}-subvolume{subvolume}")
    wildcard_constraints:
        image="lr|sr|truth",
        subvolume=r"\d+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **planned(EXTRACTION),
    params:
        values=values(settings=CONFIG.network.model_copy(update={"transport": {}}), place=place),
        source=source_digest("octolith.steps.network"),
    message:
        "{wildcards.sample}: network of subvolume {wildcards.subvolume} of the"
        " {wildcards.image} volume"
    shell:
        "step network {params.values:q} --labels {input.labels:q}"
        " --out_csv {output.properties:q} --memory_mb {resources.mem_mb} &> {log:q}"


rule network_transport:
    input:
        labels=network_labels,
    output:
        table=RUN.network("{image}", "subvolume{subvolume}", "transport-{axis}.csv"),
    log:
        RUN.log("transport-{image}-subvolume{subvolume}-{axis}"),
    benchmark:
        RUN.benchmark("transport-{image}-subvolume{subvolume}-{axis}")
    wildcard_constraints:
        image="lr|sr|truth",
        subvolume=r"\d+",
        axis="[xyz]",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **planned(TRANSPORT),
    params:
        values=values(settings=CONFIG.network, place=place, axis=lambda wildcards: wildcards.axis),
        source=source_digest("octolith.steps.network"),
    message:
        "{wildcards.sample}: diffusion along {wildcards.axis} in subvolume {wildcards.subvolume}"
        " of the {wildcards.image} volume"
    # A cube that a CPU solves in minutes is not worth a GPU, and must not take one unasked.
    shell:
        "CUDA_VISIBLE_DEVICES= step network.transport {params.values:q} --labels {input.labels:q}"
        " --out_csv {output.table:q} --memory_mb {resources.mem_mb} &> {log:q}"


rule network:
    input:
        properties=[
            RUN.network("{image}", f"subvolume{number}", "properties.csv") for number in SUBVOLUMES
        ],
        transports=[
            RUN.network("{image}", f"subvolume{number}", f"transport-{axis}.csv")
            for number in SUBVOLUMES
            for axis in "zyx"
            if CONFIG.network.transport
        ],
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
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        values=values(),
        source=source_digest("octolith.steps.network"),
    message:
        "{wildcards.sample}: pore network of the {wildcards.image} volume"
    shell:
        "step network.gather {params.values:q} --properties {input.properties:q}"
        " --transports {input.transports:q} --out_csv {output.properties:q} &> {log:q}"


rule network_change:
    input:
        before=RUN.network("lr", "properties.csv"),
        after=RUN.network("sr", "properties.csv"),
    output:
        table=report(
            RUN.network("change.csv"),
            caption="../workflow/report/network.rst",
            category="Rocks",
            labels={"rock": "{sample}", "what": "pores and transport"},
        ),
    log:
        RUN.log("network-change"),
    benchmark:
        RUN.benchmark("network-change")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        values=values(),
        source=source_digest("octolith.steps.network"),
    message:
        "{wildcards.sample}: what changed in the pore network"
    shell:
        "step network.compare {params.values:q} --before {input.before:q} --after {input.after:q}"
        " --out_csv {output.table:q} &> {log:q}"
