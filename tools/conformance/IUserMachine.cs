// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Linux;

namespace KvmSharp.Conformance;

/// <summary>A signal that a load or store raised.</summary>
/// <param name="Number">SIGSEGV or SIGBUS.</param>
/// <param name="Code">si_code.</param>
/// <param name="Address">The faulting address.</param>
/// <param name="Done">Bytes completed before it.</param>
internal readonly record struct UserSignal(int Number, int Code, ulong Address, ulong Done);

/// <summary>
/// One process with one thread on some kernel: the model's, or the host's own. A session turns operations into these calls, the same ones for
/// both. Results of calls are the kernel's: negative is an errno.
/// </summary>
internal interface IUserMachine
{
    /// <summary>Bytes that the largest buffer has.</summary>
    const int MaxBuffer = 16 << 20;

    /// <summary>Gets the address of 64 KiB of the program's own memory, for arguments.</summary>
    ulong Scratch { get; }

    /// <summary>A system call by its x86-64 number.</summary>
    long Syscall(uint number, ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0, ulong e = 0, ulong f = 0);

    /// <summary>Memory of the program's own with at least that many bytes, each of the given value. The next call hands out the same memory.</summary>
    /// <param name="bytes">At most <see cref="MaxBuffer"/>.</param>
    /// <param name="fill">Value of each byte.</param>
    ulong Buffer(int bytes, byte fill);

    /// <summary>Copies out of the program's own memory.</summary>
    void Read(ulong address, Span<byte> data);

    /// <summary>Copies into the program's own memory.</summary>
    void Write(ulong address, ReadOnlySpan<byte> data);

    // The program's loads and stores, a byte at a time in ascending order. Null: no signal.
    UserSignal? Load(ulong address, Span<byte> data);

    UserSignal? Store(ulong address, ReadOnlySpan<byte> data);

    UserSignal? Fill(ulong address, ulong length, byte value);

    UserSignal? Scan(ulong address, ulong length, out ulong nonzero, out ulong sum);

    // What user space opens by name.
    long OpenKvm();

    long OpenNull();

    /// <summary>An unnamed file on a disk.</summary>
    long OpenDiskFile(bool direct);

    /// <summary><c>open("/proc/self/fd/N", flags)</c>.</summary>
    long Reopen(int fd, uint flags);

    // What user space reads in /proc.
    long ReadLink(int fd, out string text);

    /// <summary>pread or pwrite on /proc/self/mem.</summary>
    long ProcMem(ulong buffer, ulong address, ulong length, bool write);

    /// <summary>Areas of /proc/self/maps that begin in [start, end) or reach into it, in order.</summary>
    IReadOnlyList<VmaInfo> Areas(ulong start, ulong end);

    /// <summary>What /proc/self/smaps says of the area at an address that lies in one.</summary>
    SmapsInfo Smaps(ulong address);

    /// <summary>VmLck of /proc/self/status, in KiB.</summary>
    long LockedKb();

    DirectMapStatistics DirectMap();

    // Calls on objects that a session makes for one operation and closes at once.

    /// <summary>EPOLL_CTL_ADD of the descriptor to a new epoll instance.</summary>
    long EpollAdd(int fd);

    /// <summary>IORING_REGISTER_BUFFERS of one range on a new ring.</summary>
    long IoUringRegister(ulong address, ulong length);

    /// <summary>UFFDIO_REGISTER and then UFFDIO_UNREGISTER on a new userfaultfd.</summary>
    long UserfaultfdRegister(ulong address, ulong length, ulong mode, out ulong ioctls);

    /// <summary>Gives up CAP_IPC_LOCK for good.</summary>
    void DropIpcLock();

    // Other processes.

    /// <summary>A child calls <c>execveat(fd, "", AT_EMPTY_PATH)</c>.</summary>
    long ExecveAt(int fd);

    /// <summary>Runs the program as a forked child, to its exit.</summary>
    void RunForkedChild(Action<IUserMachine> program);

    /// <summary>The same, and the child starts a new program image first.</summary>
    void RunExecutedChild(Action<IUserMachine> program);

    // Where mappings go.

    /// <summary>The session is about to use addresses below <paramref name="end"/>; what keeps them free must give way.</summary>
    void Vacate(ulong end);

    /// <summary>The kernel's own next choice of an address shall end at <paramref name="end"/>, which is above everything mapped by the session.</summary>
    void PlaceNextBelow(ulong end);

    /// <summary>All areas as text.</summary>
    string Describe();
}
