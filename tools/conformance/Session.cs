// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Text.Json;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>What a trace's name stands for.</summary>
internal sealed class Named
{
    /// <summary>Number given for descriptors that are not open.</summary>
    internal const int NotOpen = 0x3fff_ffff;

    internal bool IsMapping { get; init; }

    internal int Fd { get; set; } = NotOpen;

    internal ulong Start { get; init; }

    internal ulong Length { get; init; }
}

/// <summary>An operation names something that an earlier one should have made but, in the model, did not.</summary>
internal sealed class UnboundNameException : Exception
{
    internal UnboundNameException(string name)
        : base($"'{name}' names nothing: the operation that should have made it failed in the model")
    {
    }
}

/// <summary>What a session makes for the sake of one operation (a pipe, a disk file) could not be made.</summary>
internal sealed class SetupException : Exception
{
    internal SetupException(string message)
        : base(message)
    {
    }
}

/// <summary>
/// Carries out operations as one process of the model or of the host. What a recorder does in user space around the system call (placing
/// mappings, making pipes, forking children) is done here in user space too.
/// </summary>
internal sealed partial class Session
{
    /// <summary>Address space kept free around a mapping that the trace does not place.</summary>
    private const ulong Around = 64UL << 30;
    internal const ulong FirstRegion = 0x2000_0000_0000;
    private const ulong HugeMapping = 1UL << 40;
    private const ulong PageMask = ~4095UL;
    private const uint MAP_32BIT = 0x40;

    private readonly Dictionary<string, Named> _names;
    private readonly IUserMachine _process;
    private readonly RegionAllocator _regions;
    private readonly int _kvm;

    internal Session(IUserMachine process)
        : this(process, (int)process.OpenKvm(), new Dictionary<string, Named>(StringComparer.Ordinal), new RegionAllocator())
    {
    }

    /// <summary>A process without /dev/kvm, to look at what it inherited.</summary>
    private Session(IUserMachine process, int kvm)
        : this(process, kvm, new Dictionary<string, Named>(StringComparer.Ordinal), new RegionAllocator())
    {
    }

    private Session(IUserMachine process, int kvm, Dictionary<string, Named> names, RegionAllocator regions)
    {
        _process = process;
        _kvm = kvm;
        _names = names;
        _regions = regions;
    }

    private ulong Scratch => _process.Scratch;

    /// <summary>The process of a forked child: the same names, of which it may bind and close its own.</summary>
    internal Session Fork(IUserMachine child)
    {
        var names = new Dictionary<string, Named>(StringComparer.Ordinal);
        foreach ((string name, Named value) in _names)
            names[name] = new Named { IsMapping = value.IsMapping, Fd = value.Fd, Start = value.Start, Length = value.Length };
        return new Session(child, _kvm, names, _regions);
    }

    internal Outcome Execute(Operation op) => op.Name switch
    {
        "kvm_get_api_version" => KvmIoctl(op, _kvm, UapiKvm.KVM_GET_API_VERSION, 0),
        "kvm_create_vm" => BindDescriptor(op, Ioctl(_kvm, UapiKvm.KVM_CREATE_VM, op.U64("type"))),
        "kvm_check_extension" => KvmIoctl(op, op.Has("vm") ? Fd(op, "vm") : _kvm, UapiKvm.KVM_CHECK_EXTENSION, op.U64("cap")),
        "kvm_create_guest_memfd" => CreateGuestMemfd(op),
        "kvm_set_user_memory_region" => SetMemoryRegion(op, version2: false),
        "kvm_set_user_memory_region2" => SetMemoryRegion(op, version2: true),
        "kvm_set_memory_attributes" => SetMemoryAttributes(op),
        "kvm_create_vcpu" => BindDescriptor(op, Ioctl(Fd(op, "vm"), UapiKvm.KVM_CREATE_VCPU, op.U64("id"))),
        "kvm_get_dirty_log" => GetDirtyLog(op),
        "kvm_clear_dirty_log" => ClearDirtyLog(op),
        "kvm_enable_cap" => EnableCap(op),
        "kvm_write_wall_clock" => WriteWallClock(op),
        "kvm_pre_fault_memory" => PreFault(op),
        "memfd_secret" or "memfd_create" or "tmpfile" or "open_devnull" or "eventfd" => OpenFile(op),
        "close" => Close(op),
        "dup" => BindDescriptor(op, Sys(Unistd64.__NR_dup, Arg(Fd(op)))),
        "reopen" => BindDescriptor(op, _process.Reopen(Fd(op), op.U32("flags"))),
        "mmap" or "mmap_anon" => Mmap(op),
        "munmap" => Outcome.Of(Sys(Unistd64.__NR_munmap, At(op), op.U64("len"))),
        "mprotect" => Outcome.Of(Sys(Unistd64.__NR_mprotect, At(op), op.U64("len"), op.U64("prot"))),
        "mremap" => Mremap(op),
        "fork_begin" or "fork_end" => Outcome.Of(0),
        "direct_map_stats" => DirectMapStats(),
        _ => File(op) ?? Memory(op) ?? throw op.Bad("op", $"'{op.Name}' is no operation"),
    };

    /// <summary>
    /// Whether the operation must not be carried out on a host: it would change something that outlives the process, or reach over the part of the
    /// address space that is the session's, where what lies is not the same in any two programs.
    /// </summary>
    internal bool IsOutOfBounds(Operation op)
    {
        const ulong Beyond = 32UL << 30;
        const ulong Wraps = unchecked(0UL - (1UL << 47));
        switch (op.Name)
        {
            case "fchmod" or "fchown" or "futimens" or "fsetxattr" or "fremovexattr" or "ioctl_raw":
                return op.Element("fd") is { ValueKind: JsonValueKind.String } name && _names.TryGetValue(name.GetString()!, out Named? named) && !named.IsMapping
                    && _process.ReadLink(named.Fd, out string target) == 0 && target.StartsWith("/dev/", StringComparison.Ordinal);
            case "madvise" when op.Text("advice") is "HWPOISON" or "SOFT_OFFLINE" or "100" or "101":
                return true;
            case "madvise" or "mprotect" or "mlock" or "mlock2" or "munlock" or "msync" or "mbind":
                return op.U64("len") is > Beyond and < Wraps;
            case "munmap":
                return op.U64("len") is > Beyond and < (1UL << 47);
            case "mmap":
                return op.Has("at") && op.U64("len") is > Beyond and < (1UL << 47);
            default:
                return false;
        }
    }

    /// <summary>What surrounds a difference: the state of mappings and descriptors.</summary>
    internal string Describe()
    {
        var text = new System.Text.StringBuilder();
        foreach ((string name, Named named) in _names.OrderBy(n => n.Key, StringComparer.Ordinal))
            text.AppendLine(named.IsMapping ? $"    {name}: mapping at {named.Start:x}, {named.Length} bytes" : $"    {name}: descriptor {named.Fd}");
        text.Append(_process.Describe());
        return text.ToString();
    }

    /// <summary>A descriptor or another 32-bit signed argument as user space passes it.</summary>
    private static ulong Arg(int value) => unchecked((ulong)value);

    private static ulong Arg(long value) => unchecked((ulong)value);

    private long Sys(uint number, ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0, ulong e = 0, ulong f = 0) => _process.Syscall(number, a, b, c, d, e, f);

    private long Ioctl(int fd, uint request, ulong arg) => Sys(Unistd64.__NR_ioctl, Arg(fd), request, arg);

    private long CloseFd(long fd) => Sys(Unistd64.__NR_close, Arg(fd));

    // Operands.

    private Named Lookup(string name) => _names.TryGetValue(name, out Named? named) ? named : throw new UnboundNameException(name);

    private int Fd(Operation op, string field = "fd")
    {
        if (!op.Has(field))
            return -1;
        JsonElement value = op.Element(field);
        if (value.ValueKind == JsonValueKind.Number)
            return op.I32(field);
        Named named = Lookup(op.Text(field));
        return named.IsMapping ? throw op.Bad(field, "names a mapping where a descriptor is wanted") : named.Fd;
    }

    private ulong At(Operation op, string map = "map", string off = "off")
    {
        Named named = Lookup(op.Text(map));
        if (!named.IsMapping)
            throw op.Bad(map, "names a descriptor where a mapping is wanted");
        return unchecked(named.Start + op.U64(off));
    }

    /// <summary>An address operand: a place in a mapping, or a number chosen on purpose.</summary>
    private ulong Address(Operation op, string field)
    {
        if (!op.Has(field))
            return 0;
        JsonElement value = op.Element(field);
        if (value.ValueKind == JsonValueKind.Number)
            return op.U64(field);
        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("map", out JsonElement map) || map.ValueKind != JsonValueKind.String)
            throw op.Bad(field, "is neither a number nor a place in a mapping");
        ulong off = value.TryGetProperty("off", out JsonElement offset) ? unchecked((ulong)op.Number(field, offset)) : 0;
        return unchecked(Lookup(map.GetString()!).Start + off);
    }

    private Outcome BindDescriptor(Operation op, long fd)
    {
        if (fd < 0)
            return Outcome.Of(fd);
        if (op.As is { } name)
            _names[name] = new Named { Fd = (int)fd };
        return Outcome.Of(0);
    }

    private Outcome BindMapping(Operation op, long address, ulong length)
    {
        if (address is < 0 and >= -4095)
            return Outcome.Of(address);
        if (op.As is { } name)
            _names[name] = new Named { IsMapping = true, Start = (ulong)address, Length = length };
        return Outcome.Of(0, 0);
    }

    private Outcome Close(Operation op)
    {
        int fd = Fd(op);
        Outcome outcome = Outcome.Of(CloseFd(fd));
        if (outcome.Succeeded && op.Element("fd").ValueKind == JsonValueKind.String)
            _names[op.Text("fd")].Fd = Named.NotOpen;
        return outcome;
    }

    // KVM.

    private Outcome KvmIoctl(Operation op, int fd, uint request, ulong arg) => Outcome.Of(Ioctl(fd, request, arg));

    private Outcome WithArgument(int fd, uint request, ReadOnlySpan<byte> argument)
    {
        _process.Write(Scratch, argument);
        return Outcome.Of(Ioctl(fd, request, Scratch));
    }

    private Outcome CreateGuestMemfd(Operation op)
    {
        int vm = Fd(op, "vm");
        Span<byte> arg = stackalloc byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(arg, op.U64("size"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], op.U64("flags"));
        ulong[] reserved = op.Numbers("reserved", 6);
        for (int i = 0; i < 6; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(arg[(16 + (8 * i))..], reserved[i]);
        _process.Write(Scratch, arg);
        return BindDescriptor(op, Ioctl(vm, UapiKvm.KVM_CREATE_GUEST_MEMFD, Scratch));
    }

    private Outcome SetMemoryRegion(Operation op, bool version2)
    {
        int vm = Fd(op, "vm");
        Span<byte> arg = stackalloc byte[160];
        arg.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(arg, op.U32("slot"));
        BinaryPrimitives.WriteUInt32LittleEndian(arg[4..], op.U32("flags"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], op.U64("gpa"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[16..], op.U64("size"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[24..], Address(op, "hva"));
        if (!version2)
            return WithArgument(vm, UapiKvm.KVM_SET_USER_MEMORY_REGION, arg[..32]);
        BinaryPrimitives.WriteUInt64LittleEndian(arg[32..], op.U64("gmem_offset"));

        // An absent field holds 0; null is a descriptor that is not open.
        bool given = op.Element("gmem").ValueKind != JsonValueKind.Undefined;
        BinaryPrimitives.WriteInt32LittleEndian(arg[40..], given ? Fd(op, "gmem") : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(arg[44..], op.U32("pad1"));
        ulong[] pad = op.Numbers("pad2", 14);
        for (int i = 0; i < 14; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(arg[(48 + (8 * i))..], pad[i]);
        return WithArgument(vm, UapiKvm.KVM_SET_USER_MEMORY_REGION2, arg);
    }

    private Outcome SetMemoryAttributes(Operation op)
    {
        int vm = Fd(op, "vm");
        Span<byte> arg = stackalloc byte[32];
        BinaryPrimitives.WriteUInt64LittleEndian(arg, op.U64("gpa"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], op.U64("size"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[16..], op.U64("attributes"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[24..], op.U64("flags"));
        return WithArgument(vm, UapiKvm.KVM_SET_MEMORY_ATTRIBUTES, arg);
    }

    private Outcome GetDirtyLog(Operation op)
    {
        int vm = Fd(op, "vm");
        int bytes = (int)((op.U64("pages") + 63) / 64 * 8);
        ulong bitmap = _process.Buffer(bytes, fill: 0);
        Span<byte> arg = stackalloc byte[16];
        arg.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(arg, op.U32("slot"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], bitmap);
        Outcome outcome = WithArgument(vm, UapiKvm.KVM_GET_DIRTY_LOG, arg);
        if (!outcome.Succeeded)
            return outcome;
        byte[] answer = new byte[bytes];
        _process.Read(bitmap, answer);
        return outcome.With("bitmap", Convert.ToHexStringLower(answer));
    }

    private Outcome ClearDirtyLog(Operation op)
    {
        int vm = Fd(op, "vm");
        byte[] bits = op.Bytes("hex");
        ulong bitmap = _process.Buffer((int)Math.Max((op.U32("num_pages") + 63UL) / 64 * 8, (ulong)bits.Length), fill: 0);
        _process.Write(bitmap, bits);
        Span<byte> arg = stackalloc byte[24];
        BinaryPrimitives.WriteUInt32LittleEndian(arg, op.U32("slot"));
        BinaryPrimitives.WriteUInt32LittleEndian(arg[4..], op.U32("num_pages"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], op.U64("first_page"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[16..], bitmap);
        return WithArgument(vm, UapiKvm.KVM_CLEAR_DIRTY_LOG, arg);
    }

    private Outcome EnableCap(Operation op)
    {
        int vm = Fd(op, "vm");
        Span<byte> arg = stackalloc byte[104];
        arg.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(arg, op.U32("cap"));
        BinaryPrimitives.WriteUInt32LittleEndian(arg[4..], op.U32("flags"));
        ulong[] args = op.Numbers("args", 4);
        for (int i = 0; i < 4; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(arg[(8 + (8 * i))..], args[i]);
        return WithArgument(vm, UapiKvm.KVM_ENABLE_CAP, arg);
    }

    private Outcome WriteWallClock(Operation op)
    {
        const uint WallClockMsr = 0x4b564d00;
        int vcpu = Fd(op, "vcpu");
        Span<byte> arg = stackalloc byte[24];
        arg.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(arg, 1);
        BinaryPrimitives.WriteUInt32LittleEndian(arg[8..], WallClockMsr);
        BinaryPrimitives.WriteUInt64LittleEndian(arg[16..], op.U64("gpa"));
        return WithArgument(vcpu, UapiKvm.KVM_SET_MSRS, arg);
    }

    private Outcome PreFault(Operation op)
    {
        int vcpu = Fd(op, "vcpu");
        Span<byte> arg = stackalloc byte[64];
        arg.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(arg, op.U64("gpa"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], op.U64("size"));
        BinaryPrimitives.WriteUInt64LittleEndian(arg[16..], op.U64("flags"));
        return WithArgument(vcpu, UapiKvm.KVM_PRE_FAULT_MEMORY, arg);
    }

    // Mappings.

    private Outcome Mmap(Operation op)
    {
        bool anonymous = op.Name == "mmap_anon";
        ulong len = op.U64("len");
        uint prot = op.U32("prot");
        uint flags = anonymous ? 0x22 : op.U32("flags");
        int fd = anonymous ? -1 : Fd(op);
        ulong offset = anonymous ? 0 : op.U64("offset");
        ulong address;
        if (!anonymous && op.Has("at"))
            address = Address(op, "at");
        else
            address = len > HugeMapping || (flags & MAP_32BIT) != 0 ? 0 : Region(len);
        return BindMapping(op, Sys(Unistd64.__NR_mmap, address, len, prot, flags, Arg(fd), offset), len);
    }

    private Outcome Mremap(Operation op)
    {
        const uint Fixed = 2;
        const uint DontUnmap = 4;
        ulong old = At(op);
        ulong oldLength = op.U64("old_len");
        ulong newLength = op.U64("new_len");
        uint flags = op.U32("flags");
        ulong target = 0;
        if (op.Has("to"))
            target = Address(op, "to");
        else if ((flags & (Fixed | DontUnmap)) != 0)
            target = Region(newLength);

        // Wherever the kernel moves it: alone.
        ulong region = _regions.Next(newLength);
        _process.PlaceNextBelow(region + (Math.Min(newLength, HugeMapping) & PageMask) + (Around / 2));
        long result = Sys(Unistd64.__NR_mremap, old, oldLength, newLength, flags, target);
        _process.Vacate(_regions.End);
        Outcome outcome = BindMapping(op, result, newLength);
        return outcome.Succeeded ? outcome.With("moved", (ulong)result != old) : outcome;
    }

    /// <summary>An empty part of the address space for a mapping of that length.</summary>
    private ulong Region(ulong length)
    {
        ulong at = _regions.Next(length);
        _process.Vacate(_regions.End);
        return at;
    }

    private Outcome DirectMapStats()
    {
        DirectMapStatistics s = _process.DirectMap();
        return Outcome.Of(0).With("DirectMap4k", s.Pages4K * 4).With("DirectMap2M", s.Pages2M * 2048).With("DirectMap1G", s.Pages1G * 1048576)
            .With("level2_splits", s.Level2Splits).With("level3_splits", s.Level3Splits)
            .With("level2_collapses", s.Level2Collapses).With("level3_collapses", s.Level3Collapses);
    }

    /// <summary>Hands out empty parts of the address space, far apart.</summary>
    private sealed class RegionAllocator
    {
        internal ulong End { get; private set; } = FirstRegion;

        internal ulong Next(ulong length)
        {
            ulong at = End;
            End += (Math.Min(length, HugeMapping) & ~((1UL << 30) - 1)) + Around;
            return at;
        }
    }
}
