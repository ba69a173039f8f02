# Purpose: relate connectivity to a measure of the person: a model whose contrast is the slope of a phenotype.
# In:      what compare takes, with the phenotypes.
# Out:     what compare gives, with correlations, and the slope in each arm where arms are compared.


rule relate:
    input:
        connectomes=rules.estimate.output.connectomes,
        scans=rules.estimate.output.scans,
        kept=rules.screen.output.kept,
        strategy=chosen("strategies", "strategy"),
        measure=chosen("measures", "measure"),
        atlas=chosen("atlases", "atlas"),
        files=lambda wildcards: atlas_files([wildcards.atlas]),
        domains=chosen("domains", "atlas"),
        cohort=chosen("cohorts", "cohort"),
        participants=lambda wildcards: str(COHORTS[wildcards.cohort].participants),
        tables=tables_of,
        model=chosen("models", "model"),
        statistics=[choice("statistics", name) for name in PLAN.statistics],
        functions=own_files("statistics", *PLAN.statistics),
        phenotypes=measured,
    output:
        domain_tests=report(
            "results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/domains.tsv",
            caption="../report/domains.rst",
            category="Tables",
            subcategory="{cohort}",
            labels={
                "model": "{model}",
                "universe": "{atlas} / {strategy} / {measure}",
                "table": "domain-level quantities",
            },
        ),
        network_tests=report(
            "results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/networks.tsv",
            caption="../report/networks.rst",
            category="Tables",
            subcategory="{cohort}",
            labels={"model": "{model}", "universe": "{atlas} / {strategy} / {measure}", "table": "network pairs"},
        ),
        edge_tests="results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/edges.tsv",
        components="results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/components.tsv",
        nulls="results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/nulls.tsv",
        values="results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/values.tsv",
        people=report(
            "results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/participants.tsv",
            caption="../report/participants.rst",
            category="Tables",
            subcategory="{cohort}",
            labels={"model": "{model}", "universe": "{atlas} / {strategy} / {measure}", "table": "participants"},
        ),
        summary="results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/summary.json",
        slopes="results/{cohort}/relate/{atlas}/{strategy}/{measure}/{model}/slopes.tsv",
    log:
        "logs/relate/{cohort}/{atlas}/{strategy}/{measure}/{model}.log",
    params:
        code=code("relate"),
    shell:
        "connect relate --connectomes {input.connectomes:q} --scans {input.scans:q} --kept {input.kept:q}"
        " --strategy {input.strategy:q} --measure {input.measure:q} --atlas {input.atlas:q} --domains {input.domains:q} --cohort {input.cohort:q}"
        " --participants {input.participants:q} --model {input.model:q} --domain-tests {output.domain_tests:q}"
        " --network-tests {output.network_tests:q} --edge-tests {output.edge_tests:q} --components {output.components:q} --nulls {output.nulls:q} --values {output.values:q}"
        " --people {output.people:q} --summary {output.summary:q} --slopes {output.slopes:q} --statistics {input.statistics:q}"
        " --phenotypes {input.phenotypes:q} --on-too-few record 2> {log:q}"
