# The plan of the run, and the names that rules share. Rule files import only what starts fast.
import json
import os
import shlex
import sys
from pathlib import Path

from connect.choices import KINDS, read_choices
from connect.config import Place, read
from connect.digest import code
from connect.errors import UserError
from connect.files import OF_COHORT, pins_of
from connect.layout import DATA, braced, choice, files_table, scans_table
from connect.scans import MISSING
from connect.settings.figure import Figure
from connect.settings.model import Model
from connect.settings.phenotype import PARTICIPANTS, Phenotype
from connect.shown import cohort_of, models_shown, names_shown, question_of, universe_of

# Every choice is read before anything runs, so that a wrong name or key stops here and not after hours.
try:
    moved = workflow.modifier.path_modifier.replace_prefix("config")
    if moved != "config":
        todo = 'write `replace_prefix: {"results/": "<folder>/results/", "logs/": "<folder>/logs/"}`'
        raise UserError("module of the Snakefile, prefix", "one that leaves `config` where it is", moved, todo)
    read_plan = read_choices(config, Place("config/config.yaml", Path()))
except UserError as error:
    sys.stderr.write(f"connect: wrong input\n{error}\n")
    sys.exit(2)
PLAN, COHORTS, CHOICES, SCANS, FETCHED = (
    getattr(read_plan, name) for name in ("plan", "cohorts", "named", "scans", "files")
)
OF_SCANS = [name for name, figure in CHOICES["figures"].items() if figure.about == "scan"]
SCAN_FIGURE = (OF_SCANS or ["carpet"])[0]
SCAN = {cohort: {scan.name: scan for scan in scans} for cohort, scans in SCANS.items()}
PINS = {cohort: pins_of(files) for cohort, files in FETCHED.items()}
DATED = {name: cohort.date_files({scan.participant_id for scan in SCANS[name]}) for name, cohort in COHORTS.items()}
RAW = {name: cohort.preprocess for name, cohort in COHORTS.items() if cohort.preprocess}


wildcard_constraints:
    cohort="[A-Za-z0-9-]+",
    atlas="[A-Za-z0-9-]+",
    atlases="[A-Za-z0-9+-]+",
    strategy="[A-Za-z0-9-]+",
    measure="[A-Za-z0-9-]+",
    model="[A-Za-z0-9-]+",
    figure="[A-Za-z0-9-]+",
    phenotype="[A-Za-z0-9-]+",
    calibration="[A-Za-z0-9-]+",
    scan="sub-[A-Za-z0-9_-]+",


def chosen(kind, wildcard):
    """Return an input function: the choice file that a wildcard names."""
    return lambda wildcards: choice(kind, wildcards[wildcard])


def of_scan(column):
    """Return an input function: a file of the scan that the wildcards name."""
    return lambda wildcards: str(
        COHORTS[wildcards.cohort].derivatives / getattr(SCAN[wildcards.cohort][wildcards.scan], column)
    )


def pinned(cohort, scan):
    """Return what the files of a scan must be: where they come from and their checksums."""
    return PINS[cohort].get(scan, "")


def any_of(names):
    """Return a pattern that fits these names and nothing else."""
    return "|".join(names) or "(?!)"


def fmriprep_words(key):
    """Return an input function: a setting of how the cohort is preprocessed, as words of a shell command."""
    return lambda wildcards: shlex.join(shlex.split(getattr(RAW[wildcards.cohort], key)))


def preprocessed(wildcards):
    """Return the folder with the derivatives of a scan's participant, or nothing if the cohort is not preprocessed."""
    if wildcards.cohort not in RAW:
        return []
    participant = SCAN[wildcards.cohort][wildcards.scan].participant_id
    return expand(rules.preprocess.output.derivatives, cohort=wildcards.cohort, participant=participant)


def gathered(cohort, atlas):
    """Return the list of what a pass over the images made of every scan of a cohort, for an atlas of that pass."""
    return expand(rules.gather.output.gathered, cohort=cohort, atlases=PLAN.pass_of(atlas))[0]


def atlas_files(names):
    """Return the tables and images that atlases point to."""
    paths = []
    for name in names:
        settings = CHOICES["atlases"][name]
        paths += [str(file) for file in (settings.parcels, settings.image) if file]
    return paths


def tables_of(wildcards):
    """Return the tables of further columns of participants and of dates of sessions; those that are fetched come with participants.tsv."""
    fetched = Path(DATA, wildcards.cohort)
    tables = [*COHORTS[wildcards.cohort].tables, *DATED[wildcards.cohort]]
    return [str(table) for table in tables if wildcards.cohort not in FETCHED or not table.is_relative_to(fetched)]


def phenotype_of(name):
    """Return the settings of a phenotype."""
    return CHOICES["phenotypes"].get(name) or read(Phenotype, choice("phenotypes", name))


def phenotype_tables(wildcards):
    """Return the files of a phenotype: one, or those of the scanned participants that exist; with their sidecars."""
    cohort, settings = COHORTS[wildcards.cohort], phenotype_of(wildcards.phenotype)
    folder = cohort.participants.parent
    if "{" in settings.file:
        people = dict.fromkeys(scan.participant_id for scan in SCANS[wildcards.cohort])
        places = [path for person in people for label in cohort.sessions for path in settings.paths(person, label)]
        files = [folder / place for place in dict.fromkeys(places) if (folder / place).is_file()]
    else:
        files = [cohort.participants if settings.file == PARTICIPANTS else folder / settings.file]
    sidecars = [file.with_name(file.name.removesuffix(".gz")).with_suffix(".json") for file in files]
    found = [str(file) for file in (*files, *(sidecar for sidecar in sidecars if sidecar.is_file()))]
    fetched = Path(DATA, wildcards.cohort)
    return [path for path in found if wildcards.cohort not in FETCHED or not Path(path).is_relative_to(fetched)]


def phenotype_key(wildcards):
    """Return the scoring key of a questionnaire of which a phenotype is a scale, or nothing."""
    score = phenotype_of(wildcards.phenotype).score
    return choice("scores", score.key) if score else []


def own_files(kind, *names):
    """Return the Python files of the user's own that choices name."""
    functions = [(CHOICES[kind].get(name) or read(KINDS[kind], choice(kind, name))).own for name in names]
    return [str(function.file) for function in functions if function]


def primary(pattern, **others):
    """Return the path of a result of the primary universe: the first atlas, strategy and measure of the plan."""
    names = {"atlas": PLAN.atlas_names[0], "strategy": PLAN.strategies[0], "measure": PLAN.measures[0]}
    return expand(pattern, **{**names, **others}, allow_missing=True)[0]


def model_of(name):
    """Return a model, which need not be in the plan."""
    return CHOICES["models"].get(name) or read(Model, choice("models", name))


def measured(wildcards):
    """Return the values of the phenotypes that the model of the wildcards names."""
    names = model_of(wildcards.model).phenotypes
    return expand(rules.phenotypes.output.values, cohort=wildcards.cohort, phenotype=names)


def tested(model):
    """Return what the stage gives that tests a model: relate if the question is about a phenotype, else compare."""
    return rules.relate.output if model_of(model).relation else rules.compare.output


def of_models(name):
    """Return an input function: a result of every model of the cohort in the primary universe, in the plan's order."""
    return lambda wildcards: [
        primary(tested(model)[name], cohort=wildcards.cohort, model=model) for model in PLAN.models[wildcards.cohort]
    ]


def slopes(wildcards):
    """Return the slopes in each arm of every model of the cohort that is about a phenotype, in the primary universe."""
    related = [model for model in PLAN.models[wildcards.cohort] if model_of(model).relation]
    return expand(primary(rules.relate.output.slopes), cohort=wildcards.cohort, model=related)


def comparisons(cohort, together=list):
    """Return the summaries of every model of a cohort in every universe, one by one or as patterns with braces."""
    stages = {}
    for model in PLAN.models[cohort]:
        stages.setdefault(tested(model)["summary"], []).append(model)
    return [
        path
        for summary, models in stages.items()
        for path in expand(
            summary,
            cohort=cohort,
            atlas=together(PLAN.atlas_names),
            strategy=together(PLAN.strategies),
            measure=together(PLAN.measures),
            model=together(models),
        )
    ]


def assessments(cohort, strategies=PLAN.strategies):
    """Return the assessments of strategies in the primary atlas and measure."""
    return [primary(rules.assess.output.summary, cohort=cohort, strategy=strategy) for strategy in strategies]


def calibrations(pattern, cohort):
    """Return a result of the challenge stage for every model of a cohort, or nothing if the plan has no calibration."""
    names = [PLAN.calibration] if PLAN.calibration else []
    return expand(pattern, cohort=cohort, calibration=names, model=PLAN.models[cohort])


def recipe_of(name):
    """Return the recipe of a figure, which need not be in the plan."""
    return CHOICES["figures"].get(name) or read(Figure, choice("figures", name))


def is_relation(model):
    """Return whether a model is about the slope of a phenotype."""
    return bool(model_of(model).relation)


def shown_models(figure, cohort):
    """Return the models of a cohort that a figure is drawn for."""
    return models_shown(recipe_of(figure), PLAN.models[cohort], is_relation)


def shown_names(figure):
    """Return the atlases, strategies and measures that a figure shows, those of its own universe first."""
    return names_shown(recipe_of(figure), PLAN)


def shown_universes(wildcards):
    """Return the summaries of a model in every universe that a forest plot shows, its own first."""
    if recipe_of(wildcards.figure).kind != "forest":
        return []
    return expand(tested(wildcards.model)["summary"], **{**wildcards, **shown_names(wildcards.figure)})


def shown_rates(wildcards):
    """Return the rates that the figure of a calibration shows."""
    if not PLAN.calibration or recipe_of(wildcards.figure).kind != "calibration":
        return []
    return expand(rules.challenge.output.table, calibration=PLAN.calibration, **wildcards)


def of_figure(pattern):
    """Return an input function: a file of the universe that a figure shows."""
    return lambda wildcards: expand(pattern, **universe_of(recipe_of(wildcards.figure), PLAN), **wildcards)[0]


def drawn_result(name):
    """Return an input function: a result of the model that a figure shows, in its universe."""
    return lambda wildcards: of_figure(tested(wildcards.model)[name])(wildcards)


def drawn_assessments(wildcards):
    """Return the assessment of the strategy that a figure shows, first, and of all in one about the cohort."""
    strategies = shown_names(wildcards.figure)["strategy"]
    return [
        of_figure(rules.assess.output.summary.replace("{strategy}", strategy))(wildcards)
        for strategy in (strategies if recipe_of(wildcards.figure).about == "cohort" else strategies[:1])
    ]


def drawn_choices(wildcards):
    """Return every choice on which a figure depends, for its stamp."""
    model, shown = model_of(wildcards.model), shown_names(wildcards.figure)
    scores = [phenotype_of(name).score for name in model.phenotypes]
    names = {
        "figures": [wildcards.figure],
        "cohorts": [wildcards.cohort],
        "atlases": shown["atlas"],
        "domains": shown["atlas"],
        "strategies": shown["strategy"],
        "measures": shown["measure"],
        "statistics": PLAN.statistics,
        "models": [wildcards.model],
        "phenotypes": model.phenotypes,
        "scores": list(dict.fromkeys(score.key for score in scores if score)),
        "calibrations": [PLAN.calibration] if shown_rates(wildcards) else [],
    }
    return [choice(kind, name) for kind in names for name in names[kind]]


def drawn_scans(wildcards):
    """Return the lists of scans of the atlases that a figure shows, for its stamp."""
    names = shown_names(wildcards.figure)["atlas"]
    return list(dict.fromkeys(gathered(wildcards.cohort, name) for name in names))


def drawn_code(wildcards):
    """Return the digests of the code of the stages on which a figure depends, for its stamp."""
    relation = is_relation(wildcards.model)
    stages = ["parcellate", "denoise", "screen", "estimate", "assess", "relate" if relation else "compare", "draw"]
    stages += ["phenotypes"] if model_of(wildcards.model).phenotypes else []
    stages += ["challenge"] if shown_rates(wildcards) else []
    return [f"{stage}={code(stage)}" for stage in stages]


def panels_of(wildcards):
    """Return what one figure in `figures/` is made of, as SVG: the drawing of its recipe, its panels, or a folder of scans."""
    recipe = recipe_of(wildcards.figure)
    if wildcards.figure == SCAN_FIGURE:
        return expand(rules.carpets.output.pictures, cohort=cohort_of(recipe, PLAN))
    return [drawn_once(name) for row in recipe.panels or [[wildcards.figure]] for name in row]


def scan_picture(drawn):
    """Return a drawing, or of a folder of pictures of scans that of the scan which their recipe names."""
    if drawn.endswith(".svg"):
        return drawn
    recipe = recipe_of(SCAN_FIGURE)
    cohort = cohort_of(recipe, PLAN)
    name = recipe.scan or next(iter(SCAN[cohort]))
    if name not in SCAN[cohort]:
        todo = "name a row of the scans table, as in the folder of the pictures"
        raise UserError(choice("figures", SCAN_FIGURE), f"a scan of {cohort} under `scan`", name, todo)
    return f"{drawn}/{name}.svg"


def drawn_once(figure):
    """Return the one drawing of a figure that is meant in `figures/`."""
    recipe = recipe_of(figure)
    cohort, model = question_of(recipe, PLAN, choice("figures", figure), is_relation)
    return expand(rules.draw.output.svg, cohort=cohort, model=model, figure=figure)[0]


def drawn(cohort):
    """Return the figures of the plan that are about a cohort or its models, and not about each scan."""
    return [figure for figure in PLAN.figures if figure not in OF_SCANS and recipe_of(figure).cohort in ("", cohort)]


def pictures(cohort):
    """Return the figures of a cohort."""
    return [
        path
        for figure in drawn(cohort)
        for path in expand(rules.draw.output.svg, cohort=cohort, model=shown_models(figure, cohort), figure=figure)
    ]


def scan_universe():
    """Return the atlas, strategy and measure of the pictures of scans."""
    return universe_of(recipe_of(SCAN_FIGURE), PLAN)


def of_scans(pattern):
    """Return an input function: a file of the universe that the pictures of scans show."""
    return lambda wildcards: expand(pattern, **scan_universe(), **wildcards)[0]


def scan_pictures(cohort):
    """Return the folder with a picture of every scan, if the plan names a figure about scans."""
    return expand(rules.carpets.output.pictures, cohort=cohort) if OF_SCANS else []


def command(target):
    """Return what makes a file again, with the configuration that was given on the command line."""
    given = workflow.config_settings
    words = ["snakemake", target]
    if given.configfiles:
        words += ["--configfile", *(os.path.relpath(path) for path in given.configfiles)]
    if given.config:
        words += ["--config", *(f"{key}={json.dumps(value)}" for key, value in given.config.items())]
    return shlex.join(words)


def reports():
    """Return the report of every cohort."""
    return expand(rules.report.output.page, cohort=PLAN.cohorts)
