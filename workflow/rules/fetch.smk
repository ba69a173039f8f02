# Purpose: fetch the files of a scan, and the tables of a cohort, from a public bucket, verified by their checksums.
# In:      the rows of the files table, and what fMRIPrep made of a raw cohort. Cohorts without a table are on disk already.
# Out:     image, mask and confounds of a scan in a folder of its own; participants and other tables of the cohort.


# Neither the code nor the whole table is a trigger: a file is fetched again only if its own row changes.
rule fetch:
    input:
        made=preprocessed,
    output:
        fetched=[
            "data/{cohort}/{scan}/{scan}_desc-preproc_bold.nii.gz",
            "data/{cohort}/{scan}/{scan}_desc-brain_mask.nii.gz",
            "data/{cohort}/{scan}/{scan}_desc-confounds_timeseries.tsv",
        ],
    log:
        "logs/fetch/{cohort}/{scan}.log",
    wildcard_constraints:
        cohort=any_of(cohort for cohort in FETCHED if COHORTS[cohort].keep_images),
    resources:
        downloads=1,
    params:
        files=lambda wildcards: files_table(wildcards.cohort),
        scan="{scan}",
        rows=lambda wildcards: pinned(wildcards.cohort, wildcards.scan),
        folder="data/{cohort}",
        parts="data/{cohort}/.parts/{scan}",
    shell:
        "connect fetch --files {params.files:q} --scan {params.scan:q} --folder {params.folder:q}"
        " --fetched {output.fetched:q} --parts {params.parts:q} 2> {log:q}"


# The same for cohorts whose images are deleted once they are parcellated.
use rule fetch as fetch_and_drop with:
    output:
        fetched=[
            temp("data/{cohort}/{scan}/{scan}_desc-preproc_bold.nii.gz"),
            temp("data/{cohort}/{scan}/{scan}_desc-brain_mask.nii.gz"),
            "data/{cohort}/{scan}/{scan}_desc-confounds_timeseries.tsv",
        ],
    wildcard_constraints:
        cohort=any_of(cohort for cohort in FETCHED if not COHORTS[cohort].keep_images),


# What fMRIPrep reads of a participant, where the raw dataset is fetched and not on disk.
use rule fetch as fetch_raw with:
    input:
        made=[],
    output:
        fetched=[directory("data/{cohort}/dataset/{participant}")],
    log:
        "logs/fetch/{cohort}/{participant}.log",
    wildcard_constraints:
        cohort=any_of(RAW.keys() & FETCHED.keys()),
        participant="sub-[A-Za-z0-9]+",
    params:
        files=lambda wildcards: files_table(wildcards.cohort),
        scan="{participant}",
        rows=lambda wildcards: pinned(wildcards.cohort, wildcards.participant),
        folder="data/{cohort}",
        parts="data/{cohort}/.parts/{participant}",


use rule fetch as fetch_tables with:
    input:
        made=[],
    output:
        fetched=["data/{cohort}/dataset/participants.tsv", "data/{cohort}/dataset/dataset_description.json"],
    log:
        "logs/fetch/{cohort}/tables.log",
    wildcard_constraints:
        cohort=any_of(FETCHED),
    params:
        files=lambda wildcards: files_table(wildcards.cohort),
        scan=MISSING,
        rows=lambda wildcards: pinned(wildcards.cohort, OF_COHORT),
        folder="data/{cohort}",
        parts="data/{cohort}/.parts/tables",
