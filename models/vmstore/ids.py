"""Handle ids and addresses as distinct types; a field's type selects its codec and its pool.

The id of a handle is chosen by the trace. Every kind of handle has its own number space and its
own prefix in the text form (`f0` is a frame, `s3` a segment).
"""

from dataclasses import dataclass
from typing import Final, Literal, NewType

Paddr = NewType("Paddr", int)  # physical byte address
PaddrEnd = NewType("PaddrEnd", int)  # physical byte address, exclusive end
ByteOffset = NewType("ByteOffset", int)  # bytes from the start of the op's handle
ByteOffsetEnd = NewType("ByteOffsetEnd", int)  # the same, exclusive end
MetaVal = NewType("MetaVal", int)  # payload of a page's metadata, 64 bits
NO_VAL: Final = MetaVal(0)
IoOffset = NewType("IoOffset", int)  # bytes from the start of a frame, segment or buffer
IoLength = NewType("IoLength", int)  # bytes asked for; any 64-bit number
IoVal = NewType("IoVal", int)  # a value to be written, truncated to its scalar type
BufLength = NewType("BufLength", int)  # bytes of a kernel buffer, at most MAX_BUF
Seed = NewType("Seed", int)  # first byte of a buffer's pattern
Payload = NewType("Payload", bytes)  # bytes to be written, at most MAX_PAYLOAD
CountWord = NewType("CountWord", str)  # a reference-count word: a number, or a name such as MAX-1
Vaddr = NewType("Vaddr", int)  # virtual byte address
VaddrEnd = NewType("VaddrEnd", int)  # virtual byte address, exclusive end
ByteLength = NewType("ByteLength", int)  # bytes from where the op's cursor stands
Level = NewType("Level", int)  # page-table level, 1 maps pages
CpuNumber = NewType("CpuNumber", int)
PageCount = NewType("PageCount", int)
PageFlags = NewType("PageFlags", int)  # R 1, W 2, X 4, ACCESSED 8, DIRTY 16, AVAIL2 128
PrivFlags = NewType("PrivFlags", int)  # USER 1, GLOBAL 2, AVAIL1 64, SHARED 128
Deferred = NewType("Deferred", bool)
NO_FLAGS: Final = PageFlags(0)
NO_PRIV: Final = PrivFlags(0)
CachePolicy = Literal["WB", "WT", "WC", "UC", "WP"]
Prop = tuple[int, str, int]  # property of a mapping: flags, cache policy, privileged flags
CacheChange = Literal["keep", "WB", "WT", "WC", "UC", "WP"]
TableConfig = Literal["user", "kernel", "kernel_full", "test"]
FlushKind = Literal["all", "single", "range"]
AccessKind = Literal["load", "store"]
MetaKind = Literal["unit", "umeta", "tmeta", "link"]  # metadata types of the recorded programs

Scalar = Literal["u8", "u16", "u32", "u64"]  # integer types of typed reads and writes, by size

MAX_BUF: Final = 0xFFFF
MAX_PAYLOAD: Final = 0xFF
SCALARS: Final[tuple[Scalar, ...]] = ("u8", "u16", "u32", "u64")
META_KINDS: Final[tuple[MetaKind, ...]] = ("unit", "umeta", "tmeta", "link")
CACHE_POLICIES: Final[tuple[CachePolicy, ...]] = ("WB", "WT", "WC", "UC", "WP")
CACHE_CHANGES: Final[tuple[CacheChange, ...]] = ("keep", *CACHE_POLICIES)
TABLE_CONFIGS: Final[tuple[TableConfig, ...]] = ("user", "kernel", "kernel_full", "test")
FLUSH_KINDS: Final[tuple[FlushKind, ...]] = ("all", "single", "range")
ACCESS_KINDS: Final[tuple[AccessKind, ...]] = ("load", "store")
WITHOUT_PAYLOAD: Final = frozenset({"unit", "pt"})
UNTYPED_KINDS: Final = frozenset({"unit", "umeta", "link"})

FrameId = NewType("FrameId", int)
RawId = NewType("RawId", int)
SegmentId = NewType("SegmentId", int)
RawSegmentId = NewType("RawSegmentId", int)
UniqueId = NewType("UniqueId", int)
RawUniqueId = NewType("RawUniqueId", int)
ListId = NewType("ListId", int)
LcursorId = NewType("LcursorId", int)
VmSpaceId = NewType("VmSpaceId", int)
CursorId = NewType("CursorId", int)
PtableId = NewType("PtableId", int)
PtcursorId = NewType("PtcursorId", int)
BufId = NewType("BufId", int)
ReaderId = NewType("ReaderId", int)
WriterId = NewType("WriterId", int)


@dataclass(frozen=True, slots=True)
class HandleKind:
    """A kind of handle: its name in outcomes and arguments, its prefix in the text form."""

    name: str
    prefix: str


HANDLE_KINDS: Final[dict[object, HandleKind]] = {
    FrameId: HandleKind("frame", "f"),
    RawId: HandleKind("raw", "fr"),
    SegmentId: HandleKind("segment", "s"),
    RawSegmentId: HandleKind("raw_segment", "sr"),
    UniqueId: HandleKind("unique", "u"),
    RawUniqueId: HandleKind("raw_unique", "ur"),
    ListId: HandleKind("list", "l"),
    LcursorId: HandleKind("lcursor", "lc"),
    VmSpaceId: HandleKind("vs", "vs"),
    CursorId: HandleKind("cursor", "c"),
    PtableId: HandleKind("ptable", "pt"),
    PtcursorId: HandleKind("ptcursor", "pc"),
    BufId: HandleKind("buf", "b"),
    ReaderId: HandleKind("reader", "r"),
    WriterId: HandleKind("writer", "w"),
}
PREFIXES: Final = {kind.name: kind.prefix for kind in HANDLE_KINDS.values()}  # by kind
