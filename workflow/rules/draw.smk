# Purpose: draw a figure of a model in the primary universe, or of a cohort in the folder of its primary model.
# In:      figure recipe, atlas and domains, cohort, model, screened scans, connectomes, results of the model, motion left.
# Out:     the figure as SVG, PDF and PNG; and a picture of every scan.


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
        nulls=of_model("nulls"),
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
        " --edge-tests {input.edge_tests:q} --nulls {input.nulls:q} --values {input.values:q} --people {input.people:q}"
        " --summary {input.summary:q} --assessments {input.assessments:q} --qcfc {input.qcfc:q}"
        " --rates {input.rates:q} --svg {output.svg:q} --pdf {output.pdf:q} --png {output.png:q} 2> {log:q}"


# Pictures of scans are drawn together: each takes a fraction of the time in which Python starts.
rule carpets:
    input:
        figure=choice("figures", (OF_SCANS or ["carpet"])[0]),
        functions=own_files("figures", *OF_SCANS),
        atlas=primary(choice("atlases", "{atlas}")),
        files=atlas_files(PLAN.atlas_names[:1]),
        domains=primary(choice("domains", "{atlas}")),
        cohort=chosen("cohorts", "cohort"),
        strategy=choice("strategies", PLAN.strategies[0]),
        kept=primary(rules.screen.output.kept),
        series=primary(rules.denoise.output.series),
        volumes=primary(rules.denoise.output.volumes),
        gathered=lambda wildcards: gathered(wildcards.cohort, PLAN.atlas_names[0]),
    output:
        pictures=directory("results/{cohort}/draw/scans"),
    log:
        "logs/carpets/{cohort}.log",
    params:
        code=code("carpets"),
        raw=lambda wildcards, input: Path(input.gathered).parent,
    shell:
        "connect carpets --figure {input.figure:q} --atlas {input.atlas:q} --domains {input.domains:q}"
        " --cohort {input.cohort:q} --strategy {input.strategy:q} --kept {input.kept:q} --series {input.series:q}"
        " --volumes {input.volumes:q} --raw {params.raw:q} --pictures {output.pictures:q} 2> {log:q}"
