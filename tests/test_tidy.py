"""The shape of the tree, held by tests: chapters, sockets, clocks, banned calls, names, sizes."""

import ast
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "airpocket"
CHAPTERS = (
    "market", "store", "leverage", "venues", "cascade", "detection", "evidence", "alerts",
    "live", "app",
)  # fmt: skip
BELOW_ALL = ("errors", "units")

SOCKETS = {
    "aiohttp", "ftplib", "http", "httpx", "picows", "requests", "smtplib", "socket",
    "socketserver", "ssl", "telnetlib", "urllib", "websockets", "xmlrpc",
}  # fmt: skip
# `compile` of a regular expression is re.compile; a bare compile() is not used.
CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.sleep", "datetime.now", "datetime.utcnow", "datetime.today",
    "date.today", "datetime.datetime.now", "uuid.uuid1", "uuid.uuid4", "os.urandom",
    "secrets.token_hex", "secrets.token_bytes",
}  # fmt: skip
BANNED_CALLS = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "marshal.load",
    "marshal.loads", "shelve.open", "yaml.load", "joblib.load", "os.system", "os.popen",
    "subprocess.getoutput", "tempfile.mktemp",
}  # fmt: skip
BANNED_MODULES = {"pickle", "cPickle", "marshal", "shelve", "joblib", "dill", "yaml"}

# What is over the house's measure, and why it may be.
LONG_FILES = {
    "detection/detector.py": 570,  # one state per scope, one place that decides
}
LONG_FUNCTIONS = {  # without their docstrings
    "detection/kernels.py:flow_step": 104,  # one pass over the streams, split by comments
}


def _modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _chapter(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "airpocket" else None


def test_chapters_import_in_one_direction() -> None:
    ranks = {name: rank for rank, name in enumerate((*BELOW_ALL[:1], "units", *CHAPTERS))}
    wrong = []
    for path in _modules():
        own = _name(path).split("/")[0].removesuffix(".py")
        for module in _imports(path):
            other = _chapter(module)
            if other in ranks and own in ranks and ranks[other] > ranks[own]:
                wrong.append(f"{_name(path)} imports {module}")
    assert wrong == []


def test_wire_and_rules_of_a_venue_do_not_know_each_other() -> None:
    wrong = [
        f"{_name(path)} imports {module}"
        for path in _modules()
        for module in _imports(path)
        if path.parent.parent.name == "venues"
        and path.stem in {"wire", "rules"}
        and module.endswith((".rules", ".wire"))
        and module.split(".")[-2] == path.parent.name
    ]
    assert wrong == []


def test_detection_does_not_know_the_simulator() -> None:
    assert [
        _name(path)
        for path in _modules()
        if _name(path).startswith("detection/")
        for module in _imports(path)
        if _chapter(module) in {"cascade", "venues", "store"}
    ] == []


def _sockets_in(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        found += [n for n in names if n.split(".")[0] in SOCKETS and n != "urllib.parse"]
    return found


def _clocks_in(tree: ast.Module) -> list[str]:
    return [name for name, _ in _calls(tree) if name in CLOCKS]


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_sockets_and_clocks_only_in_live_and_app(path: Path) -> None:
    if _name(path).split("/")[0] in {"live", "app"}:
        return
    assert _sockets_in(_tree(path)) == []
    assert _clocks_in(_tree(path)) == []


def _banned_in(tree: ast.Module) -> list[str]:
    found = [name for name, _ in _calls(tree) if name in BANNED_CALLS]
    for name, call in _calls(tree):
        words = {word.arg: word.value for word in call.keywords}
        shell, pickles = words.get("shell"), words.get("allow_pickle")
        if isinstance(shell, ast.Constant) and shell.value:
            found.append(f"{name}(shell=True)")
        if isinstance(pickles, ast.Constant) and pickles.value:
            found.append(f"{name}(allow_pickle=True)")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in BANNED_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module.split(".")[0] in BANNED_MODULES else []
    return found


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_banned_calls(path: Path) -> None:
    assert _banned_in(_tree(path)) == []


@pytest.mark.parametrize(
    ("planted", "finder"),
    [
        ("import pickle", _banned_in),
        ("from yaml import load", _banned_in),
        ("eval(frame)", _banned_in),
        ("subprocess.run(x, shell=True)", _banned_in),
        ("np.load(f, allow_pickle=True)", _banned_in),
        ("import socket", _sockets_in),
        ("from urllib.request import urlopen", _sockets_in),
        ("def f():\n    import requests", _sockets_in),
        ("time.time()", _clocks_in),
        ("now = datetime.now(UTC)", _clocks_in),
        ("uuid.uuid4()", _clocks_in),
    ],
)
def test_planted_faults_are_found(planted: str, finder: Callable[[ast.Module], list[str]]) -> None:
    assert finder(ast.parse(planted)) != []


def _assigned(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(part, ast.Name):
                    yield part.id


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_public_names_are_listed_sorted_and_there(path: Path) -> None:
    tree = _tree(path)
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    if path.name == "__init__.py" and not listed:
        assert all(isinstance(node, ast.Expr) for node in tree.body), "names need __all__"
        return
    assert listed, f"{_name(path)} has no __all__"
    names = list(listed[0])
    assert len(set(names)) == len(names)
    # The order that ruff (RUF022) keeps: CONSTANTS, Classes, functions.
    kinds = [0 if n.isupper() else 1 if n[:1].isupper() else 2 for n in names]
    assert kinds == sorted(kinds)
    defined = set(_assigned(tree))
    defined |= {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    assert set(names) <= defined | imported
    classes = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    }
    assert classes <= set(names), "public, but not listed"


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_every_module_has_its_test(path: Path) -> None:
    if path.name == "__init__.py":
        return
    inside = path.relative_to(SOURCE)
    assert (ROOT / "tests" / inside.parent / f"test_{inside.name}").is_file()


def test_kernels_import_only_numbers() -> None:
    for path in _modules():
        if path.stem.endswith("kernels"):
            roots = {module.split(".")[0] for module in _imports(path)}
            assert roots <= {"math", "numba", "numpy", "typing"}, _name(path)


def test_files_and_functions_are_short() -> None:
    long_files, long_functions = {}, {}
    for path in _modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONG_FILES.get(_name(path), 430):
            long_files[_name(path)] = lines
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                name = f"{_name(path)}:{node.name}"
                size = node.end_lineno - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    said = node.body[0]
                    size -= (said.end_lineno or said.lineno) - said.lineno + 1
                if size > LONG_FUNCTIONS.get(name, 70):
                    long_functions[name] = size
    assert long_files == {}
    assert long_functions == {}


def _tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed: what is tracked is not known")
    command = [git, "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    if listed.returncode:
        pytest.skip("not a git checkout: nothing is tracked")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_locks_hold_hashes_and_name_no_registry() -> None:
    for name in ("requirements.lock", "requirements-bench.lock"):
        path = ROOT / name
        if not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert re.findall(r"https?://|index-url|find-links", text) == []


def test_no_lock_of_uv_and_no_recordings_are_tracked() -> None:
    names = [path.name for path in _tracked()]
    assert "uv.lock" not in names
    assert [name for name in names if name.endswith((".parquet", ".raw.gz", ".tape"))] == []


def test_names_that_say_nothing_are_not_used() -> None:
    words = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "handy"}
    assert [_name(path) for path in _modules() if path.stem in words] == []
    classes = [
        node.name
        for path in _modules()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name in classes if name.endswith(("Manager", "Helper", "Utils"))] == []
