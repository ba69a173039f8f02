# connect: from fMRIPrep's scans to what an intervention changed. The stages are listed in workflow/Snakefile. It is used here
# as another repository would use it: docs/how-to/use-from-another-repository.md.


configfile: "config/config.yaml"


module connect:
    snakefile:
        "workflow/Snakefile"
    config:
        config


use rule * from connect
