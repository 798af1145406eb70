// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>
/// A process of this host's own kernel. The address space above what the session uses is kept filled, so that the kernel's own choice of an
/// address falls where the session wants it; the fill gives way from below as the session goes up.
/// </summary>
internal sealed class HostMachine : IUserMachine
{
    private const ulong PathArea = AgentImage.Scratch + 40960;
    private const ulong CallArea = AgentImage.Scratch + 49152;
    private const ulong Huge = 1UL << 40;
    private const ulong LargestMapping = 0x7800_0000_0000;
    private const long AtFdcwd = -100;
    private const uint OpenReadWrite = 2;
    private const uint CloseOnExec = 0x80000;

    private readonly HostAgent _agent;
    private readonly AgentConnection _connection;

    /// <summary>Fill, by inode: what /proc shows of it is not the session's.</summary>
    private readonly HashSet<string> _fill;
    private ulong _ceiling;

    internal HostMachine(HostAgent agent, ulong firstRegion)
    {
        _agent = agent;
        _connection = agent.Root;
        _fill = [];
        _ceiling = firstRegion;
        SetLimit(ResourceH.RLIMIT_NOFILE, 1024, 4096);
        SetLimit(ResourceH.RLIMIT_CORE, 0, 0);
        FillAbove(firstRegion);
    }

    private HostMachine(HostMachine parent, AgentConnection connection)
    {
        _agent = parent._agent;
        _connection = connection;
        _fill = parent._fill;
        _ceiling = parent._ceiling;
    }

    public ulong Scratch => AgentImage.Scratch;

    internal int Pid => _connection.Pid;

    public long Syscall(uint number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        Refuse(number, a, c);
        if (number != Unistd64.__NR_mmap || a != 0 || b <= Huge || b >= LargestMapping)
            return _connection.Syscall(number, a, b, c, d, e, f);

        // Too large for what is free: the fill gives way from above, and comes back where nothing was put.
        List<MapsLine> fill = [.. Lines().Where(l => _fill.Contains(l.Inode))];
        foreach (MapsLine line in fill)
            _connection.Syscall(Unistd64.__NR_munmap, line.Area.Start, line.Area.End - line.Area.Start, 0, 0, 0, 0);
        long result = _connection.Syscall(number, a, b, c, d, e, f);
        FillAbove(_ceiling);
        return result;
    }

    public ulong Buffer(int bytes, byte fill)
    {
        byte[] content = new byte[Math.Clamp(bytes, 1, IUserMachine.MaxBuffer)];
        Array.Fill(content, fill);
        _connection.Write(AgentImage.Buffer, content);
        return AgentImage.Buffer;
    }

    public void Read(ulong address, Span<byte> data) => _connection.Read(address, data);

    public void Write(ulong address, ReadOnlySpan<byte> data) => _connection.Write(address, data);

    public UserSignal? Load(ulong address, Span<byte> data) => _connection.Load(address, data);

    public UserSignal? Store(ulong address, ReadOnlySpan<byte> data) => _connection.Store(address, data);

    public UserSignal? Fill(ulong address, ulong length, byte value) => _connection.Fill(address, length, value);

    public UserSignal? Scan(ulong address, ulong length, out ulong nonzero, out ulong sum) => _connection.Scan(address, length, out nonzero, out sum);

    public long OpenKvm() => OpenAt("/dev/kvm", OpenReadWrite | CloseOnExec);

    public long OpenNull() => OpenAt("/dev/null", OpenReadWrite);

    public long OpenDiskFile(bool direct)
    {
        const uint TmpFile = 0x410000;
        const uint Direct = 0x4000;
        return OpenAt("/tmp", OpenReadWrite | TmpFile | (direct ? Direct : 0), 0x180);
    }

    public long Reopen(int fd, uint flags) => OpenAt($"/proc/self/fd/{fd}", flags);

    public long ReadLink(int fd, out string text)
    {
        const int Longest = 4095;
        long length = Sys(Unistd64.__NR_readlink, Text($"/proc/self/fd/{fd}"), CallArea, Longest);
        text = string.Empty;
        if (length < 0)
            return length;
        byte[] target = new byte[length];
        Read(CallArea, target);
        text = Unnumbered(Encoding.UTF8.GetString(target));
        return 0;
    }

    public long ProcMem(ulong buffer, ulong address, ulong length, bool write)
    {
        long fd = OpenAt("/proc/self/mem", OpenReadWrite);
        if (fd < 0)
            return fd;
        long result = Sys(write ? Unistd64.__NR_pwrite64 : Unistd64.__NR_pread64, (ulong)fd, buffer, length, address);
        Close(fd);
        return result;
    }

    public IReadOnlyList<VmaInfo> Areas(ulong start, ulong end) =>
        [.. Lines().Where(l => l.Area.End > start && l.Area.Start < end && !_fill.Contains(l.Inode)).Select(l => l.Area)];

    public SmapsInfo Smaps(ulong address)
    {
        bool here = false;
        ulong resident = 0;
        ulong anonymous = 0;
        ulong locked = 0;
        foreach (string line in System.IO.File.ReadLines($"/proc/{Pid}/smaps"))
        {
            if (line.Length > 0 && char.IsAsciiHexDigitLower(line[0]))
            {
                VmaInfo area = MapsLine.Parse(line).Area;
                here = area.Start <= address && address < area.End;
            }
            else if (here)
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                string value = line[(colon + 1)..].Trim();
                switch (line[..colon])
                {
                    case "Rss":
                        resident = Kb(value);
                        break;
                    case "Anonymous":
                        anonymous = Kb(value);
                        break;
                    case "Locked":
                        locked = Kb(value);
                        break;
                    case "VmFlags":
                        return new SmapsInfo(resident, anonymous, locked, value);
                }
            }
        }

        throw new HostException($"/proc/{Pid}/smaps has no area at {address:x}");
    }

    public long LockedKb() =>
        (long)Kb(System.IO.File.ReadLines($"/proc/{Pid}/status").First(l => l.StartsWith("VmLck:", StringComparison.Ordinal))["VmLck:".Length..].Trim());

    public DirectMapStatistics DirectMap()
    {
        Dictionary<string, ulong> memory = Table("/proc/meminfo");
        Dictionary<string, ulong> events = Table("/proc/vmstat");
        return new DirectMapStatistics(
            Value(memory, "DirectMap4k") / 4,
            Value(memory, "DirectMap2M") / 2048,
            Value(memory, "DirectMap1G") / 1048576,
            Value(events, "direct_map_level2_splits"),
            Value(events, "direct_map_level3_splits"),
            Value(events, "direct_map_level2_collapses"),
            Value(events, "direct_map_level3_collapses"));
    }

    public long EpollAdd(int fd)
    {
        const ulong Add = 1;
        long epoll = Sys(Unistd64.__NR_epoll_create1, 0);
        if (epoll < 0)
            return epoll;
        Write(CallArea, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        long result = Sys(Unistd64.__NR_epoll_ctl, (ulong)epoll, Add, Arg(fd), CallArea);
        Close(epoll);
        return result;
    }

    public long IoUringRegister(ulong address, ulong length)
    {
        const ulong RegisterBuffers = 0;
        const ulong UnregisterBuffers = 1;
        const int SizeOfParameters = 120;
        Write(CallArea, new byte[SizeOfParameters]);
        long ring = Sys(Unistd64.__NR_io_uring_setup, 1, CallArea);
        if (ring < 0)
            return ring;
        WriteNumbers(CallArea, address, length);
        long result = Sys(Unistd64.__NR_io_uring_register, (ulong)ring, RegisterBuffers, CallArea, 1);

        // A ring is torn down behind the caller's back; the pins must be gone when this returns.
        if (result == 0)
            Sys(Unistd64.__NR_io_uring_register, (ulong)ring, UnregisterBuffers, 0, 0);
        Close(ring);
        return result;
    }

    public long UserfaultfdRegister(ulong address, ulong length, ulong mode, out ulong ioctls)
    {
        const ulong Api = 0xAA;
        const ulong UffdioApi = 0xC018AA3F;
        const ulong UffdioRegister = 0xC020AA00;
        const ulong UffdioUnregister = 0x8010AA01;
        ioctls = 0;
        long fd = Sys(Unistd64.__NR_userfaultfd, CloseOnExec);
        if (fd < 0)
            return fd;
        WriteNumbers(CallArea, Api, 0, 0);
        long result = Sys(Unistd64.__NR_ioctl, (ulong)fd, UffdioApi, CallArea);
        if (result == 0)
        {
            WriteNumbers(CallArea, address, length, mode, 0);
            result = Sys(Unistd64.__NR_ioctl, (ulong)fd, UffdioRegister, CallArea);
            Span<byte> answer = stackalloc byte[32];
            Read(CallArea, answer);
            ioctls = BinaryPrimitives.ReadUInt64LittleEndian(answer[24..]);
        }

        if (result == 0)
        {
            WriteNumbers(CallArea, address, length);
            Sys(Unistd64.__NR_ioctl, (ulong)fd, UffdioUnregister, CallArea);
        }

        Close(fd);
        return result;
    }

    public void DropIpcLock()
    {
        const uint Version3 = 0x20080522;
        const uint Bit = 1U << Capability.CAP_IPC_LOCK;
        Span<byte> header = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Version3);
        Write(CallArea, header);
        Sys(Unistd64.__NR_capget, CallArea, CallArea + 8);
        Span<byte> data = stackalloc byte[24];
        Read(CallArea + 8, data);
        for (int field = 0; field < 12; field += 4)
            BinaryPrimitives.WriteUInt32LittleEndian(data[field..], BinaryPrimitives.ReadUInt32LittleEndian(data[field..]) & ~Bit);
        Write(CallArea + 8, data);
        long error = Sys(Unistd64.__NR_capset, CallArea, CallArea + 8);
        if (error != 0)
            throw new HostException($"capset: {Errno.Name((int)error)}");
    }

    public long ExecveAt(int fd)
    {
        const ulong EmptyPath = 0x1000;
        long result = 0;
        Child(child =>
        {
            ulong path = child.Text(string.Empty);
            child.WriteNumbers(CallArea, path, 0);
            try
            {
                result = child.Sys(Unistd64.__NR_execveat, Arg(fd), path, CallArea, CallArea + 8, EmptyPath);
            }
            catch (AgentGoneException)
            {
                // It became another program.
                result = 0;
            }
        });
        return result;
    }

    public void RunForkedChild(Action<IUserMachine> program) => Child(program);

    public void RunExecutedChild(Action<IUserMachine> program) => Child(child =>
    {
        ulong at = AgentImage.Scratch;
        ulong name = at + 256;
        ulong argv = at + 1024;
        child.Write(at, "/proc/self/exe\0"u8);
        child.Write(name, Encoding.UTF8.GetBytes(_agent.SocketName + "\0probe\0"));
        child.WriteNumbers(argv, at, name, name + (ulong)_agent.SocketName.Length + 1, 0, 0);
        child._connection.SyscallWithoutReply(Unistd64.__NR_execve, at, argv, argv + 32);
        if (!child._connection.Closes(out AgentReply refused))
            throw new HostException($"the probe's image: {Errno.Name((int)refused.Value)}");
        using AgentConnection image = _agent.Accept();
        program(new HostMachine(child, image));
        image.Exit();
        image.Closes(out _);
    });

    public void Vacate(ulong end)
    {
        if (end <= _ceiling)
            return;
        Sys(Unistd64.__NR_munmap, _ceiling, end - _ceiling);
        _ceiling = end;
    }

    public void PlaceNextBelow(ulong end) => Vacate(end);

    public string Describe()
    {
        var text = new StringBuilder();
        foreach (MapsLine line in Lines().Where(l => !_fill.Contains(l.Inode)))
            text.AppendLine($"    {line.Area.Start:x}-{line.Area.End:x} {line.Area.Permissions} {line.Area.Offset:x} {line.Area.Name}");
        return text.ToString();
    }

    internal void SetLimit(int resource, ulong soft, ulong hard)
    {
        WriteNumbers(CallArea, soft, hard);
        long error = Sys(Unistd64.__NR_prlimit64, 0, (ulong)resource, CallArea, 0);
        if (error != 0)
            throw new HostException($"prlimit of {resource}: {Errno.Name((int)error)}");
    }

    /// <summary>The inode number in the name of a file without a name is another one every time.</summary>
    private static string Unnumbered(string name) =>
        name.StartsWith("/tmp/#", StringComparison.Ordinal) && name.EndsWith(" (deleted)", StringComparison.Ordinal) ? "/tmp/#1 (deleted)" : name;

    private static ulong Arg(long value) => unchecked((ulong)value);

    private static ulong Kb(string value) => ulong.Parse(value.Split(' ')[0], CultureInfo.InvariantCulture);

    private static long Value(Dictionary<string, ulong> table, string name) => (long)table.GetValueOrDefault(name);

    private static Dictionary<string, ulong> Table(string file)
    {
        var table = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (string line in System.IO.File.ReadLines(file))
        {
            string[] words = line.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && ulong.TryParse(words[1], CultureInfo.InvariantCulture, out ulong number))
                table[words[0]] = number;
        }

        return table;
    }

    /// <summary>What would change the host itself is no operation for it, whoever asks.</summary>
    private void Refuse(uint number, ulong fd, ulong advice)
    {
        const ulong HwPoison = 100;
        const ulong SoftOffline = 101;
        if (number == Unistd64.__NR_madvise && (uint)advice is (uint)HwPoison or (uint)SoftOffline)
            throw new HostException("memory of the host must not be poisoned");
        if (number is not (Unistd64.__NR_fchmod or Unistd64.__NR_fchown or Unistd64.__NR_utimensat or Unistd64.__NR_fsetxattr or Unistd64.__NR_fremovexattr))
            return;
        if (ReadLink((int)fd, out string target) == 0 && target.StartsWith("/dev/", StringComparison.Ordinal))
            throw new HostException($"{target} of the host must not be changed");
    }

    private long Sys(uint number, ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0, ulong e = 0) => _connection.Syscall(number, a, b, c, d, e, 0);

    private void Close(long fd) => Sys(Unistd64.__NR_close, (ulong)fd);

    private long OpenAt(string path, uint flags, uint mode = 0) => Sys(Unistd64.__NR_openat, Arg(AtFdcwd), Text(path), flags, mode);

    private ulong Text(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        Write(PathArea, bytes);
        return PathArea;
    }

    private void WriteNumbers(ulong at, params ReadOnlySpan<ulong> numbers)
    {
        byte[] bytes = new byte[numbers.Length * 8];
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * 8), numbers[i]);
        Write(at, bytes);
    }

    private void Child(Action<HostMachine> program)
    {
        long pid = _connection.Fork();
        if (pid < 0)
            throw new HostException($"fork: {Errno.Name((int)pid)}");
        using AgentConnection connection = _agent.Accept();
        program(new HostMachine(this, connection));
        try
        {
            connection.Exit();
        }
        catch (AgentGoneException)
        {
            // It is another program by now, or its own end came first.
        }

        Sys(Unistd64.__NR_wait4, (ulong)pid, 0, 0, 0);
        _agent.Ended((int)pid);
    }

    private List<MapsLine> Lines() => [.. System.IO.File.ReadLines($"/proc/{Pid}/maps").Select(MapsLine.Parse)];

    /// <summary>Fills every gap above an address up to where the kernel would begin its search.</summary>
    private void FillAbove(ulong start)
    {
        const ulong SharedAnonymousNoReserve = 0x104021;
        const ulong Page = 4096;
        long probe = Sys(Unistd64.__NR_mmap, 0, Page, 0, 0x22, Arg(-1));
        if (probe < 0)
            return;
        Sys(Unistd64.__NR_munmap, (ulong)probe, Page);
        ulong top = (ulong)probe + Page;
        ulong at = start;
        foreach (MapsLine line in Lines())
        {
            Gap(at, Math.Min(line.Area.Start, top));
            at = Math.Max(at, line.Area.End);
        }

        Gap(at, top);

        void Gap(ulong from, ulong to)
        {
            if (from >= to)
                return;
            long made = _connection.Syscall(Unistd64.__NR_mmap, from, to - from, 0, SharedAnonymousNoReserve, Arg(-1), 0);
            if (made < 0)
                return;
            _fill.Add(Lines().First(l => l.Area.Start == from).Inode);
        }
    }

    /// <summary>A line of /proc/PID/maps, also as smaps repeats it.</summary>
    private readonly record struct MapsLine(VmaInfo Area, string Inode)
    {
        internal static MapsLine Parse(string line)
        {
            string[] words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            string[] range = words[0].Split('-');
            var area = new VmaInfo(Hex(range[0]), Hex(range[1]), words[1], Hex(words[2]), words.Length > 5 ? Unnumbered(words[5]) : string.Empty);
            return new MapsLine(area, words[4] == "0" ? string.Empty : words[3] + "/" + words[4]);
        }

        private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
