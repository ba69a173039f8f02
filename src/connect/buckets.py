"""Public S3 buckets, read without an account: list, read and stream objects, with patience for bad moments.

What may pass (a busy server, a connection that breaks) is tried again with growing waits; what cannot (no such file, no
access, no network) is an error at once, or within half a minute.
"""

from __future__ import annotations

import http.client
import os
import random
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic, sleep
from typing import TypeVar

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import S3Store

from connect.errors import UserError

T = TypeVar("T")

ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables that name another S3 server, such as a mirror, as the tools of AWS read them."""

REGION = "us-east-1"
"""Region of OpenNeuro's buckets; another one is found when the server says so."""

TRIES = 8
"""How often a request is tried in vain before it is given up; a byte that arrives starts the count anew."""

REACH = 20.0
"""Seconds after which a server that cannot be reached at all is given up."""

LONGEST = 30.0
"""Longest wait between two tries (s)."""

PIECE = 2 * 2**20
"""Bytes of an object that are handed on at a time."""


class Bucket:
    """A public bucket.

    Parameters
    ----------
    name
        Name of the bucket.

    Attributes
    ----------
    host
        The server that is asked.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.endpoint = next((found for key in ENDPOINT if (found := os.environ.get(key))), "")
        self.host = self.endpoint or "https://s3.amazonaws.com"
        self.store = self._open(REGION)

    def list(self, prefix: str) -> dict[str, tuple[int, str]]:
        """Return the objects whose keys begin with a prefix: each key with its size in bytes and its ETag."""
        return self._patiently(lambda: dict(self._objects(prefix)), f"s3://{self.name}/{prefix}")

    def read(self, key: str, length: int | None = None) -> bytes:
        """Return an object, or its first bytes."""
        options: obstore.GetOptions = {} if length is None else {"range": (0, length)}
        return self._patiently(
            lambda: bytes(obstore.get(self.store, key, options=options).bytes()), f"s3://{self.name}/{key}"
        )

    def stream(self, key: str, start: int, etag: str) -> Iterator[bytes]:
        """Yield an object in pieces from a byte on; a connection that breaks is taken up where it broke.

        Parameters
        ----------
        key
            The object.
        start
            Number of the first byte that is wanted.
        etag
            What the object's ETag must be.

        Raises
        ------
        UserError
            If the object is not there, may not be read, is another one, or does not come whole in :data:`TRIES` tries.
        """
        where = f"s3://{self.name}/{key}"
        state = {"at": start, "tries": 0}
        while True:
            pieces = self._patiently(lambda: self._open_stream(key, state["at"], etag), where, state["tries"])
            try:
                for piece in pieces:
                    state["at"], state["tries"] = state["at"] + len(piece), 0
                    yield piece
                return
            except BaseError as error:
                state["tries"] += 1
                self._wait(error, where, state["tries"])

    def _open_stream(self, key: str, start: int, etag: str) -> Iterator[bytes]:
        options: obstore.GetOptions = {"if_match": f'"{etag}"'}
        if start:
            options["range"] = {"offset": start}
        return iter(obstore.get(self.store, key, options=options).stream(PIECE))

    def _objects(self, prefix: str) -> Iterator[tuple[str, tuple[int, str]]]:
        for batch in obstore.list(self.store, prefix=prefix):
            for found in batch:
                yield found["path"], (found["size"], (found["e_tag"] or "").strip('"'))

    def _open(self, region: str) -> S3Store:
        return S3Store(
            self.name,
            endpoint=self.endpoint or f"https://s3.{region}.amazonaws.com",
            region=region,
            skip_signature=True,
            # Names with dots, as openneuro.org, have no valid certificate as part of a host's name.
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": self.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "read_timeout": timedelta(seconds=60),
                "timeout": timedelta(days=1),
            },
            # Trying again is done here, where it can be told.
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=REACH)},
        )

    def _patiently(self, ask: Callable[[], T], where: str, tries: int = 0) -> T:
        began = monotonic()
        while True:
            try:
                return ask()
            except (FileNotFoundError, NotFoundError) as error:
                raise UserError(where, "a file in the bucket", "no such object", "index the cohort again") from error
            except (PermissionError, PermissionDeniedError, UnauthenticatedError) as error:
                todo = "use a public dataset, or download the derivatives yourself and index their folder"
                raise UserError(where, "a file that everyone may read", "access denied", todo) from error
            except PreconditionError as error:
                must, got = "the file that the files table pins", "another one: it changed since it was indexed"
                raise UserError(where, must, got, "index the cohort again") from error
            except BaseError as error:
                tries += 1
                if _is_elsewhere(error) and not self.endpoint and tries == 1:
                    self.store = self._open(_region(self.name))
                    continue
                if _is_unreachable(error) and monotonic() - began > REACH - min(2.0**tries, LONGEST):
                    raise self._unreachable(where, error) from error
                self._wait(error, where, tries)

    def _wait(self, error: BaseError, where: str, tries: int) -> None:
        """Wait before the next try, longer each time, or give up."""
        if tries >= TRIES:
            todo = "run again later; what has arrived is kept"
            raise UserError(where, f"an answer of {self.host}", f"{_first(error)} ({tries} times)", todo) from error
        # Many jobs that were refused at once must not come back at once.
        pause = min(2.0**tries, LONGEST) * random.uniform(0.5, 1.0)
        sys.stderr.write(f"connect: {where}: {_first(error)}; try {tries + 1} of {TRIES} in {pause:.0f} s\n")
        sleep(pause)

    def _unreachable(self, where: str, error: BaseError) -> UserError:
        todo = (
            "check the network (on a cluster, compute nodes often have none: fetch where there is one); folders on disk"
            " can be indexed, and what was fetched can be analysed, without a network"
        )
        return UserError(where, f"a connection to {self.host}", _first(error), todo)


def parts_of(uri: str) -> tuple[str, str]:
    """Return bucket and key of an address ``s3://bucket/key``.

    Examples
    --------
    >>> parts_of("s3://openneuro.org/ds003007/participants.tsv")
    ('openneuro.org', 'ds003007/participants.tsv')
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _is_unreachable(error: BaseError) -> bool:
    return "kind: Connect" in str(error)


def _is_elsewhere(error: BaseError) -> bool:
    return "PermanentRedirect" in str(error) or "without LOCATION" in str(error)


def _region(bucket: str) -> str:
    """Return the region of a bucket, which its server names in every answer."""
    request = urllib.request.Request(f"https://s3.amazonaws.com/{bucket}", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            headers: http.client.HTTPMessage = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers  # type: ignore[assignment]
    except OSError:
        return REGION
    return headers.get("x-amz-bucket-region") or REGION


def _first(error: BaseError) -> str:
    """Return what an error says, without the details of how the library came to it."""
    return " ".join(str(error).split("\n")[0].split(" - ")[-1].split())[:200]
