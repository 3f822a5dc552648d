"""A layer as a bar: which of its 10,000 slots are whose in an environment, and which an experiment would get."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from experiments.models import Experiment, Layer, SlotRange
from experiments.services.layers import free_ranges
from tenants.admin_base import primary_key
from tenants.models import Environment

COLOURS = 5


class Piece(NamedTuple):
    """A range of slots. Kinds: free, holdout, mine, wanted, freed, other."""

    kind: str
    label: str
    start: int
    end: int
    colour: int = 0
    link: str = ""

    @property
    def size(self) -> int:
        return self.end - self.start


class Bar(NamedTuple):
    """A layer in one environment, from its first slot to its last, and the same summed up by holder."""

    layer: Layer
    environment: Environment
    pieces: list[Piece]
    legend: list[tuple[Piece, int]]
    is_too_much: bool = False

    @property
    def held_out(self) -> int:
        return sum(piece.size for piece in self.pieces if piece.kind == "holdout")


@require_GET
def bar_view(request: HttpRequest) -> HttpResponse:
    """The bar of a layer, with what an experiment would hold if it asked for so many slots. Stores nothing."""
    layer = Layer.objects.visible_to(request.user).filter(pk=primary_key(request.GET.get("layer", ""))).first()
    places: Any = Environment.objects.visible_to(request.user).select_related("project")
    environment = places.filter(pk=primary_key(request.GET.get("environment", ""))).first()
    if layer is None or environment is None or layer.project_id != environment.project_id:
        return HttpResponse("")
    asked = request.GET.get("slots", "")
    slots = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 5 else None
    own = Experiment.objects.in_environment(environment.pk).filter(pk=primary_key(request.GET.get("experiment", "")))
    return render(request, "admin/experiments/slots.html", {"bar": bar_of(layer, environment, own.first(), slots)})


def bar_of(
    layer: Layer, environment: Environment, experiment: Experiment | None = None, slots: int | None = None
) -> Bar:
    """Who holds what. One query. With `slots`, also what would be taken or given back."""
    held = list(
        SlotRange.objects.in_environment(environment.pk)
        .filter(layer=layer)
        .select_related("experiment")
        .order_by("start")
    )
    own = experiment.pk if experiment else 0
    mine = [Piece("mine", str(experiment), row.start, row.end) for row in held if row.experiment_id == own]
    colours = _colours(held, own)
    others = [_other(row, colours) for row in held if row.experiment_id != own]
    free = [Piece("free", "Free", *pair) for pair in free_ranges([(row.start, row.end) for row in held])]
    missing = 0 if slots is None else slots - sum(piece.size for piece in mine)
    free = list(_taken(free, missing))
    mine = list(_given_back(mine, -missing))
    pieces = sorted([*mine, *others, *free], key=lambda piece: piece.start)
    taken = sum(piece.size for piece in free if piece.kind == "wanted")
    return Bar(layer, environment, pieces, _legend(pieces), is_too_much=missing > taken)


def _colours(held: Iterable[SlotRange], own: int) -> dict[int, int]:
    """A colour for each experiment but one's own."""
    others = dict.fromkeys(row.experiment_id for row in held if row.experiment_id and row.experiment_id != own)
    return {pk: number % COLOURS + 2 for number, pk in enumerate(others)}


def _other(row: SlotRange, colours: dict[int, int]) -> Piece:
    if row.experiment is None:
        return Piece("holdout", "Holdout", row.start, row.end)
    page = reverse("admin:experiments_experiment_change", args=[row.experiment.pk])
    return Piece("other", str(row.experiment), row.start, row.end, colours[row.experiment.pk], page)


def _taken(free: Iterable[Piece], missing: int) -> Iterator[Piece]:
    """The first free slots are taken."""
    for piece in free:
        taken = max(0, min(missing, piece.size))
        missing -= taken
        edge = piece.start + taken
        if taken:
            yield Piece("wanted", "Would be taken", piece.start, edge)
        if edge < piece.end:
            yield piece._replace(start=edge)


def _given_back(mine: list[Piece], surplus: int) -> Iterator[Piece]:
    """The last slots are given back."""
    for piece in reversed(mine):
        given = max(0, min(surplus, piece.size))
        surplus -= given
        edge = piece.end - given
        if edge > piece.start:
            yield piece._replace(end=edge)
        if given:
            yield Piece("freed", "Would be given back", edge, piece.end)


def _legend(pieces: Iterable[Piece]) -> list[tuple[Piece, int]]:
    """Each holder once, with all that it holds; what is free last."""
    sums: dict[tuple[str, str, str], tuple[Piece, int]] = {}
    for piece in pieces:
        name = (piece.kind, piece.label, piece.link)
        first, count = sums.get(name, (piece, 0))
        sums[name] = (first, count + piece.size)
    return sorted(sums.values(), key=lambda found: (found[0].kind == "free", found[0].start))
