# connect: from fMRIPrep's scans to what an intervention changed. The stages are included in the order in which they run.


configfile: "config/config.yaml"


# Used with `--software-deployment-method apptainer`; container.def says how to build it.
container: "connect.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/parcellate.smk"
include: "workflow/rules/denoise.smk"
include: "workflow/rules/screen.smk"
include: "workflow/rules/estimate.smk"
include: "workflow/rules/assess.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/challenge.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        reports(),
