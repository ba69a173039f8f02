"""What a user's mistake gets, whichever command meets it: exit code 2 and four parts, and nothing is written.

`tests/stages/test_compare.py` holds the same for participants without a row and groups with one member.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from connect.cli import main
from connect.errors import UserError
from connect.settings.model import Model


class Bench:
    """One scan of the sample, and the tables of a cohort, to be spoilt."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.tree = folder / "fmriprep"
        shutil.copytree(root / "data_sample" / "sub-01", self.tree / "sub-01")
        shutil.copytree(root / "config", folder / "config")
        self.func = self.tree / "sub-01" / "ses-pre" / "func"
        self.bold = next(self.func.glob("*_bold.nii.gz"))
        self.mask = next(self.func.glob("*_mask.nii.gz"))
        self.confounds = next(self.func.glob("*_timeseries.tsv"))
        self.atlas = folder / "config" / "atlases" / "seitzman2018.yaml"
        self.scans = folder / "config" / "cohorts" / "sample.scans.tsv"

    def parcellate(self) -> list[str]:
        files = {"bold": self.bold, "mask": self.mask, "confounds": self.confounds, "atlases": self.atlas}
        words = [word for flag, path in files.items() for word in (f"--{flag}", str(path))]
        return ["parcellate", *words, "--series", str(self.out / "sub-01_ses-pre")]

    def denoise(self) -> list[str]:
        strategy = self.folder / "config" / "strategies" / "36p.yaml"
        words = ["--scans", str(self.scans), "--raw", str(self.folder), "--derivatives", str(self.tree)]
        words += ["--atlas", str(self.atlas), "--strategy", str(strategy)]
        return [
            "denoise",
            *words,
            *(f"--{name}={self.out / name}" for name in ("series", "volumes", "rows", "coverage")),
        ]

    def screen(self) -> list[str]:
        (self.folder / "rows.tsv").write_text(
            "participant_id\tsession_id\trun\tscan\tstart\tstop\tn_volumes\tn_kept\tminutes\ttdof\tn_confounds\tmean_fd"
            "\tmax_fd\tunusable\nsub-01\tses-pre\tn/a\tsub-01_ses-pre\t0\t9\t9\t9\t6.0\t30\t36\t0.9\t2.0\tn/a\n"
        )
        (self.folder / "coverage.tsv").write_text("p1\tp2\n1.0\t1.0\n")
        words = ["--rows", str(self.folder / "rows.tsv"), "--coverage", str(self.folder / "coverage.tsv")]
        words += ["--cohort", str(self.folder / "config" / "cohorts" / "sample.yaml")]
        return ["screen", *words, f"--kept={self.out / 'kept'}", f"--lost={self.out / 'lost'}"]

    def compare(self, text: str) -> list[str]:
        """Ask for a model; it is read before any other file."""
        model = self.folder / "config" / "models" / "asked.yaml"
        model.write_text(f"question: Does it change?\n{text}")
        outputs = ("domain-tests", "network-tests", "edge-tests", "components", "nulls", "values", "people", "summary")
        inputs = ("connectomes", "scans", "kept", "strategy", "measure", "atlas", "domains", "cohort", "participants")
        files = [f"--{name}={self.out / name}" for name in (*inputs, *outputs)]
        return ["compare", *files, f"--model={model}"]

    def index(self) -> list[str]:
        return ["index", str(self.tree), "--cohort", "mine", "--choices", str(self.out)]


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def unknown_key(bench: Bench) -> list[str]:
    edit(bench.folder / "config" / "strategies" / "36p.yaml", "motion:", "motoin:")
    return bench.denoise()


def atlas_in_another_space(bench: Bench) -> list[str]:
    edit(bench.atlas, "[MNI152NLin2009cAsym, MNI152NLin6Asym]", "[MNI152NLin6Asym]")
    return bench.parcellate()


def confounds_shorter_than_the_scan(bench: Bench) -> list[str]:
    bench.confounds.write_text("".join(bench.confounds.read_text().splitlines(keepends=True)[:-1]))
    return bench.parcellate()


def missing_column(bench: Bench) -> list[str]:
    edit(bench.scans, "\tmask\t", "\tmaks\t")
    return bench.denoise()


def duplicate_scan(bench: Bench) -> list[str]:
    bench.scans.write_text(bench.scans.read_text() + bench.scans.read_text().splitlines()[1] + "\n")
    return bench.denoise()


def empty_mask(bench: Bench) -> list[str]:
    image = nib.load(bench.mask)
    nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine).to_filename(bench.mask)
    return bench.parcellate()


def truncated_gzip(bench: Bench) -> list[str]:
    bench.bold.write_bytes(bench.bold.read_bytes()[:10_000])
    return bench.parcellate()


def minimal_derivatives(bench: Bench) -> list[str]:
    for path in bench.tree.rglob("*_desc-*"):
        path.unlink()
    (bench.func / "sub-01_ses-pre_task-rest_desc-hmc_boldref.nii.gz").write_bytes(b"")
    return bench.index()


def all_scans_excluded(bench: Bench) -> list[str]:
    return bench.screen()


def folder_as_image(bench: Bench) -> list[str]:
    bench.bold = bench.func
    return bench.parcellate()


def empty_confounds(bench: Bench) -> list[str]:
    bench.confounds.write_text("")
    return bench.parcellate()


def wrong_flag(bench: Bench) -> list[str]:
    return [*bench.screen(), "--limit", "0.5"]


def site_of_sessions(bench: Bench) -> list[str]:
    return bench.compare("formula: ~ weeks\ncontrast: weeks\noutcome: sessions\nwithin_block: site\n")


def permuted_sessions(bench: Bench) -> list[str]:
    return bench.compare("formula: ~ weeks\ncontrast: weeks\noutcome: sessions\ntest: residuals\n")


def labels_of_a_mean(bench: Bench) -> list[str]:
    return bench.compare("formula: ~ 1\ncontrast: mean\ntest: labels\n")


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (unknown_key, "did you mean `motion`?"),
        (atlas_in_another_space, "MNI152NLin6Asym"),
        (confounds_shorter_than_the_scan, "143"),
        (missing_column, "did you mean `maks`?"),
        (duplicate_scan, "each scan once"),
        (empty_mask, "_mask.nii.gz"),
        (truncated_gzip, "_bold.nii.gz"),
        (minimal_derivatives, "--level full"),
        (all_scans_excluded, "mean_fd"),
        (folder_as_image, "a folder"),
        (empty_confounds, "the file is empty"),
        (wrong_flag, "--limit"),
        (site_of_sessions, "put `site` into the formula"),
        (permuted_sessions, "`auto` for a model of all sessions"),
        (labels_of_a_mean, "take `test` out"),
    ],
)
def test_a_mistake_gets_four_parts_and_exit_code_2(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Bench], list[str]], part: str
) -> None:
    bench = Bench(root, tmp_path)
    assert main(spoil(bench)) == 2
    told = capsys.readouterr().err
    for label in ("where:", "must be:", "got:", "to do:", part):
        assert label in told
    assert not bench.out.exists() or not any(path.is_file() for path in bench.out.rglob("*"))


SESSIONS = {"formula": "~ weeks", "contrast": "weeks", "outcome": "sessions"}
CHANGES = {"formula": "~ 1", "contrast": "mean"}


@pytest.mark.parametrize(
    ("options", "where", "must", "got"),
    [
        ({**SESSIONS, "within_block": "site"}, "key within_block", "no block to stay in", "site"),
        *(
            (options | {"test": test}, "key test", f"`auto` for {what}", test)
            for options, what in ((SESSIONS, "a model of all sessions"), (CHANGES, "the contrast `mean`"))
            for test in ("residuals", "labels", "unequal")
        ),
    ],
)
def test_settings_of_permutations_are_refused_where_signs_are_flipped(
    options: dict[str, str], where: str, must: str, got: str
) -> None:
    with pytest.raises(UserError) as caught:
        Model(question="?", **options)
    assert (caught.value.where, caught.value.got) == (where, got)
    assert caught.value.must.startswith(must)
    assert caught.value.todo


@pytest.mark.parametrize(
    "options",
    [
        {**SESSIONS, "whole_block": "family"},
        {**SESSIONS, "test": "auto"},
        {"formula": "~ arm", "contrast": "arm[x] - arm[y]", "within_block": "site", "test": "labels"},
        {**CHANGES, "whole_block": "family"},
    ],
)
def test_settings_that_do_something_are_not(options: dict[str, str]) -> None:
    assert Model(question="?", **options).permutations == 5000
