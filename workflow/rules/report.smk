# Purpose: one page per cohort that answers the question.
# In:      choices, screened scans, motion left, results of every model (all universes, the primary one in full), figures.
# Out:     a self-contained HTML page, the answer in a few lines, the methods text and its references.


rule report:
    input:
        cohort=chosen("cohorts", "cohort"),
        atlas=choice("atlases", PLAN.atlas_names[0]),
        files=atlas_files(PLAN.atlas_names[:1]),
        domains=choice("domains", PLAN.atlas_names[0]),
        strategy=choice("strategies", PLAN.strategies[0]),
        measure=choice("measures", PLAN.measures[0]),
        functions=lambda wildcards: (
            own_files("measures", PLAN.measures[0]) + own_files("figures", *drawn(wildcards.cohort))
        ),
        models=lambda wildcards: [choice("models", model) for model in PLAN.models[wildcards.cohort]],
        scans=primary(rules.screen.output.kept),
        lost=primary(rules.screen.output.lost),
        domain_tests=of_models("domain_tests"),
        network_tests=of_models("network_tests"),
        edge_tests=of_models("edge_tests"),
        components=of_models("components"),
        people=of_models("people"),
        slopes=slopes,
        summaries=lambda wildcards: comparisons(wildcards.cohort),
        assessments=lambda wildcards: assessments(wildcards.cohort),
        recipes=lambda wildcards: [choice("figures", figure) for figure in drawn(wildcards.cohort)],
        figures=lambda wildcards: pictures(wildcards.cohort),
        carpets=lambda wildcards: scan_pictures(wildcards.cohort),
        trusts=lambda wildcards: calibrations(rules.challenge.output.summary, wildcards.cohort),
    output:
        page=report(
            "results/{cohort}/report/report.html",
            caption="../report/page.rst",
            category="Report",
            subcategory="{cohort}",
            labels={"what": "the page"},
        ),
        answer="results/{cohort}/report/answer.txt",
        text=report(
            "results/{cohort}/report/methods.md",
            caption="../report/methods.rst",
            category="Report",
            subcategory="{cohort}",
            labels={"what": "methods"},
        ),
        bibliography=report(
            "results/{cohort}/report/references.bib",
            caption="../report/methods.rst",
            category="Report",
            subcategory="{cohort}",
            labels={"what": "references"},
        ),
    log:
        "logs/report/{cohort}.log",
    params:
        code=code("report"),
        command=lambda wildcards, output: command(output.page),
        summaries=lambda wildcards: comparisons(wildcards.cohort, braced),
    shell:
        "connect report --cohort {input.cohort:q} --atlas {input.atlas:q} --domains {input.domains:q}"
        " --strategy {input.strategy:q} --measure {input.measure:q} --models {input.models:q}"
        " --scans {input.scans:q} --lost {input.lost:q}"
        " --domain-tests {input.domain_tests:q} --network-tests {input.network_tests:q}"
        " --edge-tests {input.edge_tests:q} --components {input.components:q} --people {input.people:q} --summaries {params.summaries:q}"
        " --assessments {input.assessments:q} --recipes {input.recipes:q} --figures {input.figures:q} --carpets {input.carpets:q}"
        " --trusts {input.trusts:q} --slopes {input.slopes:q} --page {output.page:q} --answer {output.answer:q}"
        " --text {output.text:q} --bibliography {output.bibliography:q} --command {params.command:q} 2> {log:q}"
