// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Generate;

/// <summary>Mappings, and the ways to what is in them.</summary>
internal sealed partial class Generator
{
    private const ulong MapShared = 0x1;
    private const ulong MapPrivate = 0x2;
    private const ulong MapFixed = 0x10;
    private const ulong MapAnonymous = 0x20;
    private const ulong Map32Bit = 0x40;
    private const ulong MapLocked = 0x2000;
    private const ulong MapPopulate = 0x8000;
    private const ulong MapFixedNoReplace = 0x10_0000;

    private static readonly string[] _advice =
    [
        "NORMAL", "RANDOM", "SEQUENTIAL", "WILLNEED", "DONTNEED", "FREE", "REMOVE", "DONTFORK", "DOFORK", "MERGEABLE", "UNMERGEABLE", "HUGEPAGE",
        "NOHUGEPAGE", "DONTDUMP", "DODUMP", "WIPEONFORK", "KEEPONFORK", "COLD", "PAGEOUT", "POPULATE_READ", "POPULATE_WRITE", "DONTNEED_LOCKED",
        "COLLAPSE", "GUARD_INSTALL", "GUARD_REMOVE", "DONTNEED", "DONTNEED_LOCKED", "REMOVE", "POPULATE_READ", "POPULATE_WRITE",
    ];

    private static readonly string[] _adviceNumbers = ["5", "6", "7", "26", "27", "99", "104", "1000", "-1", "2147483647", "4", "23", "9"];

    /// <summary>Gets a length that is longer than any address space that the sequence may meet.</summary>
    private ulong TooLong => _options.ModelOnly ? 1UL << 56 : 1UL << 47;

    // Mapping.

    private bool DrawMmap()
    {
        if (_random.OneIn(40))
            return EmitMmap(null);
        KnownFd? fd = Odd(5) ? PickAnyFd() : PickFd(FileKind.Gmem, FileKind.Secret, FileKind.Memfd, FileKind.TmpFile);
        return fd is not null && EmitMmap(fd.Name);
    }

    private bool DrawMmapAnon()
    {
        ulong length = Odd(4) ? _random.Of<ulong>([0, 1, Page - 1, Page + 1, TooLong, ulong.MaxValue]) : _random.Of<ulong>(_sizes);
        ulong prot = _random.Percent(70) ? 3 : Flags([0, 1, 2, 3], [4, 5, 7, 8]);
        _newMap = new KnownMap(string.Empty, length, prot, Shared: false, null, 0);
        return Emit(Op("mmap_anon").With("len", length).With("prot", prot).With("as", NewName("anon")));
    }

    private bool EmitMmap(string? name)
    {
        KnownFd? fd = name is null ? null : _state.FindFd(name);
        ulong size = fd is { Open: true } ? fd.File.Size : 4 * Page;
        bool anonymous = fd is null && _random.Percent(70);

        ulong length = _random.Below(20) switch
        {
            < 9 when size is > 0 and <= Small => size,
            < 14 => (ulong)(1 + _random.Below(8)) * Page,
            14 => size is > 0 and <= Small ? size + Page : Page,
            15 => _random.Of<ulong>([0, 1, Page - 1, Page + 1]),
            16 => _random.Of<ulong>([1UL << 20, 1UL << 24, 1UL << 30, 1UL << 40]),
            17 => _random.Of<ulong>([TooLong, 1UL << 63, ulong.MaxValue]),
            _ => _random.Of<ulong>(_sizes),
        };
        ulong offset = _random.Below(16) switch
        {
            < 10 => 0,
            < 14 => (ulong)_random.Below(16) * Page,
            14 => size <= Small ? size & ~(Page - 1) : Page,
            _ => _random.Of<ulong>([1, Page - 1, 2UL << 20, 1UL << 40, 1UL << 62, (1UL << 63) - Page, 1UL << 63, ulong.MaxValue - Page + 1]),
        };
        ulong prot = _random.Percent(70) ? 3 : Flags([0, 1, 2, 3], [4, 5, 6, 7, 8, 0x100_0000]);
        ulong flags = MmapFlags(fd, anonymous);
        KnownMap? place = _state.Maps.Count > 0 && (flags & (MapFixed | MapFixedNoReplace)) != 0 ? PickMap() : null;
        if (place is null || !place.Alone)
        {
            flags &= ~(MapFixed | MapFixedNoReplace);
            place = null;
        }

        if (((flags & (MapPopulate | MapLocked)) != 0 || _state.FutureLocked || place is not null) && length is > Small and < (1UL << 46))
            length = 2 * Page;

        OperationWriter op = Op("mmap");
        if (fd is null)
            op.WithNull("fd");
        else
            op.With("fd", fd.Name);
        op.With("len", length).With("prot", prot).With("flags", flags).With("offset", offset);
        bool alone = length <= 1UL << 40 && (flags & Map32Bit) == 0;
        if (place is not null)
            op.WithPlace("at", place.Name, Odd() ? Offset(place) : AlignedOffset(place));
        _newMap = new KnownMap(string.Empty, length, prot, (flags & MapShared) != 0, anonymous ? null : fd?.File, offset) { Alone = alone };
        return Emit(op.With("as", NewName("map")));
    }

    private ulong MmapFlags(KnownFd? fd, bool anonymous)
    {
        ulong kind = _random.Below(20) switch
        {
            < 14 => MapShared,
            < 17 => MapPrivate,
            < 19 => MapShared | MapPrivate,
            _ => 0,
        };

        // Private memory is only had of tmpfs, the disk and nothing; there it is as good as shared.
        if ((fd is null || fd.File.Kind is FileKind.Memfd or FileKind.TmpFile) && _random.OneIn(2))
            kind = MapPrivate;
        if (anonymous)
            kind |= MapAnonymous;
        if (_random.Percent(10))
            kind |= _random.OneIn(2) ? MapFixed : MapFixedNoReplace;
        if (_random.Percent(14))
            kind |= _random.Of<ulong>([0x100, 0x800, 0x1000, MapLocked, 0x4000, MapPopulate, MapPopulate | 0x1_0000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, Map32Bit, 0x20, 0x400_0000, 0x4, 0x8000_0000]);
        return kind;
    }

    private bool DrawUnmap()
    {
        if (PickMap() is not { } map)
            return false;
        long off = _random.OneIn(2) ? 0 : RangeOffset(map);
        ulong length = _random.Below(10) switch
        {
            < 3 => map.Length < 1UL << 41 ? map.Length : Page,
            3 => map.Alone ? _random.Of<ulong>([0, TooLong, 1UL << 63, ulong.MaxValue, ulong.MaxValue - Page + 1]) : Page,
            _ => RangeLength(map, wraps: false),
        };
        if (off == 0 && length > 0)
            _onSuccess = () => _state.MarkGone(map.Name);
        return Emit(Op("munmap").With("map", map.Name).With("off", off).With("len", length));
    }

    private bool DrawProtect()
    {
        if (PickMap() is not { } map)
            return false;
        ulong prot = _random.Percent(45) ? 3 : Flags([0, 1, 2, 3], [4, 5, 6, 7, 8, 16, 0x100_0000, 0x200_0000, 0x300_0000, ulong.MaxValue]);
        return Emit(Op("mprotect").With("map", map.Name).With("off", RangeOffset(map)).With("len", RangeLength(map, wraps: true)).With("prot", prot));
    }

    private bool DrawRemap()
    {
        if (PickMap() is not { } map)
            return false;
        long off = RangeOffset(map);
        ulong oldLength = _random.Below(10) switch
        {
            < 3 => map.Length <= Small ? map.Length : Page,
            9 => _random.Of<ulong>([0, 1, Page - 1, Page + 1]),
            _ => (ulong)(1 + _random.Below(8)) * Page,
        };
        ulong newLength = _random.Below(12) switch
        {
            < 4 => oldLength,
            < 7 => (ulong)(1 + _random.Below(10)) * Page,
            7 => oldLength + Page,
            8 => oldLength + 1,
            9 => oldLength >= Page ? oldLength - Page : 0,
            10 => _random.Of<ulong>([0, 1, Page - 1, Page + 1, 2UL << 20, (2UL << 20) + Page]),
            _ => _random.Of<ulong>([TooLong, 1UL << 63, ulong.MaxValue]),
        };
        ulong flags = _random.Below(10) switch
        {
            < 4 => 1,
            < 6 => 3,
            6 => 5,
            7 => 7,
            8 => 0,
            _ => _random.Of<ulong>([2, 4, 6, 8, 9, 15, 0x8000_0000]),
        };
        KnownMap? to = (flags & 6) != 0 && _random.OneIn(3) ? PickMap() : null;
        if (to is { Alone: false })
            to = null;
        OperationWriter op = Op("mremap").With("map", map.Name).With("off", off).With("old_len", oldLength).With("new_len", newLength).With("flags", flags);
        if (to is not null)
            op.WithPlace("to", to.Name, Odd() ? Offset(to) : AlignedOffset(to));
        _newMap = map with { Name = string.Empty, Length = newLength, Alone = to is not null || map.Alone, Gone = false };
        if ((flags & 4) == 0 && off == 0 && (flags & 2) != 0)
            _onSuccess = () => _state.MarkGone(map.Name);
        if (_random.OneIn(6))
            return Emit(op);
        return Emit(op.With("as", NewName("map")));
    }

    private bool DrawAdvise()
    {
        if (PickMap() is not { } map)
            return false;
        string advice = _random.Of<string>(_advice);
        if (Odd(4))
            advice = _random.Of<string>(_adviceNumbers);
        return Emit(Op("madvise").With("map", map.Name).With("off", RangeOffset(map)).With("len", RangeLength(map, wraps: true)).With("advice", advice));
    }

    // Loads and stores.

    private bool DrawAccess()
    {
        if (PickMap() is not { } map)
            return false;
        switch (_random.Below(20))
        {
            case < 9:
                return EmitStore(map);
            case < 16:
                return EmitLoad("load", map);
            case 16:
            {
                ulong length = _random.Of<ulong>([Page, 4 * Page, 1, Page - 1, 8 * Page]);
                return Emit(Op("fill").With("map", map.Name).With("off", AlignedOffset(map)).With("len", Fit(map, length)).With("byte", (long)_random.Below(256)));
            }

            default:
            {
                ulong length = _random.Of<ulong>([Page, 2 * Page, 4 * Page, 1, 16 * Page]);
                return Emit(Op("scan").With("map", map.Name).With("off", AlignedOffset(map)).With("len", Fit(map, length)));
            }
        }
    }

    /// <summary>A length that does not leave a mapping whose surroundings are unknown.</summary>
    private ulong Fit(KnownMap map, ulong length) => map.Alone ? length : Math.Min(length, 1);

    private bool EmitStore(KnownMap map)
    {
        byte[] bytes = map.Alone ? SomeBytes() : [1];
        return Emit(Op("store").With("map", map.Name).With("off", Offset(map)).With("hex", bytes));
    }

    private bool EmitLoad(string op, KnownMap map) =>
        Emit(Op(op).With("map", map.Name).With("off", Offset(map)).With("len", Fit(map, _random.Of<ulong>([1, 4, 8, 16, 32]))));

    // Locking.

    private bool DrawLock()
    {
        int what = _random.Below(20);
        if (what == 0)
        {
            // MCL_CURRENT does not occur: it would lock the recorder.
            ulong flags = Flags([2, 6], [0, 4, 8, 16]);
            if (flags is 2 or 6)
                _onSuccess = () => _state.FutureLocked = true;
            return Emit(Op("mlockall").With("flags", flags));
        }

        if (what is 1 or 2)
        {
            if (!_state.FutureLocked && _random.OneIn(2))
                return false;
            _onSuccess = () => _state.FutureLocked = false;
            return Emit(Op("munlockall"));
        }

        if (what is 3 or 4)
            return Emit(Op("vm_locked"));
        if (PickMap() is not { } map)
            return false;
        OperationWriter op = Op(what < 11 ? "mlock" : what < 15 ? "mlock2" : "munlock").With("map", map.Name).With("off", Odd() ? Offset(map) : AlignedOffset(map))
            .With("len", RangeLength(map, wraps: true));
        return Emit(what is >= 11 and < 15 ? op.With("flags", Flags([0, 1], [2, 3, 0x8000_0000])) : op);
    }

    private bool DrawLimit()
    {
        ulong bytes = _random.Of<ulong>([0, 4095, 4096, 16384, 65536, 1 << 18, 1 << 20, 8 << 20, (8 << 20) + 1, 12288, 32768]);
        OperationWriter op = Op("setrlimit_memlock").With("bytes", bytes);
        return Emit(_random.OneIn(3) ? op : op.With("drop_caps", !_random.OneIn(5)));
    }

    // Questions.

    private bool DrawSync()
    {
        if (PickMap() is not { } map)
            return false;
        long off = RangeOffset(map);
        if (_random.OneIn(3))
            return Emit(Op("mincore").With("map", map.Name).With("off", off).With("len", RangeLength(map, wraps: false)));
        ulong flags = Flags([0, 1, 2, 4, 5, 6], [3, 7, 8, 0x8000_0000]);
        return Emit(Op("msync").With("map", map.Name).With("off", off).With("len", RangeLength(map, wraps: true)).With("flags", flags));
    }

    private bool DrawPolicy()
    {
        if (PickMap() is not { } map)
            return false;
        if (_random.OneIn(3))
        {
            ulong flags = Flags([2], [0, 1, 3, 4, 6, 8]);

            // What MPOL_F_NODE and a task's own policy answer is the host's affair.
            if (!_options.ModelOnly)
                flags = 2;
            return Emit(Op("get_mempolicy").With("map", map.Name).With("off", Offset(map)).With("flags", flags));
        }

        if (_random.OneIn(3))
        {
            ulong pages = map.Alone ? _random.Of<ulong>([1, 2, 3, 4, 8]) : 1;
            return Emit(Op("move_pages_query").With("map", map.Name).With("off", AlignedOffset(map)).With("pages", pages));
        }

        ulong mode = Flags([0, 1, 2, 3, 4, 5], [6, 7, 100, 1 << 15, (1 << 15) | 2, (1 << 14) | 2, (1 << 13) | 2, (1 << 14) | (1 << 15)]);
        ulong nodes = Flags([0, 1, 1], [2, 3, 1UL << 63, ulong.MaxValue]);
        return Emit(Op("mbind").With("map", map.Name).With("off", RangeOffset(map)).With("len", RangeLength(map, wraps: true)).With("mode", mode)
            .With("nodemask", nodes).With("flags", Flags([0, 0, 1, 2, 3], [4, 7, 8, 16])));
    }

    private bool DrawUserfault()
    {
        if (PickMap() is not { } map)
            return false;
        return Emit(Op("userfaultfd_register").With("map", map.Name).With("off", RangeOffset(map)).With("len", RangeLength(map, wraps: true))
            .With("mode", Flags([1, 2, 3, 4], [0, 5, 6, 7, 8, 1UL << 63])));
    }

    private bool DrawLook()
    {
        if (_options.ModelOnly && Odd(5))
            return Emit(Op("direct_map_stats"));
        if (PickMap() is not { } map)
            return false;
        return _random.Below(3) switch
        {
            0 => Emit(Op("maps_entry").With("map", map.Name).With("off", map.Alone ? Offset(map) : 0)),
            1 when map.Alone => Emit(Op("vmas").With("map", map.Name)),
            _ => Emit(Op("smaps_entry").With("map", map.Name).With("off", map.Alone ? Offset(map) : 0)),
        };
    }

    // By way of the kernel.

    private bool DrawGup()
    {
        if (PickMap() is not { } map)
            return false;
        long off = Offset(map);
        switch (_random.Below(13))
        {
            case 0:
                return Emit(Op("process_vm_readv").With("map", map.Name).With("off", off).With("len", GupLength(map)));
            case 1:
                return Emit(Op("process_vm_writev").With("map", map.Name).With("off", off).With("hex", SomeBytes()));
            case 2:
                return Emit(Op("proc_mem_read").With("map", map.Name).With("off", off).With("len", GupLength(map)));
            case 3:
                return Emit(Op("proc_mem_write").With("map", map.Name).With("off", off).With("hex", SomeBytes()));
            case 4:
                return Emit(Op("odirect_write_from").With("map", map.Name).With("off", DirectOffset(map)).With("len", DirectLength(map)));
            case 5:
                return Emit(Op("odirect_read_into").With("map", map.Name).With("off", DirectOffset(map)).With("len", DirectLength(map)).With("byte", (long)_random.Below(256)));
            case 6:
                return Emit(Op("vmsplice").With("map", map.Name).With("off", off).With("len", Fit(map, _random.Of<ulong>([16, Page, Page + 16, 2 * Page, 0, 1, 16 * Page])))
                    .With("flags", Flags([0, 8], [1, 2, 4, 10, 16])));
            case 7:
                return Emit(Op("pipe_write_from").With("map", map.Name).With("off", off).With("len", Fit(map, _random.Of<ulong>([1, 8, 16, Page, Page + 1, 0, 4 * Page]))));
            case 8:
                return Emit(Op("pipe_read_into").With("map", map.Name).With("off", off).With("hex", SomeBytes()));
            case 9:
                return Emit(Op("iouring_register").With("map", map.Name).With("off", _random.OneIn(2) ? off : AlignedOffset(map))
                    .With("len", Fit(map, Odd(15) ? _random.Of<ulong>([0, 1, Page - 1, Page + 1, (1UL << 30) + Page, ulong.MaxValue]) : (ulong)(1 + _random.Below(4)) * Page)));
            case 10:
            case 11:
                return Emit(Op("futex_wake").With("map", map.Name).With("off", Odd(12) ? off : off & ~3L).With("private", _random.OneIn(2) ? 1L : 0L));
            default:
                return EmitLoad("fork_child_load", map);
        }
    }

    private ulong GupLength(KnownMap map) => Fit(map, Odd(15) ? _random.Of<ulong>([0, Page, Page + 1, 3 * Page, 16 * Page]) : _random.Of<ulong>([1, 8, 16]));

    private long DirectOffset(KnownMap map)
    {
        long off = AlignedOffset(map);
        return _random.Below(12) switch
        {
            0 => off + 512,
            1 => off + 1,
            2 => off + 4,
            3 => off + 3584,
            _ => off,
        };
    }

    private ulong DirectLength(KnownMap map) => map.Alone ? Odd(25) ? _random.Of<ulong>([0, 1, 512, 100, 1024, 3584, Page + 512, 4 * Page]) : (ulong)(1 + _random.Below(2)) * Page : 512;
}
