# Purpose: draw a figure of a model in the primary universe, or of a cohort in the folder of its primary model.
# In:      figure recipe, atlas and domains, cohort, model, screened scans, connectomes, results of the model, motion left.
# Out:     the figure as SVG, PDF and PNG.


rule draw:
    input:
        figure=chosen("figures", "figure"),
        functions=lambda wildcards: own_files("figures", wildcards.figure),
        atlas=primary(choice("atlases", "{atlas}")),
        files=atlas_files(PLAN.atlas_names[:1]),
        domains=primary(choice("domains", "{atlas}")),
        cohort=chosen("cohorts", "cohort"),
        measure=primary(choice("measures", "{measure}")),
        model=chosen("models", "model"),
        kept=primary(rules.screen.output.kept),
        connectomes=primary(rules.estimate.output.connectomes),
        scans=primary(rules.estimate.output.scans),
        domain_tests=of_model("domain_tests"),
        edge_tests=of_model("edge_tests"),
        values=of_model("values"),
        people=of_model("people"),
        summary=of_model("summary"),
        assessments=lambda wildcards: assessments(wildcards.cohort, shown_strategies(wildcards.figure)),
        qcfc=primary(rules.assess.output.edge_table),
        rates=lambda wildcards: shown_rates(wildcards.figure, wildcards.cohort, wildcards.model),
    output:
        svg="results/{cohort}/draw/{model}/{figure}.svg",
        pdf="results/{cohort}/draw/{model}/{figure}.pdf",
        png="results/{cohort}/draw/{model}/{figure}.png",
    log:
        "logs/draw/{cohort}/{model}/{figure}.log",
    params:
        code=code("draw"),
    shell:
        "connect draw --figure {input.figure:q} --atlas {input.atlas:q} --domains {input.domains:q}"
        " --cohort {input.cohort:q} --measure {input.measure:q} --model {input.model:q} --kept {input.kept:q}"
        " --connectomes {input.connectomes:q} --scans {input.scans:q} --domain-tests {input.domain_tests:q}"
        " --edge-tests {input.edge_tests:q} --values {input.values:q} --people {input.people:q}"
        " --summary {input.summary:q} --assessments {input.assessments:q} --qcfc {input.qcfc:q}"
        " --rates {input.rates:q} --svg {output.svg:q} --pdf {output.pdf:q} --png {output.png:q} 2> {log:q}"


# What `make docs` asks for: every figure of the plan.
rule drawn:
    input:
        [picture for cohort in PLAN.cohorts for picture in pictures(cohort)],
