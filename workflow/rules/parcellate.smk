# Purpose: reduce a scan to one series per parcel, for all atlases of a pass; the only stage that opens a 4-D image.
# In:      preprocessed BOLD, brain mask and confounds of a scan; atlases.
# Out:     a folder per scan: raw parcel series and coverage per atlas, and its quality. Smoothed atlases are kept in cache.


rule parcellate:
    input:
        bold=of_scan("bold"),
        mask=of_scan("mask"),
        confounds=of_scan("confounds"),
        atlases=lambda wildcards: [choice("atlases", name) for name in wildcards.atlases.split("+")],
        files=lambda wildcards: atlas_files(wildcards.atlases.split("+")),
    output:
        series=directory("results/{cohort}/parcellate/{atlases}/{scan}"),
    log:
        "logs/parcellate/{cohort}/{atlases}/{scan}.log",
    # An image that is to be deleted makes room before the next one is fetched.
    priority: 1
    params:
        code=code("parcellate"),
        parts="data/{cohort}/.parts/{scan}",
        cache="results/cache",
    # The parts of a fetched scan, which by now has all its files, are second names of these.
    shell:
        "rm -rf {params.parts:q} && connect parcellate --bold {input.bold:q} --mask {input.mask:q} --confounds {input.confounds:q}"
        " --atlases {input.atlases:q} --series {output.series:q} --on-unusable record --cache {params.cache:q} 2> {log:q}"


# What is made of whole cohorts depends on this one list: thousands of inputs of each such job would slow Snakemake down.
# Its inputs are those of `--batch gather=1/10`; confounds that change come with the series that parcellate makes again.
rule gather:
    input:
        scans=lambda wildcards: scans_table(wildcards.cohort),
        series=lambda wildcards: expand(
            rules.parcellate.output.series,
            cohort=wildcards.cohort,
            atlases=wildcards.atlases,
            scan=SCAN[wildcards.cohort],
        ),
    output:
        gathered="results/{cohort}/parcellate/{atlases}/scans.tsv",
    log:
        "logs/gather/{cohort}/{atlases}.log",
    params:
        code=code("gather"),
        raw=lambda wildcards, output: Path(output.gathered).parent,
        derivatives=lambda wildcards: COHORTS[wildcards.cohort].derivatives,
    shell:
        "connect gather --scans {input.scans:q} --raw {params.raw:q} --derivatives {params.derivatives:q}"
        " --gathered {output.gathered:q} 2> {log:q}"
