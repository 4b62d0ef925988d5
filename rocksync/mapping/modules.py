"""A mapper's text to a module of this process, and what is wrong with it. Runs in hosts only.

Text is compiled here and now: an import by path may find stale bytecode of a file that changed within a second.
"""

import ast
import importlib
import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from operator import itemgetter
from types import FunctionType, ModuleType
from typing import Any

import pluggy

from rocksync.mapping import hookspecs
from rocksync.mapping.texts import tellable
from rocksync.mapping.wire import HookSeen, Source, SourceFile

_PARENT = "rocksync_mappers"
_PREFIX = "rocksync_"
_MARK = f"{hookspecs.PROJECT}_impl"


class BrokenMapperError(Exception):
    """A mapper that cannot be loaded. ``line`` 0: not known."""

    def __init__(self, detail: str, *, file: str, line: int = 0) -> None:
        super().__init__(detail)
        self.detail = tellable(detail)
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMapper:
    """A mapper with a plugin manager of its own. ``labels`` are the names of its files by path, to be shown."""

    name: str
    labels: dict[str, str]
    manager: pluggy.PluginManager
    hooks: tuple[HookSeen, ...]
    default_label: str

    def caller(self, hook: str) -> Callable[[dict[str, Any]], Any]:
        """Return a function that is given all arguments of *hook* and calls the mapper's with those it names.

        Pluggy's own call costs as much as a small mapper; with one plugin in a manager there is nothing to choose. Nor
        would it give an argument that the mapper names with a default.
        """
        implementation = self.manager.get_hookcallers(self.manager.get_plugin(self.name)) or []
        found = next(one for caller in implementation if caller.name == hook for one in caller.get_hookimpls())
        names = next(seen.arguments for seen in self.hooks if seen.name == hook)
        return _direct(found.function, names)

    def place(self, error: BaseException) -> tuple[str, int]:
        """Return file and line of this mapper where *error* came up, line 0 if it was not in its text."""
        return _place(error, self.labels) or (self.default_label, 0)


def load(source: Source) -> LoadedMapper:
    """Return the mapper, loaded anew.

    Raises: BrokenMapperError.
    """
    labels = {file.path: file.label for file in source.files}
    try:
        module = _module(source)
    except SyntaxError as error:
        raise BrokenMapperError(
            f"{type(error).__name__}: {error.msg}",
            file=labels.get(error.filename or "", source.label),
            line=error.lineno or 0,
        ) from error
    except BaseException as error:  # a mapper may raise anything, and may try to exit
        file, line = _place(error, labels) or (source.label, 0)
        raise BrokenMapperError(describe(error), file=file, line=line) from error
    if source.installed and (path := getattr(module, "__file__", None)):
        labels = {path: source.label}
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    _check_names(source)
    _check_functions(source, module)
    _register(source, module, manager)
    hooks = tuple(_hooks(source, module))
    if not hooks:
        raise BrokenMapperError("it has no hook: decorate one with @hookimpl", file=source.label)
    return LoadedMapper(name=source.name, labels=labels, manager=manager, hooks=hooks, default_label=source.label)


def _direct(function: Callable[..., Any], names: Sequence[str]) -> Callable[[dict[str, Any]], Any]:
    if len(names) > 1:
        pick = itemgetter(*names)
        return lambda given: function(*pick(given))
    return (lambda given: function(given[names[0]])) if names else (lambda _: function())


def describe(error: BaseException) -> str:
    """Return the kind of an error and what it says."""
    if isinstance(error, SystemExit):
        return tellable(f"the mapper tried to end the process (SystemExit {error.code!r})")
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 # even its text is a mapper's code
        text = f"its text cannot be had ({type(second).__name__})"
    first = text.splitlines()[0] if text else ""
    return tellable(f"{type(error).__name__}: {first}") if first else type(error).__name__


def _module(source: Source) -> ModuleType:
    if source.installed:
        return importlib.import_module(source.installed)
    if _PARENT not in sys.modules:
        parent = ModuleType(_PARENT)
        parent.__path__ = []
        sys.modules[_PARENT] = parent
    sys.meta_path.insert(0, _TextFinder(source))
    return importlib.import_module(f"{_PARENT}.{source.name}")


class _TextFinder(MetaPathFinder, Loader):
    """Finds and loads the modules of one mapper from its text."""

    def __init__(self, source: Source) -> None:
        root = f"{_PARENT}.{source.name}"
        self._files = {f"{root}.{one.module}" if one.module else root: one for one in source.files}
        self._package = {root} if source.is_package else set()
        for name in self._files:
            while "." in name.removeprefix(root):
                name = name.rpartition(".")[0]  # noqa: PLW2901 # climbs from the module to the mapper
                self._package.add(name)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of the mapper."""
        if name in self._files or name in self._package:
            return ModuleSpec(name, self, origin=self._path(name), is_package=name in self._package)
        return None

    def _path(self, name: str) -> str | None:
        file = self._files.get(name)
        return file.path if file else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave making the module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's text in it."""
        file = self._files.get(module.__name__)
        if file is None:
            return
        module.__file__ = file.path
        code = compile(file.content, file.path, "exec", dont_inherit=True)
        text = importlib.util.decode_source(file.content)
        linecache.cache[file.path] = (len(text), None, text.splitlines(keepends=True), file.path)
        exec(code, module.__dict__)  # noqa: S102 # running the mapper's text is the point


def _register(source: Source, module: ModuleType, manager: pluggy.PluginManager) -> None:
    for name, function, line in _functions(source, module):
        if _is_hook(function) and name not in hookspecs.HOOKS:
            raise BrokenMapperError(
                f"there is no hook {name}; there are {', '.join(hookspecs.HOOKS)}",
                file=_label(source, function),
                line=line,
            )
        given, named = (inspect.signature(one).parameters for one in (getattr(hookspecs, name), function))
        if not named.keys() <= given.keys():
            raise BrokenMapperError(
                f"{name} may name {', '.join(given)}; it names {', '.join(named)}",
                file=_label(source, function),
                line=line,
            )
    try:
        manager.register(module, source.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise BrokenMapperError(describe(error), file=source.label) from error


def _check_names(source: Source) -> None:
    """A function takes the place of one of the same name above it, which would never be called."""
    for file in source.files:
        lines: dict[str, int] = {}
        for node in ast.parse(file.content).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(_PREFIX):
                first = lines.setdefault(node.name, node.lineno)
                if first != node.lineno:
                    raise BrokenMapperError(
                        f"{node.name} is defined twice: the one of line {first} would never be called",
                        file=file.label,
                        line=node.lineno,
                    )


def _check_functions(source: Source, module: ModuleType) -> None:
    for name, value in vars(module).items():
        if not isinstance(value, FunctionType) and (name in hookspecs.HOOKS or (callable(value) and _is_hook(value))):
            raise BrokenMapperError(f"{name} must be a plain function, not {type(value).__name__}", file=source.label)
    for name, function, line in _functions(source, module):
        where = {"file": _label(source, function)}
        if not _is_hook(function):
            raise BrokenMapperError(f"{name} is not decorated with @hookimpl", **where, line=line)
        if (
            inspect.iscoroutinefunction(function)
            or inspect.isgeneratorfunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            raise BrokenMapperError(f"{name} must be a plain function, without async and yield", **where, line=line)
        if any(getattr(function, _MARK)[option] for option in ("wrapper", "hookwrapper")):
            raise BrokenMapperError(f"{name} must not wrap: there is nothing around a hook", **where, line=line)
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
        if not kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}:
            raise BrokenMapperError(f"{name} must name its arguments one by one", **where, line=line)


def _functions(source: Source, module: ModuleType) -> Iterator[tuple[str, FunctionType, int]]:
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and (name.startswith(_PREFIX) or _is_hook(value)):
            yield name, value, _line(source, value)


def _is_hook(function: object) -> bool:
    return hasattr(function, _MARK)


def _label(source: Source, function: FunctionType) -> str:
    path = function.__code__.co_filename
    return next((file.label for file in source.files if file.path == path), source.label)


def _line(source: Source, function: FunctionType) -> int:
    """Return the line of ``def``; the code object tells that of the first decorator."""
    path = function.__code__.co_filename
    files: Iterable[SourceFile] = (file for file in source.files if file.path == path)
    for file in files:
        for node in ast.walk(ast.parse(file.content)):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name == function.__name__
                and function.__code__.co_firstlineno in {node.lineno, *(one.lineno for one in node.decorator_list)}
            ):
                return node.lineno
    return function.__code__.co_firstlineno


def _hooks(source: Source, module: ModuleType) -> Iterator[HookSeen]:
    for name, function, line in _functions(source, module):
        yield HookSeen(name, tuple(inspect.signature(function).parameters), line)


def _place(error: BaseException, labels: dict[str, str]) -> tuple[str, int] | None:
    if isinstance(error, SyntaxError) and error.filename in labels:
        return labels[error.filename], error.lineno or 0
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename in labels:
            found = labels[frame.f_code.co_filename], line
    return found
