"""The fetch stage, against a real S3 server on loopback whose answers are spoilt on demand."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import localbucket
import numpy as np
import pytest

from connect import buckets
from connect.errors import UserError
from connect.fetch import fetch
from connect.fetch.checksums import checksum, part_sizes
from connect.fetch.downloads import download
from connect.files import File, read_files, write_files

from ..bucket import Server, cut, refuse, serving, slow

COMMAND = str(Path(sys.executable).with_name("connect"))
BODY = np.random.default_rng(1).bytes(3_000_000)
NAME = "sub-01_task-rest"


def row(server: Server, key: str = "openneuro-derivatives/a.nii.gz", body: bytes = BODY, scan: str = NAME) -> File:
    path = server.folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return File(scan, f"{NAME}/{Path(key).name}", f"s3://{key}", len(body), hashlib.md5(body).hexdigest())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "buckets").mkdir()
    waits: list[float] = []
    monkeypatch.setattr(buckets, "sleep", waits.append)
    with serving(tmp_path / "buckets") as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        monkeypatch.setattr("connect.fetch.downloads._bucket", buckets.Bucket)
        served.waits = waits  # type: ignore[attr-defined]
        yield served


def wrong(file: File, aside: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        download(file, aside)
    return caught.value


def test_a_file_comes_whole(server: Server, tmp_path: Path) -> None:
    file = row(server)
    download(file, tmp_path / "aside")
    assert (tmp_path / "aside").read_bytes() == BODY
    assert server.sent[file.uri[5:]] == len(BODY)


def test_an_empty_file_needs_no_download(server: Server, tmp_path: Path) -> None:
    download(row(server, body=b""), tmp_path / "aside")
    assert (tmp_path / "aside").read_bytes() == b""
    assert server.total() == 0


def test_a_download_goes_on_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    file, aside = row(server), tmp_path / "aside"
    aside.write_bytes(BODY[:1_234_567])
    download(file, aside)
    assert aside.read_bytes() == BODY
    assert server.sent[file.uri[5:]] == len(BODY) - 1_234_567


def test_a_broken_connection_is_taken_up(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, aside = row(server), tmp_path / "aside"
    server.faults[file.uri[5:]] = [cut(len(BODY) * 9 // 10), cut(100_000)]
    download(file, aside)
    assert aside.read_bytes() == BODY
    assert server.asked[file.uri[5:]] == 3
    assert server.sent[file.uri[5:]] < len(BODY) + buckets.PIECE + 100_000
    assert "try 2 of 8" in capsys.readouterr().err


def test_a_busy_server_is_waited_for(server: Server, tmp_path: Path) -> None:
    file = row(server)
    server.faults[file.uri[5:]] = [refuse(503), refuse(500), refuse(503)]
    download(file, tmp_path / "aside")
    assert (tmp_path / "aside").read_bytes() == BODY
    waits = server.waits  # type: ignore[attr-defined]
    assert len(waits) == 3
    assert all(least <= wait <= 2 * least for least, wait in zip((1, 2, 4), waits, strict=True))


def test_a_server_that_stays_busy_is_given_up_and_what_came_is_kept(server: Server, tmp_path: Path) -> None:
    file, aside = row(server), tmp_path / "aside"
    aside.write_bytes(BODY[:1000])
    server.faults[file.uri[5:]] = [refuse(503)] * 20
    error = wrong(file, aside)
    assert "503" in error.got
    assert "kept" in error.todo
    assert server.asked[file.uri[5:]] == buckets.TRIES
    assert aside.read_bytes() == BODY[:1000]


@pytest.mark.parametrize(("status", "got"), [(404, "no such object"), (403, "access denied"), (412, "another one")])
def test_what_cannot_pass_is_an_error_at_once(server: Server, tmp_path: Path, status: int, got: str) -> None:
    file = row(server)
    server.faults[file.uri[5:]] = [refuse(status)]
    error = wrong(file, tmp_path / "aside")
    assert error.where == file.uri
    assert got in error.got
    assert server.asked[file.uri[5:]] == 1


def test_a_wrong_checksum_is_refused_and_the_file_removed(server: Server, tmp_path: Path) -> None:
    """This server pays no attention to the ETag that is asked for, and sends another file of the same size."""
    pinned = row(server)
    row(server, body=BODY[::-1])
    error = wrong(pinned, tmp_path / "aside")
    assert pinned.checksum in error.must
    assert error.got == hashlib.md5(BODY[::-1]).hexdigest()
    assert not (tmp_path / "aside").exists()


def test_rubbish_that_was_there_before_is_thrown_away(server: Server, tmp_path: Path) -> None:
    file, aside = row(server), tmp_path / "aside"
    for rubbish in (b"x" * 1_000_000, b"x" * len(BODY), b"x" * (len(BODY) + 1)):
        aside.write_bytes(rubbish)
        download(file, aside)
        assert aside.read_bytes() == BODY


def test_a_slow_server_is_no_error(server: Server, tmp_path: Path) -> None:
    file = row(server, body=BODY[:400_000])
    server.faults[file.uri[5:]] = [slow(400_000)]
    download(file, tmp_path / "aside")
    assert (tmp_path / "aside").read_bytes() == BODY[:400_000]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://nowhere.invalid"])
def test_without_a_network_the_error_comes_within_half_a_minute(url: str, tmp_path: Path) -> None:
    """Nothing listens at the first address, and nobody has the name of the second."""
    file = File(NAME, "a", "s3://bucket/a", 10, "0" * 32)
    write_files(tmp_path / "files.tsv", [file])
    words = ["fetch", "--files", "files.tsv", "--scan", NAME, "--folder", "d", "--fetched", "d/a", "--parts", "p"]
    began = time.monotonic()
    done = subprocess.run(
        [COMMAND, *words],
        cwd=tmp_path, env={**os.environ, "AWS_ENDPOINT_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert time.monotonic() - began < 30
    assert done.returncode == 2
    assert f"a connection to {url}" in done.stderr
    assert "without a network" in done.stderr
    assert "Traceback" not in done.stderr


def arguments(server: Server, tmp_path: Path, *rows: File) -> dict[str, object]:
    write_files(tmp_path / "files.tsv", rows)
    folder = tmp_path / "data"
    return {
        "files": tmp_path / "files.tsv",
        "scan": rows[0].scan or "n/a",
        "folder": folder,
        "fetched": [folder / file.path for file in rows],
        "parts": folder / ".parts" / rows[0].scan,
    }


def test_files_get_their_names_when_all_are_there(server: Server, tmp_path: Path) -> None:
    first, second = row(server), row(server, "openneuro-derivatives/b.tsv", b"a\tb\n")
    given = arguments(server, tmp_path, first, second)
    server.faults[second.uri[5:]] = [refuse(404)]
    with pytest.raises(UserError):
        fetch(**given)
    assert not (tmp_path / "data" / NAME).exists()
    fetch(**given)
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / NAME).iterdir()} == {
        "a.nii.gz": BODY,
        "b.tsv": b"a\tb\n",
    }
    assert server.sent[first.uri[5:]] == len(BODY)


def test_a_verified_file_is_not_downloaded_again_though_its_outputs_were_deleted(
    server: Server, tmp_path: Path
) -> None:
    file = row(server)
    given = arguments(server, tmp_path, file)
    fetch(**given)
    (tmp_path / "data" / file.path).unlink()
    fetch(**given)
    assert (tmp_path / "data" / file.path).read_bytes() == BODY
    assert server.total() == len(BODY)


def test_files_of_the_cohort_and_files_that_the_workflow_makes(server: Server, tmp_path: Path) -> None:
    of_cohort = dataclasses.replace(row(server, scan=""), path="dataset/participants.tsv")
    made = tmp_path / "made.nii.gz"
    made.write_bytes(b"image")
    local = File(NAME, f"{NAME}/x.nii.gz", str(made), None, "")
    fetch(**arguments(server, tmp_path, of_cohort))
    assert (tmp_path / "data" / "dataset" / "participants.tsv").read_bytes() == BODY
    given = arguments(server, tmp_path, local)
    fetch(**given)
    assert (tmp_path / "data" / local.path).read_bytes() == b"image"
    made.unlink()
    with pytest.raises(UserError, match="preprocess"):
        fetch(**given)


def test_what_the_table_lacks_is_an_error(server: Server, tmp_path: Path) -> None:
    given = arguments(server, tmp_path, row(server))
    with pytest.raises(UserError) as caught:
        fetch(**{**given, "fetched": [tmp_path / "data" / NAME / "other.nii.gz"]})
    assert "other.nii.gz" in caught.value.must


def test_two_processes_do_not_fetch_the_same_twice(server: Server, tmp_path: Path) -> None:
    """After a kill of Snakemake its jobs go on as orphans, and the next run starts them again."""
    file = row(server)
    server.faults[file.uri[5:]] = [slow(2_000_000)]
    given = arguments(server, tmp_path, file)
    flags = [f"--{name}" if name != "fetched" else "--fetched" for name in given]
    words = [str(word) for flag, value in zip(flags, given.values(), strict=True)
             for word in (flag, *(value if isinstance(value, list) else [value]))]  # fmt: skip
    started = [subprocess.Popen([COMMAND, "fetch", *words], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = "".join(process.communicate()[1] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    assert "waiting for another process" in told
    assert (tmp_path / "data" / file.path).read_bytes() == BODY
    assert server.total() == len(BODY)


def test_after_a_kill_only_the_rest_is_fetched(server: Server, tmp_path: Path) -> None:
    file = row(server, body=BODY * 4)
    server.faults[file.uri[5:]] = [slow(6_000_000)]
    given = arguments(server, tmp_path, file)
    words = [str(word) for name, value in given.items()
             for word in (f"--{name}", *(value if isinstance(value, list) else [value]))]  # fmt: skip
    process = subprocess.Popen([COMMAND, "fetch", *words])
    aside = tmp_path / "data" / ".parts" / NAME / f"{file.checksum}.part"
    while not (aside.exists() and aside.stat().st_size):
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    have = aside.stat().st_size
    assert 0 < have < len(BODY) * 4
    assert not (tmp_path / "data" / file.path).exists()
    before = server.total()
    fetch(**given)
    assert (tmp_path / "data" / file.path).read_bytes() == BODY * 4
    assert server.total() - before >= len(BODY) * 4 - have


def test_etags_of_multipart_uploads_are_verified(server: Server, tmp_path: Path) -> None:
    """The ETag is that which moto 5.2.5 gives to an upload in parts of 5 MiB; the size of its parts is not told."""
    etag = "9f7af965fa137cda9e10a64937489bbe-3"
    file = dataclasses.replace(row(server, body=BODY * 4), checksum=etag)
    localbucket.remember_etag(server.path(file.uri), etag)
    assert buckets.Bucket("openneuro-derivatives").list("") == {"a.nii.gz": (len(BODY) * 4, etag)}
    download(file, tmp_path / "aside")
    assert (tmp_path / "aside").read_bytes() == BODY * 4
    (tmp_path / "aside").write_bytes(BODY[::-1] * 4)
    assert checksum(tmp_path / "aside", etag) != etag


@pytest.mark.parametrize("part", [5, 7, 8, 16, 17, 64])
def test_the_size_of_parts_is_among_those_that_are_tried(part: int) -> None:
    size = 312_034_389
    n_parts = -(-size // (part * 2**20))
    assert part * 2**20 in list(part_sizes(size, n_parts))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"checksum": "abc"}, "checksum"),
        ({"path": "../a"}, "path"),
        ({"path": "/a"}, "path"),
        ({"uri": ""}, "uri"),
        ({"uri": "https://a/b"}, "uri"),
        ({"size": None}, "size"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, change: dict[str, object], where: str) -> None:
    file = File(NAME, "a", "s3://b/a", 3, "0" * 32)
    write_files(tmp_path / "t.tsv", [file])
    assert read_files(tmp_path / "t.tsv") == [file]
    write_files(tmp_path / "t.tsv", [dataclasses.replace(file, **change)])
    with pytest.raises(UserError, match=f"line 2, column {where}"):
        read_files(tmp_path / "t.tsv")
