// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>Operations on memory: loads and stores, advice, and the kernel's ways to it.</summary>
internal sealed partial class Session
{
    private const int HeadBytes = 16;
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
                return Outcome.Of(Sys((At(op), op.U64("len"), Advice(op)), static s => sys_madvise(s.Item1, s.Item2, s.Item3)));
            case "mlock":
                return Outcome.Of(Sys((At(op), op.U64("len")), static s => sys_mlock(s.Item1, s.Item2)));
            case "mlock2":
                return Outcome.Of(Sys((At(op), op.U64("len"), op.U32("flags")), static s => sys_mlock2(s.Item1, s.Item2, s.Item3)));
            case "munlock":
                return Outcome.Of(Sys((At(op), op.U64("len")), static s => sys_munlock(s.Item1, s.Item2)));
            case "mlockall":
                return Outcome.Of(Sys(op.I32("flags"), static flags => sys_mlockall(flags)));
            case "munlockall":
                return Outcome.Of(Sys(0, static _ => sys_munlockall()));
            case "msync":
                return Outcome.Of(Sys((At(op), op.U64("len"), op.I32("flags")), static s => sys_msync(s.Item1, s.Item2, s.Item3)));
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
                return Outcome.Of(0).With("kb", (long)_process.Mm.locked_vm * 4);
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
                return Outcome.Of(Sys((At(op), op.U64("len")), static s => io_sqe_buffer_register(s.Item1, s.Item2)));
            case "futex_wake":
                return Outcome.Of(Sys((At(op), op.Flag("private")), static s => Waitwake.futex_wake(s.Item1, !s.Item2, 1)));
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

    private Outcome Faulted(Operation op, kernel_siginfo signal, int done)
    {
        ulong start = Lookup(op.Text("map")).Start;
        return Outcome.Signal(SignalName(signal.si_signo), signal.si_code, unchecked((long)(signal.si_addr - start)), done);
    }

    private Outcome Load(UserProcess process, Operation op)
    {
        ulong at = At(op);
        byte[] data = new byte[op.I32("len")];
        if (!process.TryLoad(at, data, out int done, out kernel_siginfo signal))
            return Faulted(op, signal, done);
        return Outcome.Of(data.Length).With("data", Convert.ToHexStringLower(data));
    }

    private Outcome Scan(Operation op)
    {
        ulong at = At(op);
        long len = op.I64("len");
        long nonzero = 0;
        long sum = 0;
        byte[] chunk = new byte[Page];
        for (long done = 0; done < len;)
        {
            // Never across a page: a fault is at the first byte of what is not there.
            int n = (int)Math.Min(Page - (long)((at + (ulong)done) % Page), len - done);
            if (!_process.TryLoad(at + (ulong)done, chunk.AsSpan(0, n), out int got, out kernel_siginfo signal))
                return Faulted(op, signal, (int)done + got);
            for (int i = 0; i < n; i++)
            {
                nonzero += chunk[i] != 0 ? 1 : 0;
                sum += chunk[i];
            }

            done += n;
        }

        return Outcome.Of(len).With("nonzero", nonzero).With("sum", sum);
    }

    private Outcome StoreBytes(Operation op, byte[] data)
    {
        if (!_process.TryStore(At(op), data, out int done, out kernel_siginfo signal))
            return Faulted(op, signal, done);
        return Outcome.Of(data.Length);
    }

    private Outcome Fill(Operation op)
    {
        ulong at = At(op);
        long len = op.I64("len");
        byte[] chunk = new byte[Page];
        Array.Fill(chunk, (byte)op.U32("byte"));
        for (long done = 0; done < len;)
        {
            int n = (int)Math.Min(Page - (long)((at + (ulong)done) % Page), len - done);
            if (!_process.TryStore(at + (ulong)done, chunk.AsSpan(0, n), out int got, out kernel_siginfo signal))
                return Faulted(op, signal, (int)done + got);
            done += n;
        }

        return Outcome.Of(len);
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
        string text => int.TryParse(text, out int number) ? number : throw op.Bad("advice", $"'{text}' is no advice"),
    };

    private Outcome Mincore(Operation op)
    {
        ulong len = op.U64("len");
        int pages = (int)Math.Min((len + Page - 1) / Page, 1 << 20);
        ulong vec = _process.Buffer(Math.Max(pages, 1), fill: 0);
        Outcome outcome = Outcome.Of(Sys((At(op), len, vec), static s => sys_mincore(s.Item1, s.len, s.vec)));
        if (!outcome.Succeeded)
            return outcome;
        byte[] bytes = new byte[pages];
        _process.Read(vec, bytes);
        return outcome.With("vec", string.Concat(bytes.Select(b => (b & 1) != 0 ? '1' : '0')));
    }

    private Outcome MapsEntry(Operation op)
    {
        Named map = Lookup(op.Text("map"));
        VmaInfo? vma = _process.FindArea(At(op));
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
        VmaInfo? vma = _process.FindArea(at);
        if (vma is not { } area)
            return Outcome.Of(0).With("found", false);
        SmapsInfo smaps = _process.Smaps(at);
        return Outcome.Of(0).With("found", true).With("size_kb", (area.End - area.Start) / 1024).With("rss_kb", smaps.RssKb).With("anon_kb", smaps.AnonymousKb)
            .With("locked_kb", smaps.LockedKb).With("vm_flags", smaps.VmFlags);
    }

    private Outcome SetMemlock(Operation op)
    {
        const int CapIpcLockBit = Capability.CAP_IPC_LOCK;
        ulong bytes = op.U64("bytes");
        bool drop = op.Flag("drop_caps");
        return Outcome.Of(Sys((bytes, drop), static s =>
        {
            rlimit limit = current.signal.rlim[ResourceH.RLIMIT_MEMLOCK];
            limit.rlim_cur = s.bytes;
            int error = do_prlimit(current, ResourceH.RLIMIT_MEMLOCK, limit, out _);
            if (error == 0 && s.drop)
                current.cap_effective &= ~(1UL << CapIpcLockBit);
            return error;
        }));
    }

    // By way of the kernel.

    private Outcome ReadByKernel(Operation op)
    {
        ulong len = op.U64("len");
        ulong buffer = _process.Buffer((int)Math.Min(len, 1 << 24), fill: 0);
        ulong at = At(op);
        long result = op.Name == "process_vm_readv"
            ? Sys((buffer, at, len), static s => sys_process_vm_readv(current, s.buffer, s.len, s.at, s.len))
            : Sys((buffer, at, len), static s => mem_rw(s.buffer, s.at, s.len, write: false));
        Outcome outcome = Outcome.Of(result);
        return outcome.Succeeded ? outcome.With("data", Hex(buffer, (int)result)) : outcome;
    }

    private Outcome WriteByKernel(Operation op)
    {
        byte[] data = op.Bytes("hex");
        ulong buffer = _process.Buffer(data.Length, fill: 0);
        _process.Write(buffer, data);
        ulong at = At(op);
        return Outcome.Of(op.Name == "process_vm_writev"
            ? Sys((buffer, at, (ulong)data.Length), static s => sys_process_vm_writev(current, s.buffer, s.Item3, s.at, s.Item3))
            : Sys((buffer, at, (ulong)data.Length), static s => mem_rw(s.buffer, s.at, s.Item3, write: true)));
    }

    private Outcome DirectWrite(Operation op)
    {
        int fd = (int)OpenDiskFile(direct: true);
        ulong len = op.U64("len");
        long result = Sys((fd, At(op), len), static s => direct_write((uint)s.fd, s.Item2, s.len, 0));
        Outcome outcome = Outcome.Of(result);
        if (outcome.Succeeded)
            outcome["head"] = ReadFile(fd, (int)Math.Min(result, HeadBytes));
        _process.Close(fd);
        return outcome;
    }

    private Outcome DirectRead(Operation op)
    {
        int fd = (int)OpenDiskFile(direct: true);
        ulong len = op.U64("len");
        byte fill = (byte)op.U32("byte");
        ulong buffer = _process.Buffer(Page, fill);
        for (ulong done = 0; done < len; done += Page)
            Sys((fd, buffer, (long)done), static s => sys_pwrite64((uint)s.fd, s.buffer, Page, s.Item3));
        Outcome outcome = Outcome.Of(Sys((fd, At(op), len), static s => direct_read((uint)s.fd, s.Item2, s.len, 0)));
        _process.Close(fd);
        return outcome;
    }

    private string ReadFile(int fd, int length)
    {
        ulong buffer = _process.Buffer(Math.Max(length, 1), fill: 0);
        long got = Sys((fd, buffer, (ulong)length), static s => sys_pread64((uint)s.fd, s.buffer, s.Item3, 0));
        return Hex(buffer, (int)Math.Max(got, 0));
    }

    private string Drain(int read, long written)
    {
        int length = (int)Math.Min(written, HeadBytes);
        ulong buffer = _process.Buffer(Math.Max(length, 1), fill: 0);
        long got = length == 0 ? 0 : Sys((read, buffer, (ulong)length), static s => sys_read((uint)s.read, s.buffer, s.Item3));
        return Hex(buffer, (int)Math.Max(got, 0));
    }

    private Outcome Vmsplice(Operation op)
    {
        (int read, int write) = MakePipe();
        long result = Sys((write, At(op), op.U64("len"), op.U32("flags")), static s => vmsplice_to_pipe((uint)s.write, s.Item2, s.Item3, s.Item4));
        Outcome outcome = Outcome.Of(result);
        if (outcome.Succeeded)
            outcome["head"] = Drain(read, result);
        _process.Close(read);
        _process.Close(write);
        return outcome;
    }

    private Outcome PipeWrite(Operation op)
    {
        (int read, int write) = MakePipe();
        long result = Sys((write, At(op), op.U64("len")), static s => sys_write((uint)s.write, s.Item2, s.Item3));
        Outcome outcome = Outcome.Of(result);
        if (outcome.Succeeded)
            outcome["head"] = Drain(read, result);
        _process.Close(read);
        _process.Close(write);
        return outcome;
    }

    private Outcome PipeRead(Operation op)
    {
        byte[] data = op.Bytes("hex");
        (int read, int write) = MakePipe();
        ulong buffer = _process.Buffer(Math.Max(data.Length, 1), fill: 0);
        _process.Write(buffer, data);
        Sys((write, buffer, (ulong)data.Length), static s => sys_write((uint)s.write, s.buffer, s.Item3));
        Outcome outcome = Outcome.Of(Sys((read, At(op), (ulong)data.Length), static s => sys_read((uint)s.read, s.Item2, s.Item3)));
        _process.Close(read);
        _process.Close(write);
        return outcome;
    }

    private Outcome Mbind(Operation op)
    {
        Span<byte> mask = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(mask, op.U64("nodemask"));
        _process.Write(Scratch, mask);
        return Outcome.Of(Sys(
            (At(op), op.U64("len"), op.U64("mode"), op.U32("flags"), Scratch), static s => sys_mbind(s.Item1, s.Item2, s.Item3, s.Scratch, NodeMaskBits, s.Item4)));
    }

    private Outcome GetMempolicy(Operation op)
    {
        Span<byte> answer = stackalloc byte[16];
        answer.Clear();
        _process.Write(Scratch, answer);
        Outcome outcome = Outcome.Of(Sys((At(op), op.U64("flags"), Scratch), static s => sys_get_mempolicy(s.Scratch, s.Scratch + 8, NodeMaskBits, s.Item1, s.Item2)));
        if (!outcome.Succeeded)
            return outcome;
        _process.Read(Scratch, answer);
        return outcome.With("policy", BinaryPrimitives.ReadInt32LittleEndian(answer)).With("nodemask", BinaryPrimitives.ReadUInt64LittleEndian(answer[8..]));
    }

    private Outcome MovePagesQuery(Operation op)
    {
        int count = op.I32("pages");
        ulong[] pages = new ulong[count];
        for (int i = 0; i < count; i++)
            pages[i] = At(op) + ((ulong)i * Page);
        int[] status = new int[count];
        Outcome outcome = Outcome.Of(Sys((pages, status), static s => Migrate.kernel_move_pages(s.pages, default, s.status, 0)));
        return outcome.Succeeded ? outcome.With("status", status.Select(x => (object?)(long)x).ToArray()) : outcome;
    }

    private Outcome UserfaultfdRegister(Operation op)
    {
        ulong ioctls = 0;
        Outcome outcome = Outcome.Of(Sys((At(op), op.U64("len"), op.U64("mode")), s => userfaultfd_register(s.Item1, s.Item2, s.Item3, out ioctls)));
        return outcome.Succeeded ? outcome.With("ioctls", ioctls) : outcome;
    }
}
