# Purpose: put the tests of a model to data without an effect, in the primary universe.
# In:      connectomes, screened scans, atlas and domains, cohort, participants, model, calibration.
# Out:     how often each test found something in each kind of data, which tests to trust, the same in words.


rule challenge:
    input:
        connectomes=primary(rules.estimate.output.connectomes),
        scans=primary(rules.estimate.output.scans),
        kept=primary(rules.screen.output.kept),
        atlas=primary(choice("atlases", "{atlas}")),
        files=atlas_files(PLAN.atlas_names[:1]),
        domains=primary(choice("domains", "{atlas}")),
        cohort=chosen("cohorts", "cohort"),
        participants=lambda wildcards: str(COHORTS[wildcards.cohort].participants),
        tables=tables_of,
        model=chosen("models", "model"),
        phenotypes=measured,
        calibration=chosen("calibrations", "calibration"),
    output:
        table="results/{cohort}/challenge/{calibration}/{model}/rates.tsv",
        summary="results/{cohort}/challenge/{calibration}/{model}/trust.json",
        answer="results/{cohort}/challenge/{calibration}/{model}/trust.txt",
    log:
        "logs/challenge/{cohort}/{calibration}/{model}.log",
    threads: 2
    params:
        code=code("challenge"),
    shell:
        "connect challenge --connectomes {input.connectomes:q} --scans {input.scans:q} --kept {input.kept:q}"
        " --atlas {input.atlas:q} --domains {input.domains:q} --cohort {input.cohort:q} --participants {input.participants:q}"
        " --model {input.model:q} --phenotypes {input.phenotypes:q} --calibration {input.calibration:q} --table {output.table:q} --summary {output.summary:q}"
        " --answer {output.answer:q} --threads {threads} 2> {log:q}"


# What `connect calibrate` asks for: the answer for every model of the plan, on the screen.
rule calibrations:
    input:
        [answer for cohort in PLAN.models for answer in calibrations(rules.challenge.output.answer, cohort)],
    log:
        "logs/challenge/calibrations.log",
    localrule: True
    shell:
        "cat {input:q} 2> {log:q}"
