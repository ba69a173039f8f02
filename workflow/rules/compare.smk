# Purpose: test what changed, from domains to network pairs to edges, with one model.
# In:      connectomes, screened scans, atlas and domains, cohort, participants, model, statistics of the user's own.
# Out:     a table of tests per level, components of edges, values per session, participants used or not and why, a summary.


rule compare:
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
            "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/domains.tsv",
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
            "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/networks.tsv",
            caption="../report/networks.rst",
            category="Tables",
            subcategory="{cohort}",
            labels={"model": "{model}", "universe": "{atlas} / {strategy} / {measure}", "table": "network pairs"},
        ),
        edge_tests="results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/edges.tsv",
        components="results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/components.tsv",
        nulls="results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/nulls.tsv",
        values="results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/values.tsv",
        people=report(
            "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/participants.tsv",
            caption="../report/participants.rst",
            category="Tables",
            subcategory="{cohort}",
            labels={"model": "{model}", "universe": "{atlas} / {strategy} / {measure}", "table": "participants"},
        ),
        summary="results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/summary.json",
    log:
        "logs/compare/{cohort}/{atlas}/{strategy}/{measure}/{model}.log",
    params:
        code=code("compare"),
    shell:
        "connect compare --connectomes {input.connectomes:q} --scans {input.scans:q} --kept {input.kept:q}"
        " --strategy {input.strategy:q} --measure {input.measure:q} --atlas {input.atlas:q} --domains {input.domains:q} --cohort {input.cohort:q}"
        " --participants {input.participants:q} --model {input.model:q} --domain-tests {output.domain_tests:q}"
        " --network-tests {output.network_tests:q} --edge-tests {output.edge_tests:q} --components {output.components:q} --nulls {output.nulls:q} --values {output.values:q}"
        " --people {output.people:q} --summary {output.summary:q} --statistics {input.statistics:q}"
        " --phenotypes {input.phenotypes:q} --on-too-few record 2> {log:q}"
