"""Compiled functions as C has them: of pointers and numbers, compiled once and called by their symbols.

numba compiles a function anew into every one that calls it, which costs seconds for those that are called
from many places. A :class:`Routine` is a C function with a symbol of its own instead. Compiled code calls it
like any other function and knows its signature alone; Python calls it with arrays and numbers.

What is compiled is kept on disk. Code that has been kept finds the routines that it calls by their symbols
when it is loaded, so these are made known first, in the order in which they depend on each other. The name
under which it is kept holds a digest of all that went into it, other files' functions and constants included:
numba itself looks at the function's own file only.

An array that compiled code makes for itself is freed after the last use of its name: what is done with its
address has to be done in a routine that is given its ``ctypes``, as in :mod:`bayesmm.blocks.kernels.density`.
And a literal number as an argument would have a function compiled anew for that number.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from threading import RLock
from types import FunctionType
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic, models, register_model

from bayesmm.blocks.kernels.notice import Compiling
from bayesmm.blocks.kernels.table import Table

INTEGER, NUMBER = types.int64, types.float64
INTEGERS, NUMBERS = types.CPointer(INTEGER), types.CPointer(NUMBER)
_CTYPES = {
    INTEGER: ctypes.c_int64,
    NUMBER: ctypes.c_double,
    INTEGERS: ctypes.c_void_p,
    NUMBERS: ctypes.c_void_p,
    types.void: None,
}
REORDERED = frozenset({"reassoc", "contract", "nsz", "arcp"})
"""Sums may be formed in another order, so that loops over a tile use the whole width of the processor.

Numbers that aren't finite keep their meaning: what is computed from one is nan.
"""
_lock = RLock()


class Routine(types.ExternalFunction):
    """A compiled function with a symbol, for compiled code and for Python; made by :func:`routine`.

    In compiled code arrays are passed as ``array.ctypes``. In Python they are passed as they are, and so are
    tables; that they are contiguous and of int64 or float64 isn't checked. The interpreter is free meanwhile.
    """

    def __init__(self, function: FunctionType, signature: Any, fastmath: frozenset[str]) -> None:
        super().__init__(f"{function.__module__}.{function.__name__}".replace(".", "_"), signature)
        self.function = function
        self.fastmath = fastmath
        self._compiled: Any = None
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        """Call it from Python; a table and its arrays are kept for as long as it runs."""
        return self._callable(*map(_plain, arguments))

    @property
    def address(self) -> int:
        """Where it is: compiled or loaded when it is first asked for, after those that it calls."""
        if self._compiled is None:
            with _lock, Compiling():
                self._compile()
        return self._compiled.address

    def _compile(self) -> None:
        """Once only: code at an address that others know must not be taken away."""
        if self._compiled is None:
            for other in called(self.function):
                _ = other.address
            self.function.__qualname__ = f"{self.function.__name__}_{self._digest}"  # the name on disk
            options: dict[str, Any] = {"fastmath": set(self.fastmath)} if self.fastmath else {}
            compiled = numba.cfunc(self.sig, cache=True, error_model="numpy", **options)(self.function)
            binding.add_symbol(self.symbol, compiled.address)
            self._compiled = compiled

    @cached_property
    def _callable(self) -> Callable[..., Any]:
        of = [self.sig.return_type, *self.sig.args]
        return ctypes.CFUNCTYPE(*(_CTYPES[kind] for kind in of))(self.address)

    @property
    def _digest(self) -> str:
        return hashlib.sha256("\0".join(sorted(_ingredients(self))).encode()).hexdigest()[:12]


register_model(Routine)(models.OpaqueModel)  # as numba has it for other external functions


def routine(signature: Any, *, fastmath: frozenset[str] = frozenset()) -> Callable[[FunctionType], Routine]:
    """Make a function a :class:`Routine` with a signature such as ``types.void(INTEGERS, NUMBERS)``.

    ``fastmath`` is what the compiler may assume of arithmetic: nothing, or :data:`REORDERED`.
    """
    return lambda function: Routine(function, signature, fastmath)


def prepare(*routines: Routine) -> None:
    """Compile or load several at once, so that the user is told once; else each is when it is first used."""
    with Compiling():
        for one in routines:
            _ = one.address


def called(function: FunctionType) -> Iterator[Routine]:
    """The routines that a function calls, itself or within functions that are compiled into it."""
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, Routine):
            yield value
        elif isinstance(value, Dispatcher):
            yield from called(value.py_func)


def _plain(argument: Any) -> Any:
    """A number, or an address."""
    if isinstance(argument, Table):
        argument = argument.values
    return argument.ctypes.data if isinstance(argument, np.ndarray) else argument


def _ingredients(routine: Routine) -> set[str]:
    """The text of all files, and the constants, that code is compiled from."""
    found = {Path(__file__).read_text(encoding="utf-8"), str(routine.sig)}
    functions = [routine.function]
    while functions:
        function = functions.pop()
        found.add(Path(function.__code__.co_filename).read_text(encoding="utf-8"))
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, Dispatcher):
                functions.append(value.py_func)
            elif isinstance(value, Routine):
                found.add(f"{value.symbol}{value.sig}")
            elif isinstance(value, int | float):
                found.add(f"{name} = {value}")
    return found


def _pointer_to(kind: types.Type) -> Any:
    """An intrinsic function: an address → a pointer to that kind of number."""

    @intrinsic
    def pointer(typing_context: Any, address: types.Integer) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), generate

    return pointer


integers, numbers = _pointer_to(INTEGER), _pointer_to(NUMBER)
integers_of_8, integers_of_32 = _pointer_to(types.int8), _pointer_to(types.int32)


@intrinsic
def offset(typing_context: Any, pointer: types.CPointer, by: types.Integer) -> tuple[Any, Any]:
    """The pointer so many elements further on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), generate
