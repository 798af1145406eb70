// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Text;

namespace KvmSharp.Fs.Tests;

/// <summary>A booted host and one program on it, which makes system calls by number. Expected results are those of a real Linux 6.18.</summary>
internal abstract class FsTest
{
    protected const string Ok = "0";
    protected const uint O_WRONLY = 1;
    protected const uint O_NONBLOCK = 0x800;
    protected const uint O_DIRECT = 0x4000;
    protected const uint O_CLOEXEC = 0x80000;
    protected const uint O_PATH = 0x200000;

    protected static void Run(Action<User> body)
    {
        using Host host = Host.Boot(new HostOptions { Cpus = 4, MemoryBytes = 64UL << 20, Strategy = "none" });
        UserProcess.Run(host.Kernel, "program", process => body(new User(process)));
        Assert.That(host.PowerDown(), Is.Empty);
    }

    /// <summary>What a call came to, as strace prints it: a number, or the errno's name.</summary>
    protected static string Said(long result) => result is < 0 and >= -4095 ? Errno.Name((int)result) : $"{result}";

    /// <summary>The program.</summary>
    internal sealed class User(UserProcess process)
    {
        internal UserProcess Process => process;

        internal ulong Scratch => process.Scratch;

        internal ulong Data => process.Scratch + 8192;

        internal long Call(uint number, params ReadOnlySpan<ulong> args)
        {
            ulong Arg(ReadOnlySpan<ulong> from, int i) => i < from.Length ? from[i] : 0;
            var regs = new pt_regs(Arg(args, 0), Arg(args, 1), Arg(args, 2), Arg(args, 3), Arg(args, 4), Arg(args, 5));
            return process.Syscall((number, regs), static s => Syscall64.x64_sys_call(s.regs, s.number));
        }

        internal string Sys(uint number, params ReadOnlySpan<ulong> args) => Said(Call(number, args));

        internal ulong Fd(uint number, params ReadOnlySpan<ulong> args)
        {
            long fd = Call(number, args);
            Assert.That(fd, Is.GreaterThanOrEqualTo(0), () => Said(fd));
            return (ulong)fd;
        }

        internal ulong Memfd(uint flags = 0) => Fd(__NR_memfd_create, Text("m"), flags);

        internal (ulong Read, ulong Write) Pipe(uint flags = O_NONBLOCK)
        {
            Assert.That(Sys(__NR_pipe2, Scratch, flags), Is.EqualTo(Ok));
            return (Word32(Scratch), Word32(Scratch + 4));
        }

        internal string Close(ulong fd) => Sys(__NR_close, fd);

        internal string Write(ulong fd, ulong bytes) => Sys(__NR_write, fd, Data, bytes);

        internal string Read(ulong fd, ulong bytes) => Sys(__NR_read, fd, Data, bytes);

        internal string Fcntl(ulong fd, int cmd, ulong arg = 0) => Sys(__NR_fcntl, fd, (ulong)cmd, arg);

        internal uint Poll(ulong fd, uint events = 5)
        {
            Put(Scratch, BitConverter.GetBytes((uint)fd));
            Put(Scratch + 4, BitConverter.GetBytes(events));
            _ = Call(__NR_poll, Scratch, 1, 0);
            return Word32(Scratch + 4) >> 16;
        }

        internal string Lock(ulong fd, int cmd, short type, long start, long length)
        {
            Span<byte> flock = stackalloc byte[32];
            flock.Clear();
            BinaryPrimitives.WriteInt16LittleEndian(flock, type);
            BinaryPrimitives.WriteInt64LittleEndian(flock[8..], start);
            BinaryPrimitives.WriteInt64LittleEndian(flock[16..], length);
            Put(Scratch, flock);
            return Fcntl(fd, cmd, Scratch);
        }

        internal ulong Text(string text)
        {
            Put(Scratch, Encoding.UTF8.GetBytes(text + "\0"));
            return Scratch;
        }

        internal void Put(ulong at, ReadOnlySpan<byte> bytes) => process.Write(at, bytes);

        internal byte[] Get(ulong at, int bytes)
        {
            var data = new byte[bytes];
            process.Read(at, data);
            return data;
        }

        internal uint Word32(ulong at) => BinaryPrimitives.ReadUInt32LittleEndian(Get(at, 4));

        /// <summary>A second thread of the program beside this one.</summary>
        internal void Beside(Action other, Action here) => process.RunThreads(("other", other), ("here", here));
    }
}
