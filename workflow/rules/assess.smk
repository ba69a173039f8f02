# Purpose: show how much of motion is left in the connectomes of a universe, and what denoising cost.
# In:      connectomes, screened scans, atlas, strategy, measure, cohort.
# Out:     correlation of every edge with motion, over participants; a summary beside what chance gives.


rule assess:
    input:
        connectomes=rules.estimate.output.connectomes,
        scans=rules.estimate.output.scans,
        kept=rules.screen.output.kept,
        atlas=chosen("atlases", "atlas"),
        files=lambda wildcards: atlas_files([wildcards.atlas]),
        strategy=chosen("strategies", "strategy"),
        measure=chosen("measures", "measure"),
        cohort=chosen("cohorts", "cohort"),
    output:
        edge_table="results/{cohort}/assess/{atlas}/{strategy}/{measure}/edges.tsv",
        summary="results/{cohort}/assess/{atlas}/{strategy}/{measure}/summary.json",
    log:
        "logs/assess/{cohort}/{atlas}/{strategy}/{measure}.log",
    params:
        code=code("assess"),
    shell:
        "connect assess --connectomes {input.connectomes:q} --scans {input.scans:q} --kept {input.kept:q}"
        " --atlas {input.atlas:q} --strategy {input.strategy:q} --measure {input.measure:q}"
        " --cohort {input.cohort:q} --edge-table {output.edge_table:q} --summary {output.summary:q} 2> {log:q}"
