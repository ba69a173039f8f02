# Purpose: bring a measure of the person into one table, in one unit; the command is no stage, and reads no image.
# In:      cohort, phenotype, participants, the tables or recordings of the phenotype, its scoring key.
# Out:     a value of every participant and session, or why there is none; what was done, in words.


rule phenotypes:
    input:
        cohort=chosen("cohorts", "cohort"),
        phenotype=chosen("phenotypes", "phenotype"),
        participants=lambda wildcards: str(COHORTS[wildcards.cohort].participants),
        tables=phenotype_tables,
        score=phenotype_key,
    output:
        values="results/{cohort}/phenotypes/{phenotype}.tsv",
        record="results/{cohort}/phenotypes/{phenotype}.json",
    log:
        "logs/phenotypes/{cohort}/{phenotype}.log",
    params:
        code=code("phenotypes"),
    shell:
        "connect phenotypes --cohort {input.cohort:q} --phenotype {input.phenotype:q} --participants {input.participants:q}"
        " --values {output.values:q} --record {output.record:q} --score {input.score:q} 2> {log:q}"
