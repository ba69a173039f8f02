"""How fast `connect fetch` is beside a plain parallel download with the same library, from a server on loopback.

The server and both kinds of download share the machine's cores. Ours verifies what it gets; the plain one does not.

    python benchmarks/fetch.py [rounds]
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import S3Store

from connect.files import File, write_files

N_FILES, SIZE, AT_ONCE, PORT = 6, 300_000_000, 2, 9471
URL = f"http://127.0.0.1:{PORT}"
COMMAND = str(Path(sys.executable).with_name("connect"))


def main(rounds: int) -> None:
    """Time both in turns, and print the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = make(folder / "buckets" / "bucket")
        write_files(folder / "files.tsv", rows)
        server = subprocess.Popen(
            [sys.executable, "-m", "localbucket", str(folder / "buckets"), "--port", str(PORT)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(1)
            took: dict[str, list[float]] = {"plain": [], "connect fetch": []}
            for _ in range(rounds):
                for kind, fetch in (("plain", plain), ("connect fetch", ours)):
                    target = folder / "got"
                    took[kind].append(timed(lambda row, fetch=fetch, target=target: fetch(row, target), rows))
                    shutil.rmtree(target)
        finally:
            server.terminate()
    for kind, seconds in took.items():
        speed = N_FILES * SIZE / 1e6 / statistics.median(seconds)
        shown = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"{kind:<14} {speed:5.0f} MB/s (median of {rounds}; s: {shown})")
    ratio = statistics.median(took["plain"]) / statistics.median(took["connect fetch"])
    print(f"connect fetch has {100 * ratio:.0f} % of the speed of the plain download (aim: 80 %)")


def make(bucket: Path) -> list[File]:
    """Write files of random bytes, and return their rows."""
    bucket.mkdir(parents=True)
    rows = []
    for number in range(N_FILES):
        body = os.urandom(SIZE)
        (bucket / f"{number}.nii.gz").write_bytes(body)
        scan, md5 = f"sub-{number}", hashlib.md5(body, usedforsecurity=False).hexdigest()
        rows.append(File(scan, f"{scan}/{number}.nii.gz", f"s3://bucket/{number}.nii.gz", SIZE, md5))
    return rows


def timed(fetch: Callable[[File], None], rows: list[File]) -> float:
    """Return how long it takes to fetch all files, some at a time (s)."""
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fetch, rows))
    return time.perf_counter() - began


def plain(row: File, target: Path) -> None:
    """Download a file, and do nothing else."""
    store = S3Store(
        "bucket", endpoint=URL, region="us-east-1", skip_signature=True, client_options={"allow_http": True}
    )
    target.mkdir(exist_ok=True)
    with (target / Path(row.path).name).open("wb") as file:
        for piece in obstore.get(store, Path(row.path).name).stream():
            file.write(piece)


def ours(row: File, target: Path) -> None:
    """Fetch a file as a job of the workflow does, in a process of its own."""
    words = ["fetch", "--files", str(target.parent / "files.tsv"), "--scan", row.scan, "--folder", str(target)]
    words += ["--fetched", str(target / row.path), "--parts", str(target / ".parts" / row.scan)]
    subprocess.run([COMMAND, *words], env={**os.environ, "AWS_ENDPOINT_URL": URL}, check=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
