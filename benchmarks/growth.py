"""How the edge fares as things grow: features, environments, connections; with a day's mixture; within its means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from benchmarks import contenders, filling, workloads
from benchmarks.comparison import EDGE, Line, told
from benchmarks.filling import Filled, Wanted
from benchmarks.installation import Installation
from benchmarks.process import PAGE_BYTES, Server, tree
from benchmarks.rounds import Figures, Pace, Subject, interleave, measure

FEATURES = (10, 100, 1_000, 10_000)
ALL_AT_ONCE = 1_000
"""Nobody asks for more than so many features at a time."""
ENVIRONMENTS = (1, 100, 1_000)
CONNECTIONS = (1, 16, 64, 256)
WARMING = 8
BEARABLE = 0.7
"""Of the most that it can do: there, the slowest answers say how well it serves those who do not wait in a queue."""


def measure_growth(installation: Installation, pace: Pace, *, brief: bool = False) -> list[Line]:
    """Everything but the durable decisions. In brief, the largest sizes are left out."""
    sizes, places = (FEATURES[:-1], ENVIRONMENTS[:-1]) if brief else (FEATURES, ENVIRONMENTS)
    made = filling.order(installation, [*map(by_features, sizes), *map(by_environments, places)])
    with contenders.edge(installation) as edge:
        found = interleave(list(subjects(edge, made, sizes, places)), pace)
        ask = workloads.single(made[by_features(FEATURES[0]).project])["OFREP"]
        found["at 70 % of capacity"] = bearable(Subject("", edge, ask), found[f"one of {FEATURES[0]:,}"], pace)
    return [Line(name, EDGE, figures) for name, figures in found.items()]


def warm(edge: Server, flags: Filled) -> None:
    """Have every worker load every environment; who answers is a matter of luck, so each is asked for several times."""
    for ask, _ in workloads.everywhere(flags).parts:
        for _again in range(WARMING):
            told(edge, ask)


def by_features(count: int) -> Wanted:
    return Wanted(f"features-{count}", count)


def by_environments(count: int) -> Wanted:
    return Wanted(f"environments-{count}", FEATURES[0], environments=count)


def subjects(
    edge: Server, made: Mapping[str, Filled], sizes: Sequence[int], places: Sequence[int]
) -> Iterator[Subject]:
    """What is measured at full load."""
    for count in sizes:
        flags = made[by_features(count).project]
        yield Subject(f"one of {count:,}", edge, workloads.single(flags)["OFREP"])
        if count <= ALL_AT_ONCE:
            yield Subject(f"all {count:,}", edge, workloads.bulk(flags)["OFREP"])
    for count in places:
        flags = made[by_environments(count).project]
        warm(edge, flags)
        yield Subject(f"one of 10 in {count:,} environments", edge, workloads.everywhere(flags))
    few = made[by_features(sizes[0]).project]
    for count in CONNECTIONS:
        yield Subject(f"{count} connections", edge, workloads.single(few)["OFREP"], connections=count)
    etags = {name: told(edge, ask)[1] for name, ask in workloads.documents(few).items()}
    yield Subject("a day's mixture", edge, workloads.replay(few, etags))


def bearable(subject: Subject, most: Figures, pace: Pace) -> Figures:
    """The same question at a rhythm that leaves some of the server idle."""
    paced = Subject("paced", subject.server, subject.ask, rate=BEARABLE * most.rps)
    return interleave([paced], pace)["paced"]


def footprint(installation: Installation, pace: Pace, *, brief: bool = False) -> list[Line]:
    """What one worker weighs, without the process that minds it: with the flags of its start, and with many."""
    heavy, many = (3, 100) if brief else (10, 1_000)
    wanted = [Wanted("heavy", 1_000, environments=heavy), Wanted("many", 10, environments=many)]
    made = filling.order(installation, wanted)
    names, lines = (f"{heavy} environments of 1,000", f"{many:,} environments of 10"), []
    for name, flags in zip(names, made.values(), strict=True):
        with contenders.edge(installation, WEB_CONCURRENCY="1") as edge:
            warm(edge, flags)
            figures = measure(Subject("", edge, workloads.everywhere(flags)), pace)
            lines.append(Line(name, EDGE, replace(figures, rss_mb=heaviest_mb(edge))))
    return lines


def heaviest_mb(server: Server) -> float:
    """Resident memory of the largest process of a server: the one worker, where there is one."""
    return max(stat.pages for stat in tree(server.pid)) * PAGE_BYTES / 1e6
