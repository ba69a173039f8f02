# Purpose: run fMRIPrep on raw BIDS, for cohorts whose file has the key `preprocess`. No stage: the work is fMRIPrep's.
# In:      the raw folder of a participant.
# Out:     what fMRIPrep makes of the participant; `fetch` shares it out to the scans.
FMRIPREP = "25.2.5"


# The settings are parameters, not the cohort's file, so that an edit of its sessions or limits does not repeat hours of
# work. The work folder stays after a failure, so that fMRIPrep goes on from there; versions must not share one. The
# derivatives are made in it, beside the surfaces that take longest, and moved when they are whole.
rule preprocess:
    input:
        raw=lambda wildcards: str(RAW[wildcards.cohort].raw / wildcards.participant),
        description=lambda wildcards: ancient(str(RAW[wildcards.cohort].raw / "dataset_description.json")),
    output:
        derivatives=directory("data/{cohort}/fmriprep/{participant}"),
    log:
        "logs/preprocess/{cohort}/{participant}.log",
    wildcard_constraints:
        cohort=any_of(RAW),
        participant="sub-[A-Za-z0-9]+",
    container:
        f"docker://nipreps/fmriprep:{FMRIPREP}"
    resources:
        mem_mb=8000,
    params:
        space=fmriprep_words("space"),
        arguments=fmriprep_words("arguments"),
        work=f"work/fmriprep-{FMRIPREP}/{{cohort}}/{{participant}}",
    shell:
        'fmriprep "$(dirname {input.raw:q})" {params.work:q}/derivatives participant'
        " --participant-label {wildcards.participant} --output-spaces {params.space} {params.arguments}"
        ' ${{FS_LICENSE:+--fs-license-file "$FS_LICENSE"}} --notrack --work-dir {params.work:q}/nipype'
        " --nthreads {threads} --mem-mb {resources.mem_mb} > {log:q} 2>&1"
        " && mv {params.work:q}/derivatives {output.derivatives:q} && rm -rf {params.work:q}"
