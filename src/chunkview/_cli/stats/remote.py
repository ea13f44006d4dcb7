"""A cluster sums up the parts of the work. Its workers read the files and write the rows."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...recordings import is_url
from ..console import complain
from .cluster import Setting, connected
from .dataset import Dataset
from .local import Done
from .parts import absolute, parts_of
from .sums import Sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ...recordings import Summary
    from .parts import Part

__all__ = ["sum_up_remotely"]


def sum_up_remotely(
    address: str,
    paths: Sequence[str],
    output: str | None,
    by: tuple[str, ...],
    options: Mapping[str, Any],
) -> Iterator[Done]:
    """Sum up recordings on a cluster.

    Args:
        address: The scheduler.
        paths: What to read: paths, folders, patterns and URLs. A local path has to be in a folder
            that all computers share.
        output: The folder for the rows, or its URL. None if only the sums are wanted.
        by: The columns by which to sum up.
        options: The options of `chunkview.recordings.summaries`.

    Yields:
        What each part amounts to, in order, without its rows.

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
    work = functools.partial(_done, dataset, by, dict(options))
    count = 0
    with connected(address) as cluster:
        if dataset is not None:
            dataset.begin()
        try:
            if not cluster.threads:
                complain("the cluster has no worker yet; waiting for one")
            cluster.check(setting)
            for done in cluster.map(work, itertools.chain((first,), parts), setting):
                count += 1
                yield done
            if dataset is not None:
                dataset.finish(count)
        except BaseException:
            if dataset is not None:
                dataset.abandon()
            raise


def _done(
    dataset: Dataset | None, by: tuple[str, ...], options: dict[str, Any], part: Part
) -> Done:
    """Sum up a part, and write its rows. This runs on a worker."""
    sums = Sums(by)

    def counted() -> Iterator[Summary]:
        for row in part.rows(sums, **options):
            sums.add(row)
            yield row

    if dataset is None:
        for _ in counted():
            pass
    else:
        dataset.write(part.number, counted())
    return Done(sums, len(part.files))
