// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Globalization;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>Operations on memory: loads and stores, advice, and the kernel's ways to it.</summary>
internal sealed partial class Session
{
    private const int HeadBytes = 16;
    private const ulong FutexWake = 1;
    private const ulong FutexPrivate = 128;
    private const ulong NodeMaskBits = 64;

    private Outcome? Memory(Operation op)
    {
        switch (op.Name)
        {
            case "load":
                return Load(_process, op);
            case "scan":
                return Scan(op);
            case "store":
                return StoreBytes(op, op.Bytes("hex"));
            case "fill":
                return Fill(op);
            case "madvise":
                return Outcome.Of(Sys(Unistd64.__NR_madvise, At(op), op.U64("len"), Arg(Advice(op))));
            case "mlock":
                return Outcome.Of(Sys(Unistd64.__NR_mlock, At(op), op.U64("len")));
            case "mlock2":
                return Outcome.Of(Sys(Unistd64.__NR_mlock2, At(op), op.U64("len"), op.U64("flags")));
            case "munlock":
                return Outcome.Of(Sys(Unistd64.__NR_munlock, At(op), op.U64("len")));
            case "mlockall":
                return Outcome.Of(Sys(Unistd64.__NR_mlockall, op.U64("flags")));
            case "munlockall":
                return Outcome.Of(Sys(Unistd64.__NR_munlockall));
            case "msync":
                return Outcome.Of(Sys(Unistd64.__NR_msync, At(op), op.U64("len"), op.U64("flags")));
            case "mincore":
                return Mincore(op);
            case "mbind":
                return Mbind(op);
            case "get_mempolicy":
                return GetMempolicy(op);
            case "move_pages_query":
                return MovePagesQuery(op);
            case "userfaultfd_register":
                return UserfaultfdRegister(op);
            case "maps_entry":
                return MapsEntry(op);
            case "vmas":
                return Vmas(op);
            case "smaps_entry":
                return SmapsEntry(op);
            case "vm_locked":
                return Outcome.Of(0).With("kb", _process.LockedKb());
            case "setrlimit_memlock":
                return SetMemlock(op);
            case "process_vm_readv":
            case "proc_mem_read":
                return ReadByKernel(op);
            case "process_vm_writev":
            case "proc_mem_write":
                return WriteByKernel(op);
            case "odirect_write_from":
                return DirectWrite(op);
            case "odirect_read_into":
                return DirectRead(op);
            case "vmsplice":
                return Vmsplice(op);
            case "pipe_write_from":
                return PipeWrite(op);
            case "pipe_read_into":
                return PipeRead(op);
            case "iouring_register":
                return Outcome.Of(_process.IoUringRegister(At(op), op.U64("len")));
            case "futex_wake":
                return Outcome.Of(Sys(Unistd64.__NR_futex, At(op), op.Flag("private") ? FutexWake | FutexPrivate : FutexWake, 1));
            case "fork_child_load":
            {
                Outcome? outcome = null;
                _process.RunForkedChild(child => outcome = Load(child, op));
                return outcome;
            }

            default:
                return null;
        }
    }

    private static string SignalName(int signal) => signal switch
    {
        Signal.SIGBUS => "SIGBUS",
        Signal.SIGSEGV => "SIGSEGV",
        _ => $"SIG{signal}",
    };

    private Outcome Faulted(Operation op, UserSignal signal)
    {
        ulong start = Lookup(op.Text("map")).Start;
        return Outcome.Signal(SignalName(signal.Number), signal.Code, unchecked((long)(signal.Address - start)), (long)signal.Done);
    }

    private Outcome Load(IUserMachine process, Operation op)
    {
        byte[] data = new byte[Length(op)];
        if (process.Load(At(op), data) is { } signal)
            return Faulted(op, signal);
        return Outcome.Of(data.Length).With("data", Convert.ToHexStringLower(data));
    }

    private Outcome Scan(Operation op)
    {
        ulong len = op.U64("len");
        if (_process.Scan(At(op), len, out ulong nonzero, out ulong sum) is { } signal)
            return Faulted(op, signal);
        return Outcome.Of((long)len).With("nonzero", nonzero).With("sum", sum);
    }

    private Outcome StoreBytes(Operation op, byte[] data)
    {
        if (_process.Store(At(op), data) is { } signal)
            return Faulted(op, signal);
        return Outcome.Of(data.Length);
    }

    private Outcome Fill(Operation op)
    {
        ulong len = op.U64("len");
        if (_process.Fill(At(op), len, (byte)op.U32("byte")) is { } signal)
            return Faulted(op, signal);
        return Outcome.Of((long)len);
    }

    /// <summary>A length whose bytes are answered in full.</summary>
    private static int Length(Operation op)
    {
        ulong len = op.U64("len");
        return len <= IUserMachine.MaxBuffer ? (int)len : throw op.Bad("len", $"is more than {IUserMachine.MaxBuffer}, whose bytes no line can hold");
    }

    private static int Advice(Operation op) => op.Text("advice") switch
    {
        "NORMAL" => 0,
        "RANDOM" => 1,
        "SEQUENTIAL" => 2,
        "WILLNEED" => 3,
        "DONTNEED" => 4,
        "FREE" => 8,
        "REMOVE" => 9,
        "DONTFORK" => 10,
        "DOFORK" => 11,
        "MERGEABLE" => 12,
        "UNMERGEABLE" => 13,
        "HUGEPAGE" => 14,
        "NOHUGEPAGE" => 15,
        "DONTDUMP" => 16,
        "DODUMP" => 17,
        "WIPEONFORK" => 18,
        "KEEPONFORK" => 19,
        "COLD" => 20,
        "PAGEOUT" => 21,
        "POPULATE_READ" => 22,
        "POPULATE_WRITE" => 23,
        "DONTNEED_LOCKED" => 24,
        "COLLAPSE" => 25,
        "HWPOISON" => 100,
        "SOFT_OFFLINE" => 101,
        "GUARD_INSTALL" => 102,
        "GUARD_REMOVE" => 103,
        string text => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? unchecked((int)number) : throw op.Bad("advice", $"'{text}' is no advice"),
    };

    private Outcome Mincore(Operation op)
    {
        ulong len = op.U64("len");
        int pages = (int)Math.Min((len + Page - 1) / Page, 1 << 20);
        ulong vec = _process.Buffer(Math.Max(pages, 1), fill: 0);
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_mincore, At(op), len, vec));
        if (!outcome.Succeeded)
            return outcome;
        byte[] bytes = new byte[pages];
        _process.Read(vec, bytes);
        return outcome.With("vec", string.Concat(bytes.Select(b => (b & 1) != 0 ? '1' : '0')));
    }

    private VmaInfo? FindArea(ulong address)
    {
        IReadOnlyList<VmaInfo> areas = _process.Areas(address, address + 1);
        return areas.Count != 0 && areas[0].Start <= address ? areas[0] : null;
    }

    private Outcome MapsEntry(Operation op)
    {
        Named map = Lookup(op.Text("map"));
        VmaInfo? vma = FindArea(At(op));
        if (vma is not { } area)
            return Outcome.Of(0).With("found", false);
        return Outcome.Of(0).With("found", true).With("vma_off", unchecked((long)(area.Start - map.Start))).With("vma_len", area.End - area.Start)
            .With("perms", area.Permissions).With("pgoff", area.Offset).With("name", area.Name);
    }

    private Outcome Vmas(Operation op)
    {
        const ulong AtLeast = 32UL << 30;
        Named map = Lookup(op.Text("map"));
        ulong end = map.Start + Math.Max(map.Length, AtLeast);
        object?[] areas = [.. _process.Areas(map.Start, end).Select(area => (object?)new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["off"] = unchecked((long)(area.Start - map.Start)),
            ["len"] = area.End - area.Start,
            ["perms"] = area.Permissions,
            ["pgoff"] = area.Offset,
            ["name"] = area.Name,
        })];
        return Outcome.Of(0).With("vmas", areas);
    }

    private Outcome SmapsEntry(Operation op)
    {
        ulong at = At(op);
        VmaInfo? vma = FindArea(at);
        if (vma is not { } area)
            return Outcome.Of(0).With("found", false);
        SmapsInfo smaps = _process.Smaps(at);
        return Outcome.Of(0).With("found", true).With("size_kb", (area.End - area.Start) / 1024).With("rss_kb", smaps.RssKb).With("anon_kb", smaps.AnonymousKb)
            .With("locked_kb", smaps.LockedKb).With("vm_flags", smaps.VmFlags);
    }

    private Outcome SetMemlock(Operation op)
    {
        Span<byte> limit = stackalloc byte[16];
        Sys(Unistd64.__NR_prlimit64, 0, ResourceH.RLIMIT_MEMLOCK, 0, Scratch);
        _process.Read(Scratch, limit);
        BinaryPrimitives.WriteUInt64LittleEndian(limit, op.U64("bytes"));
        _process.Write(Scratch, limit);
        bool drop = op.Flag("drop_caps");
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_prlimit64, 0, ResourceH.RLIMIT_MEMLOCK, Scratch, 0));
        if (outcome.Succeeded && drop)
            _process.DropIpcLock();
        return outcome;
    }

    // By way of the kernel.

    private Outcome ReadByKernel(Operation op)
    {
        ulong len = op.U64("len");
        ulong buffer = _process.Buffer((int)Math.Min(len, IUserMachine.MaxBuffer), fill: 0);
        ulong at = At(op);
        long result = op.Name == "process_vm_readv"
            ? ProcessVm(Unistd64.__NR_process_vm_readv, buffer, at, len)
            : _process.ProcMem(buffer, at, len, write: false);
        Outcome outcome = Outcome.Of(result);
        return outcome.Succeeded ? outcome.With("data", Hex(buffer, (int)result)) : outcome;
    }

    private long ProcessVm(uint number, ulong local, ulong remote, ulong length)
    {
        Span<byte> ranges = stackalloc byte[32];
        BinaryPrimitives.WriteUInt64LittleEndian(ranges, local);
        BinaryPrimitives.WriteUInt64LittleEndian(ranges[8..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(ranges[16..], remote);
        BinaryPrimitives.WriteUInt64LittleEndian(ranges[24..], length);
        _process.Write(Scratch, ranges);
        return Sys(number, Arg(Sys(Unistd64.__NR_getpid)), Scratch, 1, Scratch + 16, 1, 0);
    }

    private Outcome WriteByKernel(Operation op)
    {
        byte[] data = op.Bytes("hex");
        ulong buffer = _process.Buffer(data.Length, fill: 0);
        _process.Write(buffer, data);
        ulong at = At(op);
        return Outcome.Of(op.Name == "process_vm_writev"
            ? ProcessVm(Unistd64.__NR_process_vm_writev, buffer, at, (ulong)data.Length)
            : _process.ProcMem(buffer, at, (ulong)data.Length, write: true));
    }

    private Outcome DirectWrite(Operation op)
    {
        ulong at = At(op);
        long fd = _process.OpenDiskFile(direct: true);
        long result = Sys(Unistd64.__NR_write, Arg(fd), at, op.U64("len"));
        Outcome outcome = Outcome.Of(result);
        if (outcome.Succeeded)
            outcome["head"] = DirectHead(fd, (int)Math.Min(result, HeadBytes));
        CloseFd(fd);
        return outcome;
    }

    /// <summary>What arrived in an O_DIRECT file, which is read in whole sectors.</summary>
    private string DirectHead(long fd, int length)
    {
        ulong buffer = _process.Buffer(Page, fill: 0);
        long got = Sys(Unistd64.__NR_pread64, Arg(fd), buffer, Page, 0);
        return Hex(buffer, (int)Math.Clamp(got, 0, length));
    }

    private Outcome DirectRead(Operation op)
    {
        ulong at = At(op);
        ulong len = op.U64("len");
        long fd = _process.OpenDiskFile(direct: true);
        ulong buffer = _process.Buffer(Page, (byte)op.U32("byte"));
        for (ulong done = 0; done < len; done += Page)
            Sys(Unistd64.__NR_pwrite64, Arg(fd), buffer, Page, done);
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_read, Arg(fd), at, len));
        CloseFd(fd);
        return outcome;
    }

    private string Drain(int read, long written)
    {
        int length = (int)Math.Min(written, HeadBytes);
        ulong buffer = _process.Buffer(Math.Max(length, 1), fill: 0);
        long got = length == 0 ? 0 : Sys(Unistd64.__NR_read, Arg(read), buffer, (ulong)length);
        return Hex(buffer, (int)Math.Max(got, 0));
    }

    private Outcome Vmsplice(Operation op)
    {
        const uint NonBlocking = 2;
        ulong at = At(op);
        (int read, int write) = MakePipe();
        Span<byte> range = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(range, at);
        BinaryPrimitives.WriteUInt64LittleEndian(range[8..], op.U64("len"));
        _process.Write(Scratch, range);
        return Piped(read, write, Sys(Unistd64.__NR_vmsplice, Arg(write), Scratch, 1, op.U32("flags") | NonBlocking));
    }

    private Outcome PipeWrite(Operation op)
    {
        ulong at = At(op);
        (int read, int write) = MakePipe();
        return Piped(read, write, Sys(Unistd64.__NR_write, Arg(write), at, op.U64("len")));
    }

    private Outcome Piped(int read, int write, long result)
    {
        Outcome outcome = Outcome.Of(result);
        if (outcome.Succeeded)
            outcome["head"] = Drain(read, result);
        CloseFd(read);
        CloseFd(write);
        return outcome;
    }

    private Outcome PipeRead(Operation op)
    {
        ulong at = At(op);
        byte[] data = op.Bytes("hex");
        (int read, int write) = MakePipe();
        ulong buffer = _process.Buffer(Math.Max(data.Length, 1), fill: 0);
        _process.Write(buffer, data);
        FillPipe(read, write, buffer, (ulong)data.Length);
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_read, Arg(read), at, (ulong)data.Length));
        CloseFd(read);
        CloseFd(write);
        return outcome;
    }

    private Outcome Mbind(Operation op)
    {
        Span<byte> mask = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(mask, op.U64("nodemask"));
        _process.Write(Scratch, mask);
        return Outcome.Of(Sys(Unistd64.__NR_mbind, At(op), op.U64("len"), op.U64("mode"), Scratch, NodeMaskBits, op.U64("flags")));
    }

    private Outcome GetMempolicy(Operation op)
    {
        Span<byte> answer = stackalloc byte[16];
        answer.Clear();
        _process.Write(Scratch, answer);
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_get_mempolicy, Scratch, Scratch + 8, NodeMaskBits, At(op), op.U64("flags")));
        if (!outcome.Succeeded)
            return outcome;
        _process.Read(Scratch, answer);
        return outcome.With("policy", BinaryPrimitives.ReadInt32LittleEndian(answer)).With("nodemask", BinaryPrimitives.ReadUInt64LittleEndian(answer[8..]));
    }

    private Outcome MovePagesQuery(Operation op)
    {
        const int Most = 1 << 16;
        int count = op.I32("pages");
        if (count is < 0 or > Most)
            throw op.Bad("pages", $"is not in 0 to {Most}");
        ulong first = At(op);
        byte[] pages = new byte[count * 8];
        for (int i = 0; i < count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(pages.AsSpan(i * 8), first + ((ulong)i * Page));
        ulong buffer = _process.Buffer(count * 12, fill: 0);
        ulong status = buffer + ((ulong)count * 8);
        _process.Write(buffer, pages);
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_move_pages, 0, (ulong)count, buffer, 0, status, 0));
        if (!outcome.Succeeded)
            return outcome;
        byte[] answer = new byte[count * 4];
        _process.Read(status, answer);
        return outcome.With("status", Enumerable.Range(0, count).Select(i => (object?)(long)BitConverter.ToInt32(answer, i * 4)).ToArray());
    }

    private Outcome UserfaultfdRegister(Operation op)
    {
        Outcome outcome = Outcome.Of(_process.UserfaultfdRegister(At(op), op.U64("len"), op.U64("mode"), out ulong ioctls));
        return outcome.Succeeded ? outcome.With("ioctls", ioctls) : outcome;
    }
}
