# Purpose: take confounds out of the series of all scans of a cohort, with one strategy.
# In:      scans table, the list of raw series and confounds, atlas, strategy.
# Out:     cleaned series, which volumes they are of, one row per scan (what was removed, what is left), coverage per scan and parcel.


rule denoise:
    input:
        scans=lambda wildcards: scans_table(wildcards.cohort),
        gathered=lambda wildcards: gathered(wildcards.cohort, wildcards.atlas),
        atlas=chosen("atlases", "atlas"),
        strategy=chosen("strategies", "strategy"),
    output:
        series="results/{cohort}/denoise/{atlas}/{strategy}/series.npy",
        volumes="results/{cohort}/denoise/{atlas}/{strategy}/volumes.tsv",
        rows="results/{cohort}/denoise/{atlas}/{strategy}/scans.tsv",
        coverage="results/{cohort}/denoise/{atlas}/{strategy}/coverage.tsv",
    log:
        "logs/denoise/{cohort}/{atlas}/{strategy}.log",
    params:
        code=code("denoise"),
        raw=lambda wildcards, input: Path(input.gathered).parent,
        derivatives=lambda wildcards: COHORTS[wildcards.cohort].derivatives,
    shell:
        "connect denoise --scans {input.scans:q} --raw {params.raw:q} --derivatives {params.derivatives:q}"
        " --atlas {input.atlas:q} --strategy {input.strategy:q} --series {output.series:q} --volumes {output.volumes:q} --rows {output.rows:q}"
        " --coverage {output.coverage:q} 2> {log:q}"
