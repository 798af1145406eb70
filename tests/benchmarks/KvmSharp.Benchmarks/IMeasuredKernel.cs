// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Benchmarks;

/// <summary>The system calls that are measured, of whichever kernel. A negative result is an errno.</summary>
internal interface IMeasuredKernel
{
    int Kvm { get; }

    long Ioctl(int fd, uint request, ulong arg);

    long Ioctl(int fd, uint request, ReadOnlySpan<byte> arg);

    long Fallocate(int fd, int mode, long offset, long length);

    long Ftruncate(int fd, long length);

    long MemfdSecret();

    ulong Map(int fd, ulong length, ulong offset = 0);

    long Unmap(ulong address, ulong length);

    long Close(int fd);

    /// <summary>Stores a byte into each page.</summary>
    void Touch(ulong address, ulong length);
}

/// <summary>The model, by way of a simulated process.</summary>
internal sealed class ModelKernel : IMeasuredKernel
{
    private static readonly byte[] One = [1];
    private readonly UserProcess _process;

    internal ModelKernel(UserProcess process)
    {
        _process = process;
        Kvm = process.OpenKvm();
    }

    public int Kvm { get; }

    public long Ioctl(int fd, uint request, ulong arg) => _process.Ioctl(fd, request, arg);

    public long Ioctl(int fd, uint request, ReadOnlySpan<byte> arg)
    {
        _process.Write(_process.Scratch, arg);
        return _process.Ioctl(fd, request, _process.Scratch);
    }

    public long Fallocate(int fd, int mode, long offset, long length) => _process.Fallocate(fd, mode, offset, length);

    public long Ftruncate(int fd, long length) => _process.Ftruncate(fd, length);

    public long MemfdSecret() => _process.Syscall(0U, static flags => (long)Secretmem.memfd_secret(flags));

    public ulong Map(int fd, ulong length, ulong offset = 0) => (ulong)_process.Mmap(0, length, 3, 1, fd, offset);

    public long Unmap(ulong address, ulong length) => _process.Munmap(address, length);

    public long Close(int fd) => _process.Close(fd);

    public void Touch(ulong address, ulong length)
    {
        for (ulong at = 0; at < length; at += 4096)
            _process.Write(address + at, One);
    }
}

/// <summary>The host's own kernel. Its devices may be missing.</summary>
internal sealed unsafe partial class HostKernel : IMeasuredKernel, IDisposable
{
    private const int ReadWrite = 2;
    private const int CloseOnExec = 0x80000;
    private const int MemfdSecretNumber = 447;
    private const uint CheckExtension = 0xAE03;
    private const ulong GuestMemfd = 234;
    private readonly byte* _argument = (byte*)NativeMemory.AllocZeroed(4096);

    private HostKernel(int kvm) => Kvm = kvm;

    public int Kvm { get; }

    /// <summary>Null, and why, where the host has not what is measured.</summary>
    internal static HostKernel? Open(out string why)
    {
        int kvm = SysOpen("/dev/kvm", ReadWrite | CloseOnExec);
        if (kvm < 0)
        {
            why = $"/dev/kvm cannot be opened ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())})";
            return null;
        }

        var host = new HostKernel(kvm);
        if (host.Ioctl(kvm, CheckExtension, GuestMemfd) <= 0)
        {
            why = "its KVM has no guest_memfd";
            return null;
        }

        long secret = host.MemfdSecret();
        if (secret < 0)
        {
            why = $"memfd_secret is refused ({Marshal.GetPInvokeErrorMessage((int)-secret)})";
            return null;
        }

        host.Close((int)secret);
        why = string.Empty;
        return host;
    }

    public long Ioctl(int fd, uint request, ulong arg) => Result(SysIoctl(fd, request, arg));

    public long Ioctl(int fd, uint request, ReadOnlySpan<byte> arg)
    {
        arg.CopyTo(new Span<byte>(_argument, 4096));
        return Ioctl(fd, request, (ulong)_argument);
    }

    public long Fallocate(int fd, int mode, long offset, long length) => Result(SysFallocate(fd, mode, offset, length));

    public long Ftruncate(int fd, long length) => Result(SysFtruncate(fd, length));

    public long MemfdSecret() => Result(SysCall(MemfdSecretNumber, 0));

    public ulong Map(int fd, ulong length, ulong offset = 0) => (ulong)SysMmap(null, (nuint)length, 3, 1, fd, (long)offset);

    public long Unmap(ulong address, ulong length) => Result(SysMunmap((void*)address, (nuint)length));

    public long Close(int fd) => Result(SysClose(fd));

    public void Touch(ulong address, ulong length)
    {
        for (ulong at = 0; at < length; at += 4096)
            Volatile.Write(ref *(byte*)(address + at), 1);
    }

    public void Dispose()
    {
        NativeMemory.Free(_argument);
        Close(Kvm);
    }

    private static long Result(long result) => result == -1 ? -Marshal.GetLastPInvokeError() : result;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SysOpen(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int SysIoctl(int fd, nuint request, ulong arg);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int SysFallocate(int fd, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int SysFtruncate(int fd, long length);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SysCall(long number, long first);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* SysMmap(void* address, nuint length, int prot, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int SysMunmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int SysClose(int fd);
}

/// <summary>KVM's calls over either kernel.</summary>
internal static class MeasuredKernelExtensions
{
    private const uint CreateVmRequest = 0xAE01;
    private const uint CreateGuestMemfdRequest = 0xC040AED4;
    private const uint SetUserMemoryRegion2 = 0x40A0AE49;
    private const uint MemGuestMemfd = 4;
    private const ulong MmapInitShared = 3;

    extension(IMeasuredKernel kernel)
    {
        internal int CreateVm() => Fd(kernel.Ioctl(kernel.Kvm, CreateVmRequest, 0));

        internal int CreateGuestMemfd(int vm, ulong bytes)
        {
            Span<byte> arg = stackalloc byte[64];
            arg.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(arg, bytes);
            BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], MmapInitShared);
            return Fd(kernel.Ioctl(vm, CreateGuestMemfdRequest, arg));
        }

        /// <summary>Binds a part of a guest_memfd to a slot; a size of 0 deletes the slot.</summary>
        internal void SetRegion(int vm, int slot, ulong gpa, ulong bytes, ulong hva, int gmem, ulong offset)
        {
            Span<byte> arg = stackalloc byte[160];
            arg.Clear();
            BinaryPrimitives.WriteInt32LittleEndian(arg, slot);
            BinaryPrimitives.WriteUInt32LittleEndian(arg[4..], MemGuestMemfd);
            BinaryPrimitives.WriteUInt64LittleEndian(arg[8..], gpa);
            BinaryPrimitives.WriteUInt64LittleEndian(arg[16..], bytes);
            BinaryPrimitives.WriteUInt64LittleEndian(arg[24..], hva);
            BinaryPrimitives.WriteUInt64LittleEndian(arg[32..], offset);
            BinaryPrimitives.WriteInt32LittleEndian(arg[40..], gmem);
            Must(kernel.Ioctl(vm, SetUserMemoryRegion2, arg));
        }
    }

    internal static int Fd(long result) => (int)Must(result);

    internal static long Must(long result) =>
        result >= 0 ? result : throw new InvalidOperationException($"a measured call failed: {Errno.Name((int)result)}");
}
