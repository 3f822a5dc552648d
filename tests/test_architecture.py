"""Where each kind of code lives. The direction of imports is held by import-linter; this holds the rest."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APPS = ("app", "audits", "decisions", "experiments", "features", "tenants")
MODULES = {
    "app": "env settings urls asgi wsgi errors checks admin",
    "audits": "models querysets services serializers views urls admin",
    "decisions": "engine protocols snapshots freshness recorder gateway wsgi asgi",
    "decisions/engine": "types evaluate bucketing validate",
    "experiments": "models querysets services serializers views urls admin compile",
    "features": "models querysets services serializers views urls admin compile",
    "tenants": "models querysets services admin roles credentials authentication permissions",
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "managers", "signals", "tasks"}
READS_THE_ENVIRONMENT = {
    *{"app/env.py", "app/settings/common.py", "app/settings/test.py"},
    *{"manage.py", "gunicorn.conf.py", "app/asgi.py", "app/wsgi.py", "decisions/edge.py"},  # where a process begins
}
WRITES = {"save", "delete", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}


def sources(*folders: str) -> list[Path]:
    """Every module that people wrote, below these folders."""
    return [
        path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts
    ]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module and every name that a module imports, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def attributes(tree: ast.Module) -> Iterator[str]:
    """Every `owner.name` in a module, as far as the owner is a plain name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


every_module = pytest.mark.parametrize(
    "path", [*sources(*APPS), ROOT / "manage.py", ROOT / "gunicorn.conf.py"], ids=name_of
)


@pytest.mark.parametrize(("folder", "names"), MODULES.items())
def test_an_app_has_the_modules_that_everybody_looks_for(folder: str, names: str) -> None:
    found = {path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert set(names.split()) - found == set()


def test_no_app_is_left_out_of_these_tests() -> None:
    found = {path.parent.name for path in ROOT.glob("*/apps.py")}

    assert found == set(APPS)


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {name_of(path) for path in sources(*APPS, "tests", "benchmarks") if path.stem in VAGUE}

    assert vague == {"app/settings/common.py"}


@pytest.mark.parametrize("path", [*sources(*APPS, "tests", "benchmarks"), ROOT / "manage.py"], ids=name_of)
def test_a_module_opens_with_why_it_exists(path: Path) -> None:
    tree = tree_of(path)

    assert not tree.body or ast.get_docstring(tree)


@every_module
def test_no_module_uses_signals(path: Path) -> None:
    names = set(imported(tree_of(path)))

    assert [name for name in names if "signals" in name or name.startswith("django.dispatch")] == []


@every_module
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    tree = tree_of(path)
    reads = {"os.environ", "os.environb", "os.getenv"} & {*imported(tree), *attributes(tree)}

    assert not reads or name_of(path) in READS_THE_ENVIRONMENT


@pytest.mark.parametrize("kind", ["views", "serializers", "querysets", "compile", "urls"])
def test_only_services_write(kind: str) -> None:
    modules = [path for path in sources(*APPS) if path.stem == kind]
    calls = {
        f"{name_of(path)}: {node.func.attr}"
        for path in modules
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
    }

    assert {call for call in calls if not call.endswith("services.create")} == set()


@pytest.mark.parametrize("app", ["audits", "experiments", "features", "tenants"])
def test_services_never_see_a_request(app: str) -> None:
    modules = [path for path in sources(app) if "services" in (path.stem, path.parent.name)]
    names = {name for path in modules for name in imported(tree_of(path))}

    assert modules
    assert [name for name in names if name.startswith(("rest_framework", "django.http", "django.views"))] == []
