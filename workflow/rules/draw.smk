# Purpose: draw a figure of a model in the universe that it shows, or of a cohort in the folder of its primary model.
# In:      figure recipe, atlas, domains, cohort, model, scans, connectomes, results, motion left; for the stamp all that these depend on.
# Out:     the figure as SVG, PDF and PNG; one of a recipe or of panels in figures/; a picture of every scan.


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
        network_tests=drawn_result("network_tests"),
        edge_tests=drawn_result("edge_tests"),
        nulls=drawn_result("nulls"),
        values=drawn_result("values"),
        people=drawn_result("people"),
        summary=drawn_result("summary"),
        assessments=drawn_assessments,
        qcfc=of_figure(rules.assess.output.edge_table),
        rates=shown_rates,
        universes=shown_universes,
        choices=drawn_choices,
        participants=lambda wildcards: str(COHORTS[wildcards.cohort].participants),
        tables=tables_of,
        phenotypes=measured,
        gathered=drawn_scans,
    output:
        svg=report(
            "results/{cohort}/draw/{model}/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            subcategory="{cohort}",
            labels={"model": "{model}", "figure": "{figure}"},
        ),
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
        " --network-tests {input.network_tests:q} --edge-tests {input.edge_tests:q} --nulls {input.nulls:q} --values {input.values:q} --people {input.people:q}"
        " --summary {input.summary:q} --assessments {input.assessments:q} --qcfc {input.qcfc:q}"
        " --rates {input.rates:q} --universes {input.universes:q} --choices {input.choices:q} --phenotypes {input.phenotypes:q} --gathered {input.gathered:q}"
        " --code {params.code:q} --svg {output.svg:q} --pdf {output.pdf:q} --png {output.png:q} 2> {log:q}"


# What a paper shows: one figure of the cohort, model and universe that its recipe names, or panels put together.
rule compose:
    input:
        figure=chosen("figures", "figure"),
        drawn=panels_of,
    output:
        svg="figures/{figure}.svg",
        pdf="figures/{figure}.pdf",
        png="figures/{figure}.png",
    log:
        "logs/compose/{figure}.log",
    params:
        code=code("compose"),
        panels=lambda wildcards, input: [scan_picture(path) for path in input.drawn],
    shell:
        "connect compose --figure {input.figure:q} --panels {params.panels:q} --svg {output.svg:q} --pdf {output.pdf:q}"
        " --png {output.png:q} 2> {log:q}"


# Pictures of scans are drawn together: each takes a fraction of the time in which Python starts.
rule carpets:
    input:
        figure=choice("figures", SCAN_FIGURE),
        functions=own_files("figures", *OF_SCANS),
        atlas=of_scans(choice("atlases", "{atlas}")),
        files=lambda wildcards: atlas_files([scan_universe()["atlas"]]),
        domains=of_scans(choice("domains", "{atlas}")),
        cohort=chosen("cohorts", "cohort"),
        strategy=of_scans(choice("strategies", "{strategy}")),
        kept=of_scans(rules.screen.output.kept),
        series=of_scans(rules.denoise.output.series),
        volumes=of_scans(rules.denoise.output.volumes),
        gathered=lambda wildcards: gathered(wildcards.cohort, scan_universe()["atlas"]),
    output:
        pictures=directory("results/{cohort}/draw/scans"),
    log:
        "logs/carpets/{cohort}.log",
    params:
        code=[f"{stage}={code(stage)}" for stage in ("parcellate", "denoise", "screen", "carpets")],
    shell:
        "connect carpets --figure {input.figure:q} --atlas {input.atlas:q} --domains {input.domains:q}"
        " --cohort {input.cohort:q} --strategy {input.strategy:q} --kept {input.kept:q} --series {input.series:q}"
        " --volumes {input.volumes:q} --gathered {input.gathered:q} --code {params.code:q} --pictures {output.pictures:q} 2> {log:q}"
