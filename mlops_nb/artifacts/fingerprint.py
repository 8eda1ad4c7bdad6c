"""Fingerprints of Python values: equal content gives an equal fingerprint, in any process and on any day.

The algorithm walks the object graph the way pickle would (its reduce protocol is the fallback for every type), but
canonically:

1. values without identity (numbers, strings, bytes, `None`) are hashed by content, so interning does not matter;
2. everything with an identity gets a number when first met and is hashed as that number when met again, so that
   aliasing inside the value and cycles are part of the fingerprint;
3. arrays are hashed by dtype, shape and elements, whatever their memory layout, unless several lie in one memory: then
   how they lie in it counts; frames by column, whatever their blocks; sets by their order, if that is known;
4. functions and classes written in the notebook are hashed by their code, defaults, closure and attributes; the
   notebook's globals they read are reported in `Trace.globals`, not followed;
5. what cannot be hashed for sure raises `CannotFingerprint`: a caller must then take the value as changed.

Large buffers go through XXH3-128 (not cryptographic: a fingerprint detects change, it does not defend against
forgery), the structure through BLAKE2b.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import struct
import types
from itertools import chain
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import fingerprint_data, fingerprint_sets
from mlops_nb.artifacts.dict_views import VIEWS, behind
from mlops_nb.artifacts.fingerprint_stream import AGAIN, CONSTANTS, FLOAT, HEADS, INT, NEW, STR, Stream, part
from mlops_nb.artifacts.fingerprint_trace import MemoryPlace, Trace
from mlops_nb.artifacts.immutable_types import PLAIN, is_immutable
from mlops_nb.artifacts.reducing import has_hooks, is_ordinary, quiet_reduce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


# Keys of dictionaries up to this size are likely to be attributes, which come again.
_ATTRIBUTES = 256
_MAKES: Any = copyreg.__newobj__  # type: ignore[attr-defined]
# A list or dictionary of so many plain values is hashed in one piece; below, the walk is cheaper than the pickler.
_BULK = 32


class CannotFingerprint(Exception):  # noqa: N818 - told to the caller as a fact, seldom an error
    """The value holds something whose content cannot be known: take it as changed."""


def fingerprint(
    value: Any,
    *,
    namespace: Mapping[str, Any] | None = None,
    trace: Trace | None = None,
    roots: Mapping[int, str] | None = None,
) -> str:
    """Return the fingerprint of a value, 40 hexadecimal digits.

    Parameters
    ----------
    value
        Any Python object.
    namespace
        The notebook's globals: functions living in it are hashed without following their globals.
    trace
        Filled with what the walk saw, when given.
    roots
        Ids of objects that are known by a token: they are hashed as it, and noted in `Trace.refs`.

    Raises
    ------
    CannotFingerprint
        When some part of the value has no content that can be read.
    """
    walker = Walker(namespace, trace if trace is not None else Trace(), roots or {})
    try:
        walker.walk(value)
    except (CannotFingerprint, RecursionError):
        raise
    except Exception as error:  # a reduce method may raise anything
        message = f"{type(value).__name__}: {type(error).__name__}: {error}"
        raise CannotFingerprint(message) from error
    return walker.digest()


def fingerprint_if_known(value: Any, *, namespace: Mapping[str, Any] | None = None) -> str | None:
    """Return the fingerprint of a value, or nothing where its content cannot be known."""
    try:
        return fingerprint(value, namespace=namespace)
    except (CannotFingerprint, RecursionError):
        return None


class Walker(Stream):
    """One walk over one value: the hash so far, and what was met."""

    def __init__(
        self,
        namespace: Mapping[str, Any] | None,
        trace: Trace,
        roots: Mapping[int, str],
        known: Walker | None = None,
    ) -> None:
        super().__init__()
        # Of each type how it is walked and its name as it is hashed, attributes as they are; the names of classes that
        # a module holds, as they are hashed.
        self.walks: dict[type, Callable[[Walker, Any], None]] = known.walks if known else {}
        self.named: dict[type, bytes] = known.named if known else {}
        self.keys: dict[str, bytes] = known.keys if known else {}
        self.classes: dict[type, bytes] = known.classes if known else {}
        # What is hashed of each object of a type whose instances are made and stored as nearly all are.
        self.ordinary: dict[type, bytes] = known.ordinary if known else {}
        self.seen: dict[int, int] = {}
        self.namespace = namespace
        self.roots = roots
        self.trace = trace
        self.in_frame = 0
        # Of each owner of memory the first array that lay in it, with its number.
        self.lying: dict[int, tuple[int, MemoryPlace]] = {}
        # How deep inside objects of Matplotlib, and the constants that are met there.
        self.in_figure: int = known.in_figure if known else 0
        self.constants: Mapping[int, Any] = known.constants if known else {}
        # The sets whose elements are glanced at, from the outermost in: what leads back into one is a cycle.
        self.within: tuple[int, ...] = known.within if known else ()
        # How many objects a glance may still go through, whether it was through all of them, and what is left for more.
        self.left: int | None = None
        self.complete = True
        self.allowance: list[int] = known.allowance if known else [fingerprint_sets.ALLOWANCE]

    def apart(self, of: Any, limit: int) -> Walker:
        """Return a walker for a glance at a part of `of`, whose place among the others does not count."""
        trace = Trace(elsewhere=self.trace.elsewhere, constants=self.trace.constants)
        inner = Walker(self.namespace, trace, self.roots, self)
        inner.within = (*self.within, id(of))
        inner.left = limit
        return inner

    def met(self, value: Any) -> bool:
        """Say whether a value with identity was met before, and then hash its number; else give it one."""
        known = self.seen.get(key := id(value))
        if known is not None:
            self.gathered += AGAIN + known.to_bytes(8, "little")
            return True
        if self.left is not None:
            self.one_less()
        self.seen[key] = len(self.seen)
        self.trace.alive.append(value)
        return False

    def one_less(self) -> None:
        """Count an object of a glance."""
        self.left = (self.left or 0) - 1
        if self.left < 0:
            raise fingerprint_sets.SeenEnough

    def known(self, value: Any) -> bool:
        """Say whether this walk, or one over another value, has been through an object that can change."""
        # As `met` and `been_through` do, in one call: most of a walk is this.
        key, trace = id(value), self.trace
        seen = self.seen
        if key in seen or self.left is not None:
            return self.met(value) or self.been_through(value)
        number = seen[key] = len(seen)
        trace.alive.append(value)
        if key in self.constants:
            trace.met.add(key)
            return False
        trace.shared.add(key)
        trace.numbers[key] = number
        return key in trace.elsewhere and self.been_through(value)

    def been_through(self, value: Any) -> bool:
        """Note an object that can change; say whether the walk over another value has been through it."""
        if self.constants and self.constant(value):
            return False
        key, trace = id(value), self.trace
        trace.shared.add(key)
        trace.numbers[key] = self.seen[key]
        name = trace.elsewhere.get(key)
        if name is None:
            return False
        self.tag("elsewhere", name.encode())
        return True

    def lies(self, value: Any, place: MemoryPlace) -> None:
        """Note where a value lies; hash how it lies to the first in the same memory, through which it can be changed.

        Columns of frames do not change each other (copy-on-write), and how a frame lays them out is no content.
        """
        self.trace.places[id(value)] = place
        number, first = self.lying.setdefault(place.owner, (self.seen[id(value)], place))
        if first is not place and not (first.framed and place.framed):
            self.tag("lies", repr((number, first.strides, place.from_(first))).encode())

    def constant(self, value: Any) -> bool:
        """Say whether an object is a library's own, met where the library put it; then it is not shared."""
        if id(value) not in self.constants:
            return False
        self.trace.met.add(id(value))
        return True

    def walk(self, value: Any) -> None:
        """Hash a value of any type."""
        kind = type(value)
        if kind is str:
            text = value.encode() if value.isascii() else value.encode("utf-8", "surrogatepass")
            self.gathered += STR + len(text).to_bytes(8, "little") + text
        elif kind is float:
            self.gathered += FLOAT + struct.pack("<d", value)
            if value != value:  # noqa: PLR0124 - only NaN is not itself
                self.trace.nans[id(value)] = value
        elif kind is int:
            digits = b"%d" % value
            self.gathered += INT + len(digits).to_bytes(8, "little") + digits
        elif value is None or kind is bool:
            self.gathered += CONSTANTS[value]
        elif (token := self.roots.get(id(value))) is not None:
            self.trace.refs.add(token)
            self.tag("root", token.encode())
        else:
            walk = self.walks.get(kind)
            if walk is None:
                walk = self.walks[kind] = _walk_of(kind)
            walk(self, value)

    def bulk(self, values: Iterable[Any]) -> bool:
        """Hash a flat run of plain values in one piece; False when something else is among them."""
        flat = list(values)
        if len(flat) < _BULK or not {type(value) for value in flat} <= PLAIN:
            return False
        # `x in values` finds a NaN by identity.
        self.trace.nans.update((id(value), value) for value in flat if type(value) is float and value != value)  # noqa: PLR0124
        out = io.BytesIO()
        pickler = pickle.Pickler(out, protocol=4)
        # `fast` switches the memo off: equal values give equal bytes whether or not they are one object.
        pickler.fast = True
        pickler.dump(flat)
        self.buffer("bulk", out.getbuffer())
        return True

    def reduced(self, value: Any, left_out: frozenset[str] = frozenset()) -> None:
        """Hash an object by what pickle would store of it, but for attributes that are no content."""
        kind = type(value)
        head = self.ordinary.get(kind)
        if head is not None:
            state = value.__getstate__()
            self.trace.alive.append(state)
            self.gathered += head
            self.state(state, left_out)
            return
        named = self.named.get(kind)
        if named is None:
            if self.namespace is not None and has_hooks(kind, self.namespace):
                message = f"{kind.__name__} says itself what pickle sees of it"
                raise CannotFingerprint(message)
            named = self.named[kind] = part("object", f"{kind.__module__}.{kind.__qualname__}".encode())
            self.trace.modules.add(kind.__module__)
        reducer = copyreg.dispatch_table.get(kind)
        reduced: Any = reducer(value) if reducer is not None else quiet_reduce(value)
        fingerprint_data.note_held_arrays(self, value)
        self.gathered += named
        if isinstance(reduced, str):
            self.tag("global", reduced.encode())
            return
        self.trace.alive.append(reduced)
        make, arguments, *rest = reduced
        if make is _MAKES and len(arguments) == 1 and arguments[0] is kind:
            # As nearly all are made. A function may have made the class, then this is the walk over its body.
            self.gathered += NEW
            self.walk(kind)
            if kind in self.classes and is_ordinary(kind):
                self.ordinary[kind] = named + NEW + self.classes[kind]
        else:
            if kind.__module__ == "__main__":
                self.walk(kind)
            self.walk(make)
            self.walk(tuple(arguments))
        state, items, pairs = (*rest, None, None, None)[:3]
        self.state(state, left_out)
        for item in items or ():
            self.walk(item)
        for key, item in pairs or ():
            self.walk(key)
            self.walk(item)

    def state(self, state: Any, left_out: frozenset[str]) -> None:
        """Hash what pickle would store of an object's attributes, but for those that are no content."""
        if left_out and type(state) is dict:
            # Sorted, because those left out may have come in another order when it was loaded.
            state = {name: state[name] for name in sorted(state.keys() - left_out)}
        self.walk(state)


def _bytes(walker: Walker, value: bytes) -> None:
    walker.tag("bytes", value)


def _complex(walker: Walker, value: complex) -> None:
    walker.tag("complex", struct.pack("<dd", value.real, value.imag))
    if value != value:  # noqa: PLR0124
        walker.trace.nans[id(value)] = value  # type: ignore[assignment]


def _sequence(walker: Walker, value: Any) -> None:
    if type(value) is tuple:
        # A tuple's own identity does not matter, but a list inside it may lead back to it.
        if _is_plain(value):
            if walker.left is not None:
                walker.one_less()
        elif walker.met(value):
            return
    elif walker.known(value):
        return
    walker.gathered += HEADS[type(value)] + len(value).to_bytes(8, "little")
    if len(value) < _BULK or not walker.bulk(value):
        for item in value:
            walker.walk(item)


def _is_plain(value: tuple[Any, ...], depth: int = 3) -> bool:
    """Say whether a tuple holds plain values only, and tuples of such; to look deeper would cost too much."""
    return depth > 0 and all(
        type(item) in PLAIN or (type(item) is tuple and _is_plain(item, depth - 1)) for item in value
    )


def _mapping(walker: Walker, value: dict[Any, Any]) -> None:
    if walker.known(value):
        return
    if walker.namespace is not None and value is walker.namespace:
        walker.tag("namespace")
        return
    walker.gathered += HEADS[dict] + len(value).to_bytes(8, "little")
    if 2 * len(value) < _BULK or not walker.bulk(chain.from_iterable(value.items())):
        keys = walker.keys if len(value) < _ATTRIBUTES else {}
        for key, item in value.items():
            if type(key) is str:
                if key not in keys:
                    keys[key] = part("str", key.encode("utf-8", "surrogatepass"))
                walker.gathered += keys[key]
            else:
                walker.walk(key)
            if item is None or item is True or item is False:
                walker.gathered += CONSTANTS[item]
            else:
                walker.walk(item)


def _byte_array(walker: Walker, value: bytearray) -> None:
    if not walker.known(value):
        walker.buffer("bytearray", value)


def _view(walker: Walker, value: Any) -> None:
    # A view or a proxy shows a dictionary and follows its changes: it is that very dictionary.
    walker.tag(type(value).__name__)
    walker.walk(behind(value))


_CONTAINERS: dict[type, Callable[[Walker, Any], None]] = {
    bytes: _bytes,
    complex: _complex,
    list: _sequence,
    tuple: _sequence,
    dict: _mapping,
    set: fingerprint_sets.unordered,
    frozenset: fingerprint_sets.unordered,
    bytearray: _byte_array,
    types.MappingProxyType: _view,
    **dict.fromkeys(VIEWS, _view),
}


def _object(walker: Walker, value: Any) -> None:
    if not walker.known(value):
        walker.reduced(value)


def _walk_of(kind: type) -> Callable[[Walker, Any], None]:
    """Return how values of a type are walked."""
    # Here and not above: the walks of code know the walker.
    from mlops_nb.artifacts import fingerprint_code, fingerprint_figure

    known = _CONTAINERS.get(kind) or fingerprint_code.WALKS.get(kind)
    if known is not None:
        return known
    if issubclass(kind, type):
        return fingerprint_code.class_
    if issubclass(kind, types.ModuleType):
        return fingerprint_code.module_of_its_own_kind
    if is_immutable(kind):
        return Walker.reduced
    return fingerprint_data.walk_of(kind) or fingerprint_figure.walk_of(kind) or _object
