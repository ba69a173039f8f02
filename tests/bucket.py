"""A real S3 server on loopback that counts what it sends, with faults on demand; and a replica of an OpenNeuro dataset."""

from __future__ import annotations

import gzip
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import localbucket
import nibabel as nib
import numpy as np
import pandas as pd

Fault = Callable[["Handler"], bool]
"""Spoils an answer before it is given; returns whether the answer is spoilt altogether."""


@dataclass
class Server:
    """Buckets are folders in a folder.

    Attributes
    ----------
    folder
        Where the buckets are.
    url
        Address of the server.
    sent
        Bytes of bodies that were sent, per key (`bucket/path`); answers to lists are not counted.
    asked
        How often each key was asked for.
    faults
        What is wrong with the next answers for a key, one after the other.
    """

    folder: Path
    url: str = ""
    sent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))

    def path(self, uri: str) -> Path:
        return self.folder / uri.removeprefix("s3://")

    def total(self) -> int:
        return sum(self.sent.values())


class Handler(localbucket.S3Handler):
    """Answers for :class:`Server`."""

    served: Server
    rate = 0.0
    left = -1

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    def do_GET(self) -> None:
        """Answer, with the next fault of the key if it has one."""
        self.rate, self.left = 0.0, -1
        self.served.asked[self.key] += 1
        waiting = self.served.faults[self.key]
        if waiting and waiting.pop(0)(self):
            return
        if "list-type" not in self.path:
            plain, self.wfile = self.wfile, _Counted(self)  # type: ignore[assignment]
            try:
                super().do_GET()
            finally:
                self.wfile = plain
        else:
            super().do_GET()


class _Counted:
    """Passes on what is written: counted after the headers, slowly or not at all if so asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler, self.plain, self.head = handler, handler.wfile, True

    def write(self, data: bytes) -> int:
        if self.head:
            self.head = False
            return self.plain.write(data)
        handler = self.handler
        if 0 <= handler.left < len(data):
            self.plain.write(data[: handler.left])
            handler.served.sent[handler.key] += handler.left
            self.plain.flush()
            handler.close_connection = True
            handler.connection.shutdown(2)
            raise ConnectionError("cut")
        if handler.rate:
            time.sleep(len(data) / handler.rate)
        handler.served.sent[handler.key] += len(data)
        handler.left -= len(data) if handler.left > 0 else 0
        return self.plain.write(data)

    def flush(self) -> None:
        self.plain.flush()


def cut(after: int) -> Fault:
    """Break the connection after some bytes of the body."""

    def fault(handler: Handler) -> bool:
        handler.left = after
        return False

    return fault


def refuse(status: int) -> Fault:
    """Answer with a status and no file."""

    def fault(handler: Handler) -> bool:
        handler.send_response(status)
        body = b"<Error><Code>Refused</Code></Error>"
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    return fault


def slow(rate: float) -> Fault:
    """Send at some bytes per second."""

    def fault(handler: Handler) -> bool:
        handler.rate = rate
        return False

    return fault


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve the folders in a folder as buckets."""
    server = Server(folder)
    handler = type("Handler", (Handler,), {"served": server, "data_root": folder.resolve()})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=partial(http.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def replicate(openneuro: Path, sample: Path, folder: Path, participants: int | None = None) -> None:
    """Make buckets with the names of ds003007 and its derivatives, and small volumes.

    Parameters
    ----------
    openneuro
        Folder with the lists and tables of the dataset and its derivatives.
    sample
        The simulated cohort, whose scans are shortened to 100 volumes and get noise of their own.
    folder
        Where the buckets are made.
    participants
        How many participants have their files; all of them by default. What is not needed is empty.
    """
    raw, made = (
        folder / "openneuro.org" / "ds003007",
        folder / "openneuro-derivatives" / "fmriprep" / "ds003007-fmriprep",
    )
    for name in pd.read_csv(openneuro / "ds003007" / "manifest.tsv", sep="\t")["path"]:
        own = openneuro / "ds003007" / name
        _put(raw / name, own.read_bytes() if own.is_file() else b"")
    listed = pd.read_csv(openneuro / "ds003007-fmriprep" / "manifest.tsv", sep="\t")["path"]
    people = sorted({name.split("/")[0] for name in listed if name.startswith("sub-")} - {"sub-01.html"})
    people = [name for name in people if "." not in name][:participants]
    scans = sorted(path.parents[1] for path in sample.glob("sub-*/ses-*/func/*preproc_bold.nii.gz"))
    for name in listed:
        if name.startswith("sub-") and name.split("/")[0].split(".")[0] not in people:
            continue
        _put(made / name, b"{}" if name.endswith(".json") else b"")
    shutil.copyfile(openneuro / "ds003007-fmriprep" / "dataset_description.json", made / "dataset_description.json")
    number = 0
    for person in people:
        for session in ("ses-pre", "ses-post"):
            of_phase = [scan for scan in scans if scan.name == session]
            start = made / person / session / "func" / f"{person}_{session}_task-rest"
            _volumes(of_phase[people.index(person) % len(of_phase)], start, np.random.default_rng(number))
            number += 1


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _volumes(scan: Path, start: Path, rng: np.random.Generator, n_volumes: int = 100) -> None:
    """Write a shortened scan with noise of its own under the names of another."""
    space = f"{start}_space-MNI152NLin2009cAsym_res-2"
    image = nib.load(next(scan.glob("func/*preproc_bold.nii.gz")))
    values = np.asarray(image.dataobj)[..., :n_volumes]
    noise = rng.normal(scale=values.std(axis=-1, keepdims=True), size=values.shape)
    noisy = nib.Nifti1Image((values + noise).round().astype(np.int16), image.affine, image.header)
    noisy.header.set_slope_inter(1, 0)
    noisy.header.set_xyzt_units("mm", "sec")
    noisy.header["pixdim"][4] = 2.5
    Path(f"{space}_desc-preproc_bold.nii.gz").write_bytes(gzip.compress(noisy.to_bytes(), 1, mtime=0))
    Path(f"{space}_desc-preproc_bold.json").write_text('{"RepetitionTime": 2.5, "TaskName": "rest"}')
    shutil.copyfile(next(scan.glob("func/*brain_mask.nii.gz")), f"{space}_desc-brain_mask.nii.gz")
    table = next(scan.glob("func/*confounds_timeseries.tsv"))
    lines = table.read_text().splitlines(keepends=True)[: n_volumes + 1]
    Path(f"{start}_desc-confounds_timeseries.tsv").write_text("".join(lines))
    shutil.copyfile(table.with_suffix(".json"), f"{start}_desc-confounds_timeseries.json")
