"""Sum up recordings on a cluster. The workers read the files and write the rows."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ...recordings import is_url
from .cluster import Setting, connected
from .dataset import Dataset
from .parts import absolute, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...recordings import Summary
    from .parts import Part

__all__ = ["Sums", "sum_up_remotely"]


class Sums(Protocol):
    """Sums of rows, which a worker makes and sends back."""

    def add(self, row: Summary, /) -> object:
        """Count a row."""


S = TypeVar("S", bound=Sums)


def sum_up_remotely(
    address: str, paths: Sequence[str], output: str | None, make_sums: Callable[[], S]
) -> Iterator[S]:
    """Sum up recordings on a cluster.

    Args:
        address: The scheduler.
        paths: What to read: paths, folders, patterns and URLs. They mean the same on each worker:
            a local path is that of a folder which all computers share.
        output: The folder for the rows, or its URL. None if only the sums are wanted.
        make_sums: Makes empty sums. The workers import it.

    Yields:
        The sums of each part, in the order of the files.

    Raises:
        ClusterError: The cluster cannot do the work.
        OSError: A place cannot be listed, or the output folder is not empty or cannot be written.
        ImportError: A library is missing.
        ValueError: fsspec does not know such URLs.
    """
    parts = parts_of(map(absolute, paths))
    first = next(parts)
    names = (file.name for file in first.files)
    local = next((name for name in names if not is_url(name) and Path(name).exists()), None)
    dataset = None if output is None else Dataset(absolute(output))
    setting = Setting(local, dataset)
    work = functools.partial(_sums_of, dataset, make_sums)
    count = 0
    with connected(address) as cluster:
        if dataset is not None:
            dataset.begin()
        try:
            cluster.check(setting)
            for sums in cluster.map(work, itertools.chain((first,), parts), setting):
                count += 1
                yield sums
            if dataset is not None:
                dataset.finish(count)
        except BaseException:
            if dataset is not None:
                dataset.abandon()
            raise


def _sums_of(dataset: Dataset | None, make_sums: Callable[[], S], part: Part) -> S:
    """Sum up a part, and write its rows. This runs on a worker."""
    sums = make_sums()

    def counted() -> Iterator[Summary]:
        for row in part.rows():
            sums.add(row)
            yield row

    if dataset is None:
        for _ in counted():
            pass
    else:
        dataset.write(part.number, counted())
    return sums
