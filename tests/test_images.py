"""Images that are broken or stored in unusual ways: what is told, what is left behind, and how much memory it takes."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from connect.cli import main
from connect.errors import UnusableScan, UserError
from connect.parcellate import QUALITY
from connect.parcellate.images import blamed
from tests.scanfiles import BOLD, N_VOLUMES, SCAN, SHAPE, Files, affine, cut, row, save, small_scan

QC = f"{SCAN}_desc-qc_bold.json"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a scan of 40 volumes and an atlas of three labels in slabs, all of them in the mask."""
    return small_scan(tmp_path)


def flip(path: Path, part: slice) -> None:
    """Change bytes of a file."""
    content = bytearray(path.read_bytes())
    content[part] = bytes(byte ^ 0xFF for byte in content[part])
    path.write_bytes(content)


def stored(files: Files, n_volumes: float) -> None:
    """Write a larger run as a gzip stream without compression that ends after some volumes, so that the place is known.

    The reader may stop up to 8 kB early; half a volume is more than that.
    """
    shape = (20, 16, 16)
    save(files.bold, np.ones((*shape, N_VOLUMES)), BOLD)
    save(files.mask, np.ones(shape), BOLD, "uint8")
    content = gzip.compress(gzip.decompress(files.bold.read_bytes()), compresslevel=0)
    files.bold.write_bytes(content[: int(352 + n_volumes * np.prod(shape) * 4)])


def bold(values: np.ndarray, grid: np.ndarray = BOLD) -> Callable[[Files], object]:
    return lambda files: save(files.bold, values, grid)


def mask(values: np.ndarray, grid: np.ndarray = BOLD) -> Callable[[Files], object]:
    return lambda files: save(files.mask, values, grid, "float32")


def affine_row(path: Path, row: int, values: Sequence[float]) -> None:
    """Change a row of the affine in the header of a gzip file (`srow_x` and so on, of 16 bytes each from byte 280)."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280 + 16 * row : 296 + 16 * row] = np.array(values, dtype="<f4").tobytes()
    path.write_bytes(gzip.compress(content, 1))


AFFINES = {
    "a row of zeros": (1, (0, 0, 0, 0)),
    "a row of zeros but its origin": (2, (0, 0, 0, -6)),
    "a row twice": (1, (2, 0, 0, -8)),
    "NaN": (0, (np.nan, 0, 0, -8)),
    "an infinite origin": (0, (2, 0, 0, np.inf)),
}


def longer(n_bytes: int) -> Callable[[Files], object]:
    """Return what puts bytes behind the last volume, of which each has 480."""

    def change(files: Files) -> None:
        files.bold.write_bytes(gzip.compress(gzip.decompress(files.bold.read_bytes()) + bytes(n_bytes), 1))

    return change


def fd(volume: int, value: object) -> Callable[[Files], object]:
    return lambda files: files.write_confounds(["n/a"] + [0.1 if n != volume else value for n in range(1, N_VOLUMES)])


def confounds(text: str) -> Callable[[Files], object]:
    return lambda files: files.confounds.write_text(text, encoding="utf-8")


def stray_quote(files: Files) -> None:
    lines = files.confounds.read_text(encoding="utf-8").splitlines()
    lines[3] = '1.0\t"0.1'
    files.confounds.write_text("\n".join(lines), encoding="utf-8")


def quoted_number(files: Files) -> None:
    """The rest of the table gets into one cell, and as many rows as there are volumes stand before it."""
    line = "1.0\t0.1\n"
    text = f'csf\tframewise_displacement\n{line * (N_VOLUMES - 1)}1.0\t"{line * 500}'
    files.confounds.write_text(text, encoding="utf-8")


def rgb(files: Files) -> None:
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(np.zeros((*SHAPE, N_VOLUMES), dtype), BOLD), files.bold)


UNUSABLE = {
    "cut short": (lambda files: stored(files, 25.5), "preproc_bold", "in volume 26 of 40, by byte "),
    "cut near the start": (lambda files: stored(files, 1.5), "preproc_bold", "in volume 2 of 40, by byte "),
    "cut in the header": (lambda files: cut(files.bold, 0.001), "preproc_bold", "in the header of a file of "),
    "empty": (lambda files: files.bold.write_bytes(b""), "preproc_bold", "a file of 0 bytes"),
    "cut before the check sum": (lambda files: cut(files.bold, 0.9999), "preproc_bold", ""),
    "a wrong check sum": (lambda files: flip(files.bold, slice(-8, -4)), "preproc_bold", "of 40, by byte "),
    "corrupt in the middle": (lambda files: flip(files.bold, slice(8000, 8040)), "preproc_bold", ""),
    "no image": (lambda files: files.bold.write_bytes(gzip.compress(b"x" * 5000)), "preproc_bold", ""),
    "3-D": (bold(np.ones(SHAPE)), "preproc_bold", "shape (5, 4, 6)"),
    "2-D": (bold(np.ones((5, 4))), "preproc_bold", "shape (5, 4)"),
    "no volume": (bold(np.ones((*SHAPE, 0))), "preproc_bold", ""),
    "colours": (rgb, "preproc_bold", "'R'"),
    "all NaN": (bold(np.full((*SHAPE, N_VOLUMES), np.nan)), "preproc_bold", "none of 120"),
    "all zero": (bold(np.zeros((*SHAPE, N_VOLUMES))), "preproc_bold", "none of 120"),
    "an empty mask": (mask(np.zeros(SHAPE)), "brain_mask", "an empty mask"),
    "a mask of NaN": (mask(np.full(SHAPE, np.nan)), "brain_mask", "an empty mask"),
    "a mask of another shape": (mask(np.ones((5, 4, 7))), "brain_mask", "5 x 4 x 7 voxels"),
    "a mask in another place": (mask(np.ones(SHAPE), affine(2.0, (-7, -12, -6))), "brain_mask", "from (-7, -12, -6)"),
    "a mask of other voxels": (mask(np.ones(SHAPE), affine(2.01)), "brain_mask", "2.01 x 2.01 x 2.01 mm"),
    "a mask in 4-D": (mask(np.ones((*SHAPE, 2))), "brain_mask", "a 3-D NIfTI image"),
    "a mask cut short": (lambda files: cut(files.mask, 0.8), "brain_mask", ""),
    "short confounds": (lambda files: files.write_confounds([0.1] * 39), "confounds", "39 rows"),
    "long confounds": (lambda files: files.write_confounds([0.1] * 41), "confounds", "41 rows"),
    "confounds that are no numbers": (lambda files: files.write_confounds(["low"] * 40), "confounds", "'low'"),
    "confounds of 0 bytes": (confounds(""), "confounds", "the file is empty"),
    "confounds without rows": (confounds("csf\tframewise_displacement\n"), "confounds", "0 rows"),
    "confounds without rows and displacement": (confounds("csf\n"), "confounds", "0 rows"),
    "confounds that are no text": (lambda files: files.confounds.write_bytes(b"\xff\xfe\x00"), "confounds", "decode"),
    "a cell that never ends": (confounds(f"framewise_displacement\n{'1' * 140_000}\n"), "confounds", "131072"),
    "a stray quote": (stray_quote, "confounds", "3 rows"),
    "a stray quote in the last row": (quoted_number, "confounds", "0.1\\n1.0"),
    "infinite displacement": (fd(7, "inf"), "line 9, column framewise_displacement", "inf"),
    "displacement below any": (fd(7, "-inf"), "line 9, column framewise_displacement", "-inf"),
    "negative displacement": (fd(39, -0.2), "line 41, column framewise_displacement", "-0.2"),
    "a volume too many": (longer(480), "preproc_bold", "1 more, of which the header does not know"),
    "volumes too many": (longer(1000), "preproc_bold", "after the last volume, by byte "),
} | {
    f"{case} in the affine of the {image}": (
        lambda files, image=image, row=row: affine_row(getattr(files, image), *row),
        {"bold": "preproc_bold", "mask": "brain_mask"}[image],
        "rows [[",
    )
    for image in ("bold", "mask")
    for case, row in AFFINES.items()
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_scan_stops(files: Files, case: str) -> None:
    change, where, text = UNUSABLE[case]
    change(files)
    with pytest.raises(UnusableScan) as told:
        files.run()
    assert where in told.value.where
    assert text in str(told.value)
    assert all(told.value.parts().values())
    assert "leave the scan out" in told.value.todo or "report of fMRIPrep" in told.value.todo
    assert files.left_behind() == []


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_scan_is_recorded(files: Files, case: str) -> None:
    change, where, text = UNUSABLE[case]
    change(files)
    assert main(files.command("--on-unusable", "record")) == 0
    assert [path.name for path in files.series.iterdir()] == [QC]
    record = files.quality()
    assert list(record) == [*QUALITY, "unusable"]
    assert {record[key] for key in QUALITY} == {None}
    assert list(record["unusable"]) == ["where", "must", "got", "todo"]
    assert where in record["unusable"]["where"]
    assert text in " ".join(record["unusable"].values())


@pytest.mark.parametrize("case", AFFINES)
@pytest.mark.parametrize("kind", ["labels", "maps"])
def test_an_atlas_whose_voxels_have_no_place_is_a_mistake(files: Files, case: str, kind: str) -> None:
    """In the workflow too, where bad scans are recorded: it would be the same for every scan."""
    path = files.folder / "labels.nii.gz"
    if kind == "maps":
        save(path, np.ones((*SHAPE, 1)), BOLD)
        files.write_atlas("maps", [row(1, "m1")], path.name)
    affine_row(path, *AFFINES[case])
    with pytest.raises(UserError, match="an affine of finite numbers") as told:
        files.run()
    assert not isinstance(told.value, UnusableScan)
    assert told.value.where == str(path)
    assert "leave the scan out" not in told.value.todo
    assert files.left_behind() == []


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_an_affine_is_judged_by_its_own_voxels(files: Files, size: float) -> None:
    """A voxel of 1e-9 mm3 is small, but has its place."""
    for path, values in ((files.bold, nib.load(files.bold).get_fdata()), (files.mask, np.ones(SHAPE))):
        save(path, values, affine(size))
    save(files.folder / "labels.nii.gz", np.ones(SHAPE), affine(size), "uint8")
    files.run()
    assert files.quality()["voxel_size"] == [size] * 3


@pytest.mark.parametrize("n_bytes", [1, 479])
def test_less_than_a_volume_more_is_padding(files: Files, n_bytes: int) -> None:
    files.run()
    expected = files.result()[1]
    longer(n_bytes)(files)
    files.run()
    np.testing.assert_array_equal(files.result()[1], expected)


def test_what_is_told_of_a_broken_file_is_short(files: Files) -> None:
    quoted_number(files)
    with pytest.raises(UnusableScan) as told:
        files.run()
    assert len(told.value.got) < 210
    assert told.value.got.endswith(" ...")


def test_an_unusable_scan_is_exit_code_2_by_default(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    stored(files, 3.5)
    assert main(files.command()) == 2
    told = capsys.readouterr().err
    assert f"must be: a complete image of {N_VOLUMES} volumes" in told
    assert f"got:     in volume 4 of {N_VOLUMES}, by byte " in told


def test_an_uncompressed_image_that_is_cut_short(files: Files) -> None:
    plain = files.bold.with_suffix("")
    content = gzip.decompress(files.bold.read_bytes())
    plain.write_bytes(content[: int(352 + 10.5 * np.prod(SHAPE) * 4)])
    words = [word if word != str(files.bold) else str(plain) for word in files.command("--on-unusable", "record")]
    assert main(words) == 0
    assert f"in volume 11 of {N_VOLUMES}, by byte 5,392 of 5,392: the file ends" in files.quality()["unusable"]["got"]


def test_a_failing_disk_is_no_property_of_the_scan(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output") as told, blamed(tmp_path, "an image", UnusableScan):
        raise OSError(5, "Input/output error")
    assert not isinstance(told.value, UserError)


# Gzip: 40 volumes of 32 kB, so that the 8 kB by which the reader may stop early are a quarter of a volume.

LARGE = (16, 16, 32)
SIZE = 4 * int(np.prod(LARGE))


@pytest.fixture(scope="module")
def plain() -> bytes:
    """Return an image of 40 volumes as it is before compression."""
    values = np.random.default_rng(3).normal(1000, 100, (*LARGE, N_VOLUMES)).astype("float32")
    return nib.Nifti1Image(values, BOLD).to_bytes()


@pytest.fixture(scope="module")
def packed(plain: bytes) -> bytes:
    return gzip.compress(plain, 1)


def large(files: Files, content: bytes) -> Files:
    files.bold.write_bytes(content)
    save(files.mask, np.ones(LARGE), BOLD, "uint8")
    return files


def unpacked(content: bytes) -> int:
    """Return how many bytes zlib gets out of the first part of a gzip file."""
    return len(zlib.decompressobj(wbits=31).decompress(content))


FRACTIONS = [0.002, 0.01, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.99]


@pytest.mark.parametrize("end", [*FRACTIONS, -9, -8, -7, -4, -1])
def test_a_cut_is_told_with_its_byte_and_its_volume(files: Files, packed: bytes, end: float) -> None:
    """Negative ends cut in the eight bytes of the trailer and right before it."""
    content = packed[: int(end if end < 0 else len(packed) * end)]
    large(files, content)
    with pytest.raises(UnusableScan) as told:
        files.run()
    assert told.value.where == str(files.bold)
    place, _, byte = told.value.got.partition(":")[0].partition(", by byte ")
    assert byte == f"{len(content):,} of {len(content):,}"
    known = unpacked(content) - 352
    volume = N_VOLUMES + 1 if place == "after the last volume" else int(place.split()[2])
    assert place in (f"in volume {volume} of 40", "after the last volume")
    assert max(known - 8192, 0) // SIZE + 1 <= volume <= known // SIZE + 1
    assert files.left_behind() == []


@pytest.mark.parametrize("n_bytes", [1, 2, 9, 10, 11, 40, 100])
def test_a_cut_in_the_header(files: Files, packed: bytes, n_bytes: int) -> None:
    content = packed[:n_bytes]
    assert n_bytes < 10 or unpacked(content) < 352
    large(files, content)
    with pytest.raises(UnusableScan) as told:
        files.run()
    assert told.value.where == str(files.bold)
    assert told.value.got.startswith(f"in the header of a file of {n_bytes} bytes: ")
    assert files.left_behind() == []


@pytest.mark.parametrize("end", [348, 352, 353, 352 + SIZE, 352 + 7 * SIZE + 1, 352 + 40 * SIZE - 1])
def test_a_cut_of_a_plain_image(tmp_path: Path, plain: bytes, end: int) -> None:
    files = small_scan(tmp_path, ".nii")
    large(files, plain[:end])
    with pytest.raises(UnusableScan) as told:
        files.run()
    volume = max(end - 352, 0) // SIZE + 1
    assert told.value.got == f"in volume {volume} of 40, by byte {end:,} of {end:,}: the file ends"
    assert files.left_behind() == []


@pytest.mark.filterwarnings("ignore:overflow encountered")  # of the wild numbers before the end is reached
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_a_flipped_byte_is_found(files: Files, packed: bytes, fraction: float) -> None:
    """Whatever the byte does to the stream, the check sum at its end no longer fits."""
    place = int(len(packed) * fraction)
    large(files, packed[:place] + bytes([packed[place] ^ 0x10]) + packed[place + 1 :])
    with pytest.raises(UnusableScan, match=r"in (volume|the header|after)"):
        files.run()
    assert files.left_behind() == []


@pytest.mark.parametrize("part", [slice(-8, -4), slice(-4, None)], ids=["check sum", "length"])
def test_a_wrong_trailer_is_found(files: Files, packed: bytes, part: slice) -> None:
    large(files, packed)
    flip(files.bold, part)
    with pytest.raises(UnusableScan, match=r"in volume 40 of 40|after the last volume"):
        files.run()


def members(plain: bytes, *ends: int) -> bytes:
    """Return gzip members one after the other, as bgzip and others that pack in parallel write them."""
    parts = zip((0, *ends), (*ends, len(plain)), strict=True)
    return b"".join(gzip.compress(plain[start:end], 1) for start, end in parts)


BGZIP = range(65280, 352 + N_VOLUMES * SIZE, 65280)


@pytest.mark.parametrize("ends", [BGZIP, [100, 348, 352, 353, 352 + SIZE], [0, 0, 352 + 2 * SIZE]])
def test_gzip_members_are_joined(files: Files, plain: bytes, packed: bytes, ends: Sequence[int]) -> None:
    large(files, packed).run()
    expected = files.result()[1]
    large(files, members(plain, *ends)).run()
    np.testing.assert_array_equal(files.result()[1], expected)


def test_a_missing_member_is_a_cut(files: Files, plain: bytes) -> None:
    large(files, members(plain[: 352 + 20 * SIZE + SIZE // 2], *BGZIP[:9]))
    with pytest.raises(UnusableScan, match=r"in volume 21 of 40.*the file ends"):
        files.run()


ENDS = {
    "zeros": b"\0" * 1000,
    "one zero": b"\0",
    "words": b"garbage" * 50,
    "a few letters": b"ab",
    "zeros and words": b"\0" * 512 + b"garbage" * 50,
    "the start of a member": gzip.compress(b"more")[:12],
    "an empty member": gzip.compress(b""),
    "a member": gzip.compress(b"more" * 1000),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_follows_is_judged_as_gzip_does(files: Files, packed: bytes, end: str) -> None:
    content = packed + ENDS[end]
    large(files, content)
    try:
        gzip.decompress(content)
    except (OSError, EOFError):
        with pytest.raises(UnusableScan):
            files.run()
        assert files.left_behind() == []
    else:
        files.run()
        assert files.result()[1].shape == (N_VOLUMES, 3)


# Memory.

STREAMED = (48, 48, 40)


def streamed(folder: Path, n_volumes: int) -> Files:
    """Write a plain run volume by volume, with a label in each eighth of it."""
    files = Files(folder, ".nii")
    folder.mkdir()
    header = nib.Nifti1Header()
    header.set_data_shape((*STREAMED, n_volumes))
    header.set_data_dtype("float32")
    header.set_sform(BOLD, 1)
    header["vox_offset"] = 352
    volume = np.random.default_rng(4).normal(1000, 100, STREAMED).astype("float32")
    with files.bold.open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        for n in range(n_volumes):
            file.write(np.roll(volume, n, axis=0).tobytes(order="F"))
    save(files.mask, np.ones(STREAMED), BOLD, "uint8")
    save(folder / "labels.nii.gz", np.arange(1, 9).repeat(6)[:, None, None] * np.ones(STREAMED), BOLD, "uint8")
    files.write_atlas("labels", [row(n, f"p{n}") for n in range(1, 9)], "labels.nii.gz")
    files.write_confounds([0.1] * n_volumes)
    return files


# The peak of this very program; that of getrusage is at least that of the program which started it.
PEAK = """
import sys
from pathlib import Path
from connect.cli import main
assert main(sys.argv[1:]) == 0
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the peak memory that Linux tells")
def test_memory_does_not_grow_with_the_number_of_volumes(tmp_path: Path) -> None:
    peaks = []
    for n_volumes in (50, 400):
        files = streamed(tmp_path / str(n_volumes), n_volumes)
        words = [sys.executable, "-c", PEAK, *files.command()]
        peaks.append(int(subprocess.run(words, capture_output=True, text=True, check=True).stdout) / 1024)
        assert len(files.result()[1]) == n_volumes
        files.bold.unlink()
    assert peaks[1] - peaks[0] < 15  # MB; the volumes more are 123 MB
