# Purpose: decide which scans are good enough, and say why not.
# In:      what denoising left of each scan, coverage, the cohort's limits.
# Out:     every scan with yes or no and the reason in words; missing parcels of the kept scans.


rule screen:
    input:
        rows=rules.denoise.output.rows,
        coverage=rules.denoise.output.coverage,
        cohort=chosen("cohorts", "cohort"),
    output:
        kept="results/{cohort}/screen/{atlas}/{strategy}/scans.tsv",
        lost="results/{cohort}/screen/{atlas}/{strategy}/missing_parcels.tsv",
    log:
        "logs/screen/{cohort}/{atlas}/{strategy}.log",
    params:
        code=code("screen"),
    shell:
        "connect screen --rows {input.rows:q} --coverage {input.coverage:q} --cohort {input.cohort:q}"
        " --kept {output.kept:q} --lost {output.lost:q} 2> {log:q}"
