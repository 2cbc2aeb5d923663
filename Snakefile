"""Octolith: from a coarse 3D scan and a few fine 2D images to a fine 3D rock, and a report.

The configuration and the sample sheet are read, and checked whole, before anything else; then
one file of rules a step, in the order of the chain. docs/workflow.md explains it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))


# A configuration file is complete: another one replaces it rather than being laid over it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"


wildcard_constraints:
    sample="|".join(map(re.escape, SAMPLES)),
    stage=r"\d+",
    realisation=r"\d+",
    group=r"\d+",


rule all:
    input:
        index(CONFIG.results),
        [
            Layout(CONFIG.results, name).exported(realisation, kind)
            for name in SAMPLES
            for realisation in REALISATIONS
            for kind in CONFIG.export.formats
        ],
    localrule: True


include: "rules/ingest.smk"
include: "rules/segment.smk"
include: "rules/pyramid.smk"
include: "rules/train.smk"
include: "rules/superresolve.smk"
include: "rules/stitch.smk"
include: "rules/smooth.smk"
include: "rules/describe.smk"
include: "rules/network.smk"
include: "rules/export.smk"
include: "rules/report.smk"
