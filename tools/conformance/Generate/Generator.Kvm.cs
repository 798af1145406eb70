// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Generate;

/// <summary>VMs, their slots and what is asked of them.</summary>
internal sealed partial class Generator
{
    private const ulong LogDirty = 1;
    private const ulong UseGmem = 4;

    /// <summary>No slot is larger: KVM keeps arrays with an element a page.</summary>
    private const ulong LargestSlot = 1UL << 30;

    private static readonly ulong[] _capabilities =
    [
        234, 136, 81, 128, 236, 168, 10, 244, 3, 118, 21, 220, 232, 192, 223, 16, 235, 9, 30, 233, 105, 40, 66, 231, 0, 245, 300, 100000,
    ];

    private static readonly ulong[] _enableCaps = [168, 168, 168, 168, 0, 3, 81, 128, 118, 182, 192, 220, 223, 231, 234, 236, 300, 100000];

    private bool DrawVm()
    {
        int vms = _state.CountOpen(FileKind.Vm);
        switch (_random.Below(vms == 0 ? 12 : 24))
        {
            case < 10 when vms < 4:
            {
                ulong type = _random.Percent(_options.ModelOnly ? 60 : 85) ? 0 : _random.Of<ulong>([1, 2, 3, 4, 5, 6, 255, 256, 1UL << 31, uint.MaxValue, 1UL << 32, ulong.MaxValue]);
                if (_options.ModelOnly && _random.OneIn(3))
                    type = 1;
                _newFile = new KnownFile { Kind = FileKind.Vm, Flags = type, Vm = new KnownVm { Type = type } };
                return Emit(Op("kvm_create_vm").With("type", type).With("as", NewName("vm")));
            }

            case 10:
                return Emit(Op("kvm_get_api_version"));
            default:
            {
                OperationWriter op = Op("kvm_check_extension");
                if (_random.OneIn(4))
                    op.WithNull("vm");
                else
                    WithFd(op, "vm", 4, FileKind.Vm);
                ulong cap = _random.Of<ulong>(_capabilities);
                if (_options.ModelOnly && _random.OneIn(10))
                    cap = (ulong)_random.Below(256);
                return Emit(op.With("cap", cap));
            }
        }
    }

    private bool DrawGmem()
    {
        if (_state.CountOpen(FileKind.Gmem) > 14)
            return DrawClose();
        OperationWriter op = Op("kvm_create_guest_memfd");
        KnownFd? vm = WithFd(op, "vm", 3, FileKind.Vm);
        ulong size = Odd(10)
            ? _random.Of<ulong>([0, 1, Page - 1, Page + 1, (2UL << 20) - Page, (2UL << 20) + Page, 1UL << 30, 1UL << 40, 1UL << 62, (1UL << 63) - Page, (1UL << 63) - 1, 1UL << 63, ulong.MaxValue - Page + 1, ulong.MaxValue])
            : _random.Of<ulong>(_sizes);
        ulong flags = _random.Percent(80) ? 3 : Flags([0, 1, 2, 3], [4, 7, 8, 1UL << 31, 1UL << 32, 1UL << 63, ulong.MaxValue]);
        op.With("size", size).With("flags", flags);
        if (Odd(4))
            op.With("reserved", SomeReserved(6));
        _newFile = new KnownFile { Kind = FileKind.Gmem, Size = size, Flags = flags, Vm = vm?.File.Vm };
        return Emit(op.With("as", NewName("gmem")));
    }

    private ulong[] SomeReserved(int count)
    {
        ulong[] values = new ulong[count];
        if (_random.OneIn(4))
            return values;
        for (int i = 0; i < count; i++)
            values[i] = _random.Of<ulong>([0, 0, 1, ulong.MaxValue]);
        return values;
    }

    private bool DrawSlot()
    {
        bool version2 = !_random.OneIn(5);
        OperationWriter op = Op(version2 ? "kvm_set_user_memory_region2" : "kvm_set_user_memory_region");
        KnownFd? fd = WithFd(op, "vm", 3, FileKind.Vm);
        if (fd is null && _random.OneIn(2))
            return DrawVm();
        KnownVm? vm = fd?.File.Vm;
        (uint id, KnownSlot slot) = DrawSlotFor(vm, version2);
        op.With("slot", (ulong)id).With("flags", (ulong)slot.Flags).With("gpa", slot.Gpa).With("size", slot.Size);
        if (slot.Map is { } map)
            op.WithPlace("hva", map, slot.Off);
        else
            op.With("hva", (ulong)slot.Off);
        if (version2)
            WithGmem(op, slot);
        if (vm is not null)
        {
            _onSuccess = slot.Size == 0
                ? () => vm.Slots.Remove(id)
                : () => vm.Slots[id] = slot;
        }

        return Emit(op);
    }

    private void WithGmem(OperationWriter op, KnownSlot slot)
    {
        if ((slot.Flags & UseGmem) != 0 || Odd(10))
        {
            if (slot.Gmem is { } gmem && !Odd(5))
                op.With("gmem", gmem);
            else
                WithFd(op, "gmem", 12, FileKind.Gmem);
            op.With("gmem_offset", slot.GmemOffset);
        }

        if (Odd(3))
            op.With("pad1", _random.Of<ulong>([0, 1, 7, uint.MaxValue]));
        if (Odd(3))
            op.With("pad2", SomeReserved(14));
    }

    /// <summary>A slot to make, move, change or delete; often one that is there, or that touches one.</summary>
    private (uint Id, KnownSlot Slot) DrawSlotFor(KnownVm? vm, bool version2)
    {
        uint id = (uint)(Odd(7)
            ? _random.Of<ulong>([9, 508, 511, 512, 32762, 32763, 32764, 32767, 32768, 65535, 65536, 65537, 1UL << 31, uint.MaxValue])
            : (ulong)_random.Below(8));
        ulong gpa = (ulong)_random.Below(64) * Page;
        ulong size = _random.Of<ulong>([Page, Page, 2 * Page, 4 * Page, 8 * Page, 3 * Page, 64 * Page]);
        ulong flags = _random.Below(10) switch
        {
            < 5 => version2 ? UseGmem : 0,
            < 8 => 0,
            _ => Flags([1, 2, 3, 5, 6, 7], [8, 9, 12, 16, 1UL << 31, 1 << 16, uint.MaxValue]),
        };
        (string? map, long off) = DrawHva(size);
        ulong gmemOffset = Odd(8)
            ? _random.Of<ulong>([1, Page - 1, 2048, 1UL << 40, 1UL << 62, (1UL << 63) - Page, 1UL << 63, ulong.MaxValue - Page + 1, ulong.MaxValue, ulong.MaxValue - (2 * Page) + 1])
            : _random.OneIn(2) ? 0 : (ulong)_random.Below(16) * Page;
        KnownFd? gmem = PickFd(FileKind.Gmem);

        if (gmem is not null && _random.OneIn(2) && gmem.File.Size is > 0 and < LargestSlot)
            size = Math.Min(size, gmem.File.Size);
        if (vm is { Slots.Count: > 0 } && _random.Percent(65))
        {
            uint other = vm.Slots.Keys.ElementAt(_random.Below(vm.Slots.Count));
            KnownSlot there = vm.Slots[other];
            switch (_random.Below(10))
            {
                case < 2:
                    return (other, there with { Size = 0, Flags = _random.OneIn(3) ? (uint)flags : 0 });
                case 2:
                    return (other, there with { Flags = there.Flags ^ (uint)_random.Of<ulong>([1, 2, 3, 4]) });
                case 3:
                    return (other, there with { Gpa = gpa });
                case 4:
                    return (other, there);
                case 5:
                    return (other, there with { Size = size });
                case 6:
                    return (other, there with { Map = map, Off = off });
                case 7:
                    gpa = unchecked(there.Gpa + there.Size);
                    break;
                case 8:
                    gpa = unchecked(there.Gpa - size);
                    break;
                default:
                    gpa = unchecked(there.Gpa + ((ulong)_random.Below(4) * Page));
                    break;
            }
        }

        if (Odd(5))
            gpa = _random.Of<ulong>([1, Page - 1, 1UL << 18, 1UL << 32, (1UL << 52) - Page, 1UL << 52, 1UL << 63, ulong.MaxValue - Page + 1, (1UL << 52) - (2 * Page)]);
        if (Odd(8))
            size = _random.Of<ulong>([0, 1, Page - 1, Page + 1, 2UL << 20, (2UL << 20) + Page, LargestSlot, 1UL << 43, 1UL << 47, 1UL << 52, 1UL << 63, ulong.MaxValue, ulong.MaxValue - Page + 1]);
        return (id, new KnownSlot(gpa, size, (uint)flags, map, off, gmem?.Name, gmemOffset));
    }

    private (string? Map, long Off) DrawHva(ulong size)
    {
        if (Odd(12))
            return (null, unchecked((long)_random.Of<ulong>([0, 1, Page, (1UL << 47) - Page, (1UL << 47) - (2 * Page), 1UL << 47, ulong.MaxValue - Page + 1, 1UL << 63])));
        KnownMap? map = PickMap();
        if (map is null || _random.OneIn(8))
            return (null, 0);
        if (Odd())
            return (map.Name, Offset(map));

        // Where a slot fits into the mapping, most of the time.
        ulong room = map.Length > size && map.Length <= 1UL << 30 ? (map.Length - size) / Page : 0;
        return (map.Name, room == 0 || _random.OneIn(3) ? 0 : (long)((ulong)_random.Below((int)Math.Min(room + 1, 64)) * Page));
    }

    private bool DrawVmMore()
    {
        switch (_random.Below(14))
        {
            case < 2:
                return DrawVcpu();
            case < 5:
                return DrawGetDirtyLog();
            case < 7:
                return DrawClearDirtyLog();
            case < 9:
                return DrawEnableCap();
            case < 11:
                return DrawWallClock();
            case < 13:
                return DrawAttributes();
            default:
                return DrawPreFault();
        }
    }

    private bool DrawVcpu()
    {
        OperationWriter op = Op("kvm_create_vcpu");
        KnownFd? vm = WithFd(op, "vm", 4, FileKind.Vm);
        if (vm?.File.Vm is { Vcpus: >= 4 })
            return false;
        ulong id = Odd(20) ? _random.Of<ulong>([1023, 1024, 4095, 4096, 1UL << 31, (1UL << 31) - 1, uint.MaxValue, 1UL << 32]) : (ulong)_random.Below(4);
        _newFile = new KnownFile { Kind = FileKind.Vcpu, Vm = vm?.File.Vm };
        if (vm?.File.Vm is { } known)
            _onSuccess = () => known.Vcpus++;
        return Emit(op.With("id", id).With("as", NewName("vcpu")));
    }

    private (uint Id, KnownSlot? Slot) PickSlot(KnownVm? vm)
    {
        if (vm is { Slots.Count: > 0 } && !Odd(20))
        {
            uint id = vm.Slots.Keys.ElementAt(_random.Below(vm.Slots.Count));

            // Those that log their writes first.
            foreach ((uint other, KnownSlot slot) in vm.Slots)
            {
                if ((slot.Flags & LogDirty) != 0 && _random.OneIn(2))
                    id = other;
            }

            return (id, vm.Slots[id]);
        }

        uint none = (uint)_random.Of<ulong>([0, 1, 2, 9, 32763, 32764, 32767, 32768, 65535, 65536, uint.MaxValue]);
        return (none, vm?.Slots.GetValueOrDefault(none));
    }

    private bool DrawGetDirtyLog()
    {
        OperationWriter op = Op("kvm_get_dirty_log");
        KnownFd? vm = WithFd(op, "vm", 4, FileKind.Vm);
        (uint id, KnownSlot? slot) = PickSlot(vm?.File.Vm);

        // Never fewer than the slot has: the kernel writes all of them.
        ulong pages = slot is null ? _random.Of<ulong>([1, 64]) : Math.Max(slot.Size / Page, 1);
        return Emit(op.With("slot", (ulong)id).With("pages", Math.Max(pages, LargestKnownSlotPages(vm?.File.Vm))));
    }

    /// <summary>A slot of another process's thread may have become larger meanwhile: then nothing is known.</summary>
    private ulong LargestKnownSlotPages(KnownVm? vm)
    {
        if (vm is null)
            return _options.Shared ? LargestSlot / Page : 1;
        return _options.Shared ? LargestSlot / Page : 0;
    }

    private bool DrawClearDirtyLog()
    {
        OperationWriter op = Op("kvm_clear_dirty_log");
        KnownFd? vm = WithFd(op, "vm", 4, FileKind.Vm);
        (uint id, KnownSlot? slot) = PickSlot(vm?.File.Vm);
        ulong pages = slot is { Size: > 0 and <= LargestSlot } ? slot.Size / Page : 64;
        ulong first = _random.Below(8) switch
        {
            < 4 => 0,
            4 => 64,
            5 => 1,
            6 => pages & ~63UL,
            _ => _random.Of<ulong>([128, pages, 1UL << 31, 1UL << 32, ulong.MaxValue, 1UL << 63, ulong.MaxValue - 63]),
        };
        ulong count = _random.Below(8) switch
        {
            < 3 => pages,
            3 => 64,
            4 => 0,
            5 => 1,
            6 => 8,
            _ => _random.Of<ulong>([pages + 1, 128, 63, 65, 1UL << 16]),
        };
        byte[] bits = _random.Of<byte[]>([[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [1], [0x55, 0xaa], [], [0, 0, 0, 0, 0, 0, 0, 0, 0xff]]);
        return Emit(op.With("slot", (ulong)id).With("first_page", first).With("num_pages", count).With("hex", bits));
    }

    private bool DrawEnableCap()
    {
        OperationWriter op = Op("kvm_enable_cap");
        WithFd(op, "vm", 4, FileKind.Vm);
        ulong cap = _random.Of<ulong>(_enableCaps);
        ulong[] args = new ulong[4];
        args[0] = _random.Of<ulong>([0, 1, 2, 3, 3, 4, 4096, 1UL << 63, ulong.MaxValue]);
        if (Odd())
            args[1 + _random.Below(3)] = 1;
        return Emit(op.With("cap", cap).With("flags", Odd() ? _random.Of<ulong>([1, 1UL << 31]) : 0).With("args", args));
    }

    private bool DrawWallClock()
    {
        if (_state.CountOpen(FileKind.Vcpu) == 0)
            return DrawVcpu();
        OperationWriter op = Op("kvm_write_wall_clock");
        KnownFd? vcpu = WithFd(op, "vcpu", 4, FileKind.Vcpu);
        ulong gpa = (ulong)_random.Below(66) * Page;
        if (vcpu?.File.Vm is { Slots.Count: > 0 } vm && _random.Percent(80))
        {
            KnownSlot slot = vm.Slots.Values.ElementAt(_random.Below(vm.Slots.Count));
            gpa = unchecked(slot.Gpa + ((ulong)_random.Below((int)Math.Clamp(slot.Size / Page, 1, 16)) * Page));
        }

        gpa = unchecked(gpa + _random.Of<ulong>([0, 0, 0, 8, 4, 1, Page - 12, Page - 8, Page - 4, Page - 1]));

        // Not when it is 0: that disables the clock.
        return Emit(op.With("gpa", gpa == 0 ? 4 : gpa));
    }

    private bool DrawAttributes()
    {
        OperationWriter op = Op("kvm_set_memory_attributes");
        WithFd(op, "vm", 4, FileKind.Vm);
        ulong gpa = Odd(8) ? _random.Of<ulong>([1, Page - 1, 2UL << 20, (1UL << 52) - Page, 1UL << 52, ulong.MaxValue - Page + 1]) : (ulong)_random.Below(20) * Page;
        ulong size = Odd(10) ? _random.Of<ulong>([0, 1, Page - 1, Page + 1, 2UL << 20, ulong.MaxValue, ulong.MaxValue - Page + 1]) : (ulong)(1 + _random.Below(17)) * Page;

        // One that does not wrap would be carried out, page by page.
        if (gpa == 0 && size > 1UL << 32)
            size = Page;
        return Emit(op.With("gpa", gpa).With("size", size).With("attributes", Flags([0, 8], [1, 2, 4, 7, 9, 16, 1UL << 63])).With("flags", Odd(15) ? 1UL : 0));
    }

    private bool DrawPreFault()
    {
        if (_state.CountOpen(FileKind.Vcpu) == 0)
            return DrawVcpu();
        OperationWriter op = Op("kvm_pre_fault_memory");
        WithFd(op, "vcpu", 4, FileKind.Vcpu);
        ulong gpa = Odd(10) ? _random.Of<ulong>([1, 1UL << 40, 1UL << 63, ulong.MaxValue - Page + 1]) : (ulong)_random.Below(66) * Page;
        ulong size = Odd(10) ? _random.Of<ulong>([0, 1, 1UL << 63, ulong.MaxValue - Page + 1]) : (ulong)(1 + _random.Below(8)) * Page;
        return Emit(op.With("gpa", gpa).With("size", size).With("flags", Odd(15) ? 1UL : 0));
    }
}
