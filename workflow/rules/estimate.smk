# Purpose: estimate connectivity between all parcels, per kept scan.
# In:      cleaned series, kept scans, missing parcels, measure and its Python file if it is the user's own.
# Out:     connectomes (scans x edges) with a table naming the rows and one naming the columns.


rule estimate:
    input:
        series=rules.denoise.output.series,
        kept=rules.screen.output.kept,
        lost=rules.screen.output.lost,
        coverage=rules.denoise.output.coverage,
        measure=chosen("measures", "measure"),
        functions=lambda wildcards: own_files("measures", wildcards.measure),
    output:
        connectomes="results/{cohort}/estimate/{atlas}/{strategy}/{measure}/connectomes.npy",
        scans="results/{cohort}/estimate/{atlas}/{strategy}/{measure}/scans.tsv",
        edges="results/{cohort}/estimate/{atlas}/{strategy}/{measure}/edges.tsv",
    log:
        "logs/estimate/{cohort}/{atlas}/{strategy}/{measure}.log",
    params:
        code=code("estimate"),
    shell:
        "connect estimate --series {input.series:q} --kept {input.kept:q} --lost {input.lost:q}"
        " --coverage {input.coverage:q} --measure {input.measure:q} --connectomes {output.connectomes:q}"
        " --scans {output.scans:q} --edges {output.edges:q} 2> {log:q}"
