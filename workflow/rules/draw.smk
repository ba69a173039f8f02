# Purpose: draw a figure of a model in the universe that it shows, or of a cohort in the folder of its primary model.
# In:      figure recipe, atlas, domains, cohort, model, scans, connectomes, results, motion left; for the stamp all that these depend on.
# Out:     the figure as SVG, PDF and PNG.


rule draw:
    input:
        figure=chosen("figures", "figure"),
        functions=lambda wildcards: own_files("figures", wildcards.figure),
        atlas=of_figure(choice("atlases", "{atlas}")),
        files=lambda wildcards: atlas_files([universe_of(recipe_of(wildcards.figure), PLAN)["atlas"]]),
        domains=of_figure(choice("domains", "{atlas}")),
        cohort=chosen("cohorts", "cohort"),
        measure=of_figure(choice("measures", "{measure}")),
        model=chosen("models", "model"),
        kept=of_figure(rules.screen.output.kept),
        connectomes=of_figure(rules.estimate.output.connectomes),
        scans=of_figure(rules.estimate.output.scans),
        domain_tests=drawn_result("domain_tests"),
        edge_tests=drawn_result("edge_tests"),
        values=drawn_result("values"),
        people=drawn_result("people"),
        summary=drawn_result("summary"),
        assessments=drawn_assessments,
        qcfc=of_figure(rules.assess.output.edge_table),
        rates=shown_rates,
        choices=drawn_choices,
        tables=drawn_tables,
        gathered=lambda wildcards: gathered(wildcards.cohort, universe_of(recipe_of(wildcards.figure), PLAN)["atlas"]),
    output:
        svg="results/{cohort}/draw/{model}/{figure}.svg",
        pdf="results/{cohort}/draw/{model}/{figure}.pdf",
        png="results/{cohort}/draw/{model}/{figure}.png",
    log:
        "logs/draw/{cohort}/{model}/{figure}.log",
    params:
        code=drawn_code,
    shell:
        "connect draw --figure {input.figure:q} --atlas {input.atlas:q} --domains {input.domains:q}"
        " --cohort {input.cohort:q} --measure {input.measure:q} --model {input.model:q} --kept {input.kept:q}"
        " --connectomes {input.connectomes:q} --scans {input.scans:q} --domain-tests {input.domain_tests:q}"
        " --edge-tests {input.edge_tests:q} --values {input.values:q} --people {input.people:q}"
        " --summary {input.summary:q} --assessments {input.assessments:q} --qcfc {input.qcfc:q}"
        " --rates {input.rates:q} --choices {input.choices:q} --tables {input.tables:q} --gathered {input.gathered:q}"
        " --code {params.code:q} --svg {output.svg:q} --pdf {output.pdf:q} --png {output.png:q} 2> {log:q}"


# What a paper shows: one figure of the cohort, model and universe that its recipe names, or panels put together.
rule compose:
    input:
        figure=chosen("figures", "figure"),
        panels=panels_of,
    output:
        svg="figures/{figure}.svg",
        pdf="figures/{figure}.pdf",
        png="figures/{figure}.png",
    log:
        "logs/compose/{figure}.log",
    params:
        code=code("compose"),
    shell:
        "connect compose --figure {input.figure:q} --panels {input.panels:q} --svg {output.svg:q} --pdf {output.pdf:q}"
        " --png {output.png:q} 2> {log:q}"
