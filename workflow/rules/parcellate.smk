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
